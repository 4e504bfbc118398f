"""RSA keys: what belongs together is accepted and nothing else; failures do not tell why."""

from __future__ import annotations

from math import gcd, lcm

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from localvault.algorithms.jwk import decode, encode_integer
from localvault.algorithms.material import import_key
from localvault.algorithms.rsa import RsaKey
from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature, VaultClosed
from tests.support.keys import fresh, key

SCHEMES = ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"]
LIMITS = {"RSA-OAEP": 256 - 42, "RSA-OAEP-256": 256 - 66, "RSA1_5": 256 - 11}
SIGNATURES = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]


def numbers() -> rsa.RSAPrivateNumbers:
    """The numbers of the test key."""
    own = key("RSA-2048")
    assert isinstance(own, RsaKey)
    return own.private().private_numbers()


def jwk_of(**changes: int) -> dict[str, str]:
    """The test key as a JSON Web Key with some numbers replaced."""
    return key("RSA-2048").private_jwk() | {name: encode_integer(value) for name, value in changes.items()}


@settings(max_examples=40)
@given(st.sampled_from(SCHEMES), st.data())
def test_what_is_encrypted_or_wrapped_comes_back(scheme: str, data: st.DataObject) -> None:
    """Up to the scheme's limit."""
    own, plaintext = key("RSA-2048"), data.draw(st.binary(max_size=LIMITS[scheme]))
    assert own.decrypt(scheme, own.encrypt(scheme, plaintext).ciphertext, allow_rsa1_5=True) == plaintext
    assert own.unwrap(scheme, own.wrap(scheme, plaintext), allow_rsa1_5=True) == plaintext


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_limit_of_each_scheme_is_exact(scheme: str) -> None:
    """One byte more is refused with the limit in the sentence."""
    key("RSA-2048").encrypt(scheme, bytes(LIMITS[scheme]))
    with pytest.raises(BadParameter, match=f"at most {LIMITS[scheme]} bytes"):
        key("RSA-2048").encrypt(scheme, bytes(LIMITS[scheme] + 1))


@settings(max_examples=40)
@given(st.sampled_from(SCHEMES[:2]), st.binary(max_size=300) | st.binary(min_size=256, max_size=256))
def test_every_failure_of_oaep_is_one_error(scheme: str, ciphertext: bytes) -> None:
    """A wrong length, a number above the modulus and a wrong padding read the same."""
    with pytest.raises(DecryptionFailed) as caught:
        key("RSA-2048").decrypt(scheme, ciphertext)
    assert caught.value.message == "the ciphertext does not open with this key and algorithm"
    assert caught.value.__cause__ is None


def test_rsa1_5_decrypts_only_where_asked_for() -> None:
    """Encrypting needs no asking; decrypting and unwrapping do."""
    own = key("RSA-2048")
    wrapped = own.wrap("RSA1_5", b"key")
    with pytest.raises(BadParameter):
        own.unwrap("RSA1_5", wrapped)
    with pytest.raises(BadParameter):
        own.decrypt("RSA1_5", wrapped)


@settings(max_examples=20)
@given(st.binary(min_size=255, max_size=255))
def test_a_wrong_rsa1_5_padding_gives_bytes_instead_of_an_error(ciphertext: bytes) -> None:
    """The same ones each time (implicit rejection), so that no caller becomes a padding oracle by accident."""
    own = key("RSA-2048")
    first = own.decrypt("RSA1_5", b"\0" + ciphertext, allow_rsa1_5=True)
    assert own.decrypt("RSA1_5", b"\0" + ciphertext, allow_rsa1_5=True) == first


@pytest.mark.parametrize("length", [0, 255, 257])
def test_an_rsa1_5_ciphertext_of_another_length_fails(length: int) -> None:
    """Its length is no secret."""
    with pytest.raises(DecryptionFailed):
        key("RSA-2048").decrypt("RSA1_5", bytes(length), allow_rsa1_5=True)


@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_a_signature_is_good_for_its_digest_alone(algorithm: str) -> None:
    """Not for another digest, another algorithm, or with a bit altered; RS is deterministic, PS is not."""
    own, width = key("RSA-2048"), int(algorithm[2:]) // 8
    digest = bytes(range(width))
    signature = own.sign(algorithm, digest)
    own.verify(algorithm, digest, signature)
    assert (own.sign(algorithm, digest) == signature) == algorithm.startswith("RS")
    sibling = ("PS" if algorithm.startswith("RS") else "RS") + algorithm[2:]
    for name, message, claimed in (
        (algorithm, bytes(width), signature),
        (sibling, digest, signature),
        (algorithm, digest, signature[:-1] + bytes((signature[-1] ^ 1,))),
        (algorithm, digest, signature[:-1]),
        (algorithm, digest, b""),
    ):
        with pytest.raises(InvalidSignature):
            own.verify(name, message, claimed)


@pytest.mark.parametrize("algorithm", SIGNATURES)
@given(length=st.integers(0, 100))
def test_a_digest_of_another_length_is_refused(algorithm: str, length: int) -> None:
    """By `sign` and `verify` alike."""
    if length == int(algorithm[2:]) // 8:
        return
    with pytest.raises(BadParameter):
        key("RSA-2048").sign(algorithm, bytes(length))
    with pytest.raises(BadParameter):
        key("RSA-2048").verify(algorithm, bytes(length), bytes(256))


@pytest.mark.parametrize("name", ["n", "e", "d", "p", "q", "dp", "dq", "qi"])
def test_a_key_with_one_wrong_number_is_refused(name: str) -> None:
    """Each of the eight numbers is checked against the others."""
    members = key("RSA-2048").private_jwk()
    wrong = int.from_bytes(decode(members[name], name), "big") + 2
    with pytest.raises(BadParameter):
        import_key(members | {name: encode_integer(wrong)})


def test_composite_primes_are_refused() -> None:
    """A p that is a multiple of 3 does not pass, though n, d, dp, dq and qi were all made to fit it."""
    q = numbers().q
    p = next(
        p
        for p in range(numbers().p, numbers().p + 1000, 2)
        if p % 3 == 0 and gcd(65537 * q, p * (p - 1)) == 1
    )
    d = pow(65537, -1, lcm(p - 1, q - 1))
    with pytest.raises(BadParameter, match="belong together"):
        import_key(jwk_of(n=p * q, p=p, q=q, d=d, dp=d % (p - 1), dq=d % (q - 1), qi=pow(q, -1, p)))


def test_primes_that_fermat_finds_are_refused() -> None:
    """Two primes side by side make a modulus that anyone can factor."""
    p = 0xC000 << 1008 | 1
    primes: list[int] = []
    while len(primes) < 2:
        if pow(2, p - 1, p) == 1 and (p - 1) % 65537:
            primes.append(p)
        p += 2
    q, p = primes
    d = pow(65537, -1, lcm(p - 1, q - 1))
    with pytest.raises(BadParameter, match="close together"):
        import_key(jwk_of(n=p * q, p=p, q=q, d=d, dp=d % (p - 1), dq=d % (q - 1), qi=pow(q, -1, p)))


@pytest.mark.parametrize("size", [512, 1024, 2040, 2056, 5120, 8192])
def test_other_sizes_are_refused(size: int) -> None:
    """Also of public keys, and before anything slow is done with them."""
    modulus = (1 << size - 1) + 1
    with pytest.raises(BadParameter, match=f"{size} bits"):
        import_key({"kty": "RSA", "n": encode_integer(modulus), "e": "AQAB"})


@pytest.mark.parametrize("exponent", [0, 1, 2, 4, 65536, (1 << 64) + 1, 1 << 2000 | 1])
def test_an_exponent_out_of_policy_is_refused(exponent: int) -> None:
    """Odd, from 3, of at most 64 bits."""
    with pytest.raises(BadParameter):
        import_key(
            {"kty": "RSA", "n": encode_integer(numbers().public_numbers.n), "e": encode_integer(exponent)}
        )


def test_an_exponent_of_3_is_accepted() -> None:
    """Such keys exist and are sound under the paddings offered."""
    made = rsa.generate_private_key(3, 2048)
    der = made.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    own = import_key(der)
    own.verify("PS256", bytes(32), own.sign("PS256", bytes(32)))


@pytest.mark.parametrize("missing", ["d", "p", "q", "dp", "dq", "qi"])
def test_a_private_key_needs_all_its_numbers(missing: str) -> None:
    """Without d it is a public key; without one of the others it is none."""
    members = key("RSA-2048").private_jwk()
    del members[missing]
    if missing == "d":
        assert not import_key(members).is_private
    else:
        with pytest.raises(BadParameter, match=missing):
            import_key(members)


def test_more_than_two_primes_are_refused() -> None:
    """RFC 7518 has `oth` for them."""
    with pytest.raises(BadParameter):
        import_key(key("RSA-2048").private_jwk() | {"oth": [{}]})  # type: ignore[dict-item]  # as JSON would have it


def test_zero_bytes_in_front_of_numbers_are_read() -> None:
    """Key Vault's own tests send them."""
    members = key("RSA-2048").private_jwk()
    for name in ("n", "e", "d", "p", "q", "dp", "dq", "qi"):
        number = decode(members[name], name)
        members[name] = encode_integer(int.from_bytes(number, "big"), len(number) + 1)
    assert import_key(members).encode() == key("RSA-2048").encode()


def test_a_public_part_encrypts_wraps_and_verifies_only() -> None:
    """And what it made the private part opens."""
    own = key("RSA-2048")
    public = import_key(own.public_key().jwk())  # type: ignore[union-attr]  # an RSA key has one
    assert not public.is_private
    assert own.decrypt("RSA-OAEP", public.encrypt("RSA-OAEP", b"text").ciphertext) == b"text"
    public.verify("RS256", bytes(32), own.sign("RS256", bytes(32)))
    for attempt in (
        lambda: public.decrypt("RSA-OAEP", bytes(256)),
        lambda: public.unwrap("RSA-OAEP", bytes(256)),
        lambda: public.sign("RS256", bytes(32)),
        public.private_pem,
        public.private_jwk,
    ):
        with pytest.raises(BadParameter):
            attempt()


def test_a_wiped_key_is_of_no_use() -> None:
    """Every verb raises `VaultClosed`."""
    own = import_key(key("RSA-2048").private_jwk())
    own.wipe()
    for attempt in (
        lambda: own.sign("RS256", bytes(32)),
        lambda: own.verify("RS256", bytes(32), bytes(256)),
        lambda: own.encrypt("RSA-OAEP", b""),
        lambda: own.decrypt("RSA-OAEP", bytes(256)),
        own.public_der,
        own.private_jwk,
    ):
        with pytest.raises(VaultClosed):
            attempt()


def test_new_keys_have_the_size_asked_for() -> None:
    """And the exponent 65537."""
    own = fresh("RSA-3072")
    assert isinstance(own, RsaKey)
    assert (own.size, own.public().key_size, own.public().public_numbers().e) == (3072, 3072, 65537)


@pytest.mark.parametrize("extra", [{"iv": bytes(12)}, {"aad": b"more"}])
def test_an_iv_or_additional_data_is_refused(extra: dict[str, bytes]) -> None:
    """RSA has no place for them, so they would be silently lost."""
    with pytest.raises(BadParameter):
        key("RSA-2048").encrypt("RSA-OAEP", b"text", **extra)
    with pytest.raises(BadParameter):
        key("RSA-2048").decrypt("RSA-OAEP", bytes(256), **extra)
