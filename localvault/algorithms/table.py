"""Which algorithms there are, which key each needs, and which operations a key may be given: all as data.

Sources: RFC 7518 (RSA, EC, AES, HMAC names), RFC 8037 (EdDSA), RFC 8812 (ES256K), Key Vault's reference for CBC, CBCPAD
and for the operation names. Promises: what has no row in `ALGORITHMS` is not offered by any key.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Final, NamedTuple, TypeVar

from localvault.errors import BadParameter, KeyOperationForbidden

T = TypeVar("T", int, str)
ENCRYPT, WRAP, SIGN = "encrypt", "wrap", "sign"


class Algorithm(NamedTuple):
    """One row: what it is for and the key it takes."""

    name: str
    kty: str
    uses: tuple[str, ...]
    size: int | None = None
    """The key's size in bits, where only one will do."""
    curve: str | None = None
    """The key's curve, where only one will do."""
    digest: str | None = None
    """The hash function, by its `hashlib` name."""


def _rows() -> Iterable[Algorithm]:
    yield Algorithm("RSA-OAEP", "RSA", (ENCRYPT, WRAP), digest="sha1")
    yield Algorithm("RSA-OAEP-256", "RSA", (ENCRYPT, WRAP), digest="sha256")
    yield Algorithm("RSA1_5", "RSA", (ENCRYPT, WRAP))
    for size in (128, 192, 256):
        yield Algorithm(f"A{size}GCM", "oct", (ENCRYPT,), size=size)
        yield Algorithm(f"A{size}CBC", "oct", (ENCRYPT,), size=size)
        yield Algorithm(f"A{size}CBCPAD", "oct", (ENCRYPT,), size=size)
        yield Algorithm(f"A{size}KW", "oct", (WRAP,), size=size)
    for bits in (256, 384, 512):
        yield Algorithm(f"RS{bits}", "RSA", (SIGN,), digest=f"sha{bits}")
        yield Algorithm(f"PS{bits}", "RSA", (SIGN,), digest=f"sha{bits}")
        yield Algorithm(f"HS{bits}", "oct", (SIGN,), digest=f"sha{bits}")
    yield Algorithm("ES256", "EC", (SIGN,), curve="P-256", digest="sha256")
    yield Algorithm("ES384", "EC", (SIGN,), curve="P-384", digest="sha384")
    yield Algorithm("ES512", "EC", (SIGN,), curve="P-521", digest="sha512")
    yield Algorithm("ES256K", "EC", (SIGN,), curve="P-256K", digest="sha256")
    yield Algorithm("EdDSA", "OKP", (SIGN,), curve="Ed25519")


ALGORITHMS: Final = {row.name: row for row in _rows()}
DIGEST_BYTES: Final = {"sha256": 32, "sha384": 48, "sha512": 64}

SIZES: Final = {"RSA": (2048, 3072, 4096), "oct": (128, 192, 256)}
CURVES: Final = {"EC": ("P-256", "P-384", "P-521", "P-256K"), "OKP": ("Ed25519", "X25519")}
# RSA: Key Vault makes 2048 bits unless told otherwise, which NIST SP 800-57 part 1 (rev. 5, table 4) ends with 2030;
# keys in a vault live longer than that, so the default here is the next size.
_DEFAULT_SIZE: Final = {"RSA": 3072, "oct": 256}
_DEFAULT_CURVE: Final = {"EC": "P-256", "OKP": "Ed25519"}
KEY_TYPES: Final = (*SIZES, *CURVES)

OPERATIONS: Final = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
_PUBLIC_OPERATIONS: Final = frozenset({"encrypt", "verify", "wrapKey"})
_USE_OF: Final = {
    "encrypt": ENCRYPT,
    "decrypt": ENCRYPT,
    "sign": SIGN,
    "verify": SIGN,
    "wrapKey": WRAP,
    "unwrapKey": WRAP,
}


def check_shape(kty: str, size: int | None, curve: str | None) -> tuple[int | None, str | None]:
    """Return the size (bits; RSA, oct) or the curve (EC, OKP) of a key to make, the default where neither is given.

    Raises:
        BadParameter: no such key type, size or curve, or one that does not belong to the type.
    """
    if kty in SIZES and curve is None:
        return _one_of(
            size if size is not None else _DEFAULT_SIZE[kty], SIZES[kty], f"the size of an {kty} key"
        ), None
    if kty in CURVES and size is None:
        return None, _one_of(
            curve if curve is not None else _DEFAULT_CURVE[kty], CURVES[kty], f"the curve of an {kty} key"
        )
    _one_of(kty, KEY_TYPES, "a key type")
    raise BadParameter(
        f"an {kty} key has a {'size' if kty in SIZES else 'curve'}, and nothing else to choose"
    )


def default_operations(kty: str, *, curve: str | None = None, public_only: bool = False) -> tuple[str, ...]:
    """Return every operation a key of this type and curve can do, which is what it may do unless told otherwise.

    As in Key Vault an RSA key may both decrypt and sign; an oct key likewise serves AES and HMAC. That is sound here
    (RSA: separate encodings; AES and HMAC share no structure), still one use per key is better practice
    (NIST SP 800-57 part 1, 5.2): name the operations when making the key. An X25519 key has none.
    """
    uses = {
        use
        for row in ALGORITHMS.values()
        if row.kty == kty and (curve is None or row.curve is None or row.curve == curve)
        for use in row.uses
    }
    possible = tuple(operation for operation in OPERATIONS if _USE_OF[operation] in uses)
    return tuple(filter(_PUBLIC_OPERATIONS.__contains__, possible)) if public_only else possible


def check_operations(
    kty: str, operations: Iterable[str] | None, *, curve: str | None = None, public_only: bool = False
) -> tuple[str, ...]:
    """Return the operations a key is to be permitted, each once, in the order of `OPERATIONS`; None: the default.

    Raises:
        BadParameter: an operation that does not exist or that such a key cannot do.
    """
    possible = default_operations(kty, curve=curve, public_only=public_only)
    if operations is None:
        return possible
    if isinstance(operations, str):
        raise BadParameter(f"operations are a list, such as [{operations!r}]")
    asked = set(operations)
    for operation in asked:
        _one_of(operation, OPERATIONS, "an operation")
        if operation not in possible:
            raise BadParameter(
                f"{_article(curve or kty)} key cannot {operation}",
                hint=f"it can: {', '.join(possible)}" if possible else None,
            )
    return tuple(filter(asked.__contains__, OPERATIONS))


def require_operation(permitted: Container[str], operation: str) -> None:
    """Check that `operation` is among those a key is permitted.

    Raises:
        KeyOperationForbidden: it is not.
    """
    if operation not in permitted:
        raise KeyOperationForbidden(f"the key's permitted operations do not include {operation}")


def algorithm(
    name: str, use: str, kty: str, *, size: int | None = None, curve: str | None = None
) -> Algorithm:
    """Return the row of algorithm `name`, if a key of this type, size and curve can use it for `use`.

    Raises:
        BadParameter: no such algorithm, or not one for this key or this use; the sentence names those that are.
    """
    row = ALGORITHMS.get(name)
    if (
        row is not None
        and use in row.uses
        and row.kty == kty
        and row.size in (None, size)
        and row.curve in (None, curve)
    ):
        return row
    fitting = [
        other.name
        for other in ALGORITHMS.values()
        if use in other.uses
        and other.kty == kty
        and other.size in (None, size)
        and other.curve in (None, curve)
    ]
    key = f"{_article(curve or kty)} key" + (f" of {size} bits" if size else "")
    if not fitting:
        raise BadParameter(f"{key} cannot {use}")
    shown = repr(name)[:40] if row is None else name
    raise BadParameter(
        f"{shown} is not an algorithm {key} can {use} with", hint=f"use {' or '.join(fitting)}"
    )


def _one_of(value: T, choices: tuple[T, ...], what: str) -> T:
    if value not in choices:
        raise BadParameter(f"{repr(value)[:40]} is not {what}", hint=f"use {', '.join(map(str, choices))}")
    return value


def _article(noun: str) -> str:
    return f"an {noun}" if noun in ("RSA", "EC", "oct", "OKP", "Ed25519", "X25519") else f"a {noun}"
