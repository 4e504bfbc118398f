"""Key material as the rooms above see it: `generate`, `import_key`, `decode`.

Relies on the four key types beside it. Promises: `import_key` takes nothing that is not a whole, consistent key of an
offered type and size, and answers anything else, however hostile, with `BadParameter` soon (64 KiB at most are looked
at, and no password costs more than `pkcs8` allows); `decode` trusts its input, which `encode` made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from localvault.algorithms import jwk, pkcs8, public
from localvault.algorithms.asymmetric import PUBLIC_ONLY
from localvault.algorithms.base import Encrypted, KeyMaterial
from localvault.algorithms.ec import EcKey
from localvault.algorithms.oct import OctKey
from localvault.algorithms.okp import OkpKey
from localvault.algorithms.rsa import RsaKey
from localvault.algorithms.table import check_shape
from localvault.errors import BadParameter, Damaged, NewerFormat

if TYPE_CHECKING:
    from cryptography.utils import Buffer

__all__ = ["Encrypted", "KeyMaterial", "OctKey", "decode", "generate", "import_key", "is_private"]

# An RSA-4096 key in encrypted PEM has 3.4 KB.
MATERIAL_MAX = 64 * 1024
_FROM_JWK: dict[str, Callable[[jwk.Members], KeyMaterial]] = {
    "RSA": RsaKey.from_jwk,
    "EC": EcKey.from_jwk,
    "oct": OctKey.from_jwk,
    "OKP": OkpKey.from_jwk,
}
_PRIVATE_LABELS = (b"PRIVATE KEY", b"ENCRYPTED PRIVATE KEY", b"RSA PRIVATE KEY", b"EC PRIVATE KEY")
_PUBLIC_LABEL = b"PUBLIC KEY"
_UNREADABLE = "this is not a private key that can be read, or its password is wrong"


def generate(kty: str, *, size: int | None = None, curve: str | None = None) -> KeyMaterial:
    """Make a key: RSA (2048, 3072, 4096 bits), oct (128, 192, 256), EC (P-256 …) or OKP (Ed25519, X25519).

    Raises:
        BadParameter: no such type, size or curve.
    """
    bits, name = check_shape(kty, size, curve)
    if bits is not None:
        return RsaKey.generate(bits) if kty == "RSA" else OctKey.generate(bits)
    return EcKey.generate(name or "") if kty == "EC" else OkpKey.generate(name or "")


def decode(encoded: Buffer) -> KeyMaterial:
    """Return the key that `KeyMaterial.encode` made bytes of, read in place.

    Only for bytes that were authenticated: an RSA key is not checked again (0.1 s for 3072 bits), because it was when
    it came in, and no one else could have written the record it comes from.

    Raises:
        Damaged: not what `encode` made.
        NewerFormat: a key type this localvault does not know.
    """
    window = memoryview(encoded).cast("B")
    try:
        type_byte, body = window[0], window[1:]
        if type_byte == OctKey.type_byte:
            return OctKey(body)
        if type_byte & ~PUBLIC_ONLY not in (RsaKey.type_byte, EcKey.type_byte, OkpKey.type_byte):
            raise NewerFormat("the key is of a type this localvault does not know")
        if type_byte & PUBLIC_ONLY:
            made = _public(public.load(bytes(body)))
        else:
            made = _private(load_der_private_key(body, None, unsafe_skip_rsa_key_validation=True), RsaKey.of)
    except (IndexError, TypeError, ValueError):
        raise Damaged("the stored key material cannot be read") from None
    if made.type_byte != type_byte & ~PUBLIC_ONLY:
        raise Damaged("the stored key material is not of the type it says")
    return made


def is_private(encoded: Buffer) -> bool:
    """Return whether what `KeyMaterial.encode` made bytes of has its private part, without reading it."""
    return not encoded[0] & PUBLIC_ONLY


def import_key(
    material: str | Buffer | Mapping[str, Any], *, password: str | bytes | None = None
) -> KeyMaterial:
    """Read a key: PEM (also encrypted), DER (PKCS#8, PKCS#1, SEC 1, SPKI), or a JSON Web Key as text or mapping.

    A public key gives one that encrypts, wraps and verifies, and says so by `is_private`. A key marked as being for
    RSASSA-PSS alone (RFC 4055) becomes an RSA key like any other: here the algorithm is named with every operation.

    Raises:
        BadParameter: anything that is not one whole, consistent key of an offered type and size, or a password that is
            wrong, missing or not needed.
    """
    secret = password.encode("utf-8", "surrogatepass") if isinstance(password, str) else password
    if isinstance(material, Mapping):
        return _import_jwk(dict(material), secret)
    data = _bytes_of(material)
    if len(data) > MATERIAL_MAX:
        raise BadParameter(f"{len(data)} bytes are too long for a key: {MATERIAL_MAX} at most")
    if data.lstrip()[:1] == b"{":
        return _import_jwk(jwk.parse(data), secret)
    if b"-----BEGIN " in data:
        return _import_pem(data, secret)
    return _import_der(data, secret)


def _bytes_of(material: object) -> bytes:
    if isinstance(material, str):
        return material.encode("utf-8", "surrogatepass")
    try:
        return bytes(memoryview(material))  # type: ignore[arg-type]  # what is no buffer raises TypeError here
    except TypeError:
        raise BadParameter("a key is imported from text, bytes or the mapping of a JSON Web Key") from None


def _import_jwk(members: dict[str, Any], password: bytes | None) -> KeyMaterial:
    if password is not None:
        raise BadParameter("a JSON Web Key is not encrypted, so it takes no password")
    read = jwk.Members(members)
    maker = _FROM_JWK.get(read.text("kty"))
    if maker is None:
        raise BadParameter(
            "the key type of the JSON Web Key is not offered", hint=f"use {', '.join(_FROM_JWK)}"
        )
    return maker(read)


def _import_pem(text: bytes, password: bytes | None) -> KeyMaterial:
    """The one private key of a text; where there is none, the one public key."""
    blocks = list(pkcs8.blocks(text))
    found = [block for block in blocks if block.label in _PRIVATE_LABELS] or [
        block for block in blocks if block.label == _PUBLIC_LABEL
    ]
    if len(found) != 1:
        raise BadParameter(
            f"the PEM text holds {len(found)} keys that can be read, where one is asked for",
            hint="private keys are read as PKCS#8, PKCS#1 or SEC 1; `openssl pkey` and `ssh-keygen -m PKCS8` make them",
        )
    block = found[0]
    if not block.headers:
        return _import_der(block.der, password)
    # The old encryption of OpenSSL (Proc-Type, DEK-Info): one round of MD5, so its password protects little and there
    # is nothing to bound.
    return _checked(lambda: load_pem_private_key(block.text, password, unsafe_skip_rsa_key_validation=True))


def _import_der(der: bytes, password: bytes | None) -> KeyMaterial:
    kind = pkcs8.kind(der)
    if kind == "encrypted" and not password:
        raise BadParameter("the key is encrypted", hint="give its password")
    if kind != "encrypted" and password is not None:
        raise BadParameter("the key is not encrypted, so it takes no password")
    if kind == "public":
        return _public(public.load(der))
    return _checked(lambda: load_der_private_key(der, password, unsafe_skip_rsa_key_validation=True))


def _checked(load: Callable[[], object]) -> KeyMaterial:
    """The library's own words are not passed on: they tell too much (of the key) and too little (to the caller)."""
    try:
        key = load()
    except Exception:
        raise BadParameter(_UNREADABLE) from None
    return _private(key, RsaKey.checked)


def _private(key: object, of_rsa: Callable[[RSAPrivateKey], RsaKey]) -> KeyMaterial:
    if isinstance(key, RSAPrivateKey):
        return of_rsa(key)
    if isinstance(key, EllipticCurvePrivateKey):
        return EcKey.of(key)
    if isinstance(key, Ed25519PrivateKey | X25519PrivateKey):
        return OkpKey.of(key)
    raise BadParameter("this private key is of a type that is not offered")


def _public(key: public.AnyPublicKey) -> KeyMaterial:
    if isinstance(key, RSAPublicKey):
        return RsaKey.of_public(key)
    if isinstance(key, EllipticCurvePublicKey):
        return EcKey.of_public(key)
    return OkpKey.of_public(key)
