"""PEM and PKCS#8: what is written opens elsewhere, and no text costs more than it may."""

from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault.algorithms import pkcs8
from localvault.algorithms.asymmetric import AsymmetricKey
from localvault.algorithms.material import import_key
from localvault.errors import BadParameter
from tests.support.keys import ASYMMETRIC, key


def spki(name: str) -> bytes:
    """The public part of a test key."""
    der = key(name).public_der()
    assert der is not None
    return der


def der(name: str) -> bytes:
    """The private part of a test key, as PKCS#8."""
    return key(name).encode()[1:]


@pytest.mark.parametrize("name", ASYMMETRIC)
@pytest.mark.parametrize("password", ["correct horse", "pässwörd ✓", b"\x00\xff"])
def test_encrypted_pem_opens_with_its_password_alone(name: str, password: str | bytes) -> None:
    """Here and in the library itself; with another one, none, or for a key that needs none, it does not."""
    own = key(name)
    text = own.private_pem(password)
    assert import_key(text, password=password).encode() == own.encode()
    secret = password.encode() if isinstance(password, str) else password
    assert serialization.load_pem_private_key(text.encode(), secret)
    with pytest.raises(BadParameter):
        import_key(text, password="wrong")
    with pytest.raises(BadParameter, match="encrypted"):
        import_key(text)
    with pytest.raises(BadParameter, match="no password"):
        import_key(own.private_pem(), password=password)


def test_an_empty_password_is_refused() -> None:
    """It protects nothing."""
    for password in ("", b""):
        with pytest.raises(BadParameter):
            key("EC-P-256").private_pem(password)
        with pytest.raises(BadParameter):
            import_key(key("EC-P-256").private_pem("something"), password=password)


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_every_form_of_a_key_is_read(name: str) -> None:
    """PKCS#8, PKCS#1 or SEC 1, in PEM and DER; and the public part."""
    own = key(name)
    assert isinstance(own, AsymmetricKey)
    formats = [serialization.PrivateFormat.PKCS8]
    if own.kty != "OKP":
        formats.append(serialization.PrivateFormat.TraditionalOpenSSL)
    for form in formats:
        for encoding in (serialization.Encoding.PEM, serialization.Encoding.DER):
            data = own.private().private_bytes(encoding, form, serialization.NoEncryption())
            assert import_key(data).encode() == own.encode()
    public = own.public_key()
    assert import_key(public.pem()).public_key() == import_key(public.der()).public_key() == public
    assert serialization.load_pem_public_key(public.pem().encode()) == own.public()


def test_a_text_may_hold_more_than_the_key() -> None:
    """Words around it, its parameters, its public part, a certificate: one private key is what counts."""
    own = key("EC-P-256")
    text = (
        "Bag Attributes\n    localKeyID: 01\n"
        "-----BEGIN EC PARAMETERS-----\r\nBggqhkjOPQMBBw==\r\n-----END EC PARAMETERS-----\n"
        f"{own.public_key().pem()}between\n{own.private_pem()}after"  # type: ignore[union-attr]  # an EC key has one
    )
    assert import_key(text).encode() == own.encode()
    assert import_key(text.replace("\n", "\r\n")).encode() == own.encode()
    with pytest.raises(BadParameter, match="holds 2 keys"):
        import_key(text + own.private_pem())


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\nA*AA\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nMAA\n-----END PRIVATE KEY-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----",
        "-----BEGIN " + "A" * 60_000,
        "-----BEGIN PRIVATE KEY-----" * 2_000,
        "-----BEGIN A-----" * 3_000 + "-----END A-----" * 500,
        "-----BEGIN PRIVATE KEY-----\n" + "\n\n" * 30_000 + "-----END PRIVATE KEY-----",
    ],
    ids=lambda text: repr(text[:60]),
)
def test_broken_pem_is_refused_at_once(text: str) -> None:
    """Unclosed, empty, of another kind, not base64, or made to be slow."""
    started = time.perf_counter()
    with pytest.raises(BadParameter):
        import_key(text)
    assert time.perf_counter() - started < 1


def test_more_than_64_kib_are_not_looked_at() -> None:
    """No key is that long."""
    for material in (b"0" * 65_537, "{" * 65_537, key("EC-P-256").private_pem() + " " * 70_000):
        with pytest.raises(BadParameter, match="too long"):
            import_key(material)


@pytest.mark.parametrize("name", ["EC-P-256", "OKP-Ed25519", "RSA-2048"])
def test_a_key_that_breaks_off_is_refused(name: str) -> None:
    """At any length, private or public, DER or PEM."""
    for whole in (der(name), spki(name)):
        for length in range(len(whole)):
            with pytest.raises(BadParameter):
                import_key(whole[:length])
        with pytest.raises(BadParameter):
            import_key(whole + b"\0")
    text = key(name).private_pem()
    for length in range(0, len(text) - 1, 7):
        with pytest.raises(BadParameter):
            import_key(text[:length])


@pytest.mark.parametrize("name", ["EC-P-256", "EC-P-521", "OKP-Ed25519"])
@given(data=st.data())
def test_altered_der_is_refused_or_a_whole_key(name: str, data: st.DataObject) -> None:
    """A flipped, inserted or removed byte gives `BadParameter` or another consistent key, nothing else."""
    whole = bytearray(data.draw(st.sampled_from([der(name), spki(name)])))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    try:
        made = import_key(bytes(whole))
    except BadParameter:
        return
    assert made.curve in ("P-256", "P-521", "P-384", "P-256K", "Ed25519", "X25519")


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 1200), st.integers(0, 255))
def test_altered_rsa_der_is_refused_or_the_same_key(at: int, value: int) -> None:
    """The numbers of an RSA key allow no change: what still reads has the numbers it had."""
    whole = bytearray(der("RSA-2048"))
    whole[at % len(whole)] = value
    try:
        made = import_key(bytes(whole))
    except BadParameter:
        return
    assert made.encode() == key("RSA-2048").encode()


@given(st.binary(max_size=400))
def test_random_bytes_are_no_key(data: bytes) -> None:
    """As DER, as PEM content, with or without a password."""
    for password in (None, "password"):
        with pytest.raises(BadParameter):
            import_key(data, password=password)
        with pytest.raises(BadParameter):
            import_key(
                b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + data + b"\n-----END ENCRYPTED PRIVATE KEY-----",
                password=password,
            )


@given(st.text(max_size=200))
def test_random_text_is_no_key(text: str) -> None:
    """Whatever characters it has."""
    with pytest.raises(BadParameter):
        import_key(text)


def envelope(scheme: bytes) -> bytes:
    """An encrypted key under `scheme`, whose content never matters."""
    return pkcs8._write(pkcs8.SEQUENCE, scheme, pkcs8._write(pkcs8.OCTETS, bytes(64)))


def pbes2(derivation: bytes, parameters: bytes) -> bytes:
    """PBES2 with a key derivation and AES-256-CBC."""
    write = pkcs8._write
    cipher = write(0x30, write(6, pkcs8._AES256_CBC), write(4, bytes(16)))
    return write(
        0x30, write(6, pkcs8._PBES2), write(0x30, write(0x30, write(6, derivation), parameters), cipher)
    )


def integers(salt: bytes, *numbers: int) -> bytes:
    """The parameters of a key derivation: a salt and numbers."""
    encoded = [pkcs8._write(2, number.to_bytes((number.bit_length() + 8) // 8, "big")) for number in numbers]
    return pkcs8._write(0x30, pkcs8._write(4, salt), *encoded)


PBE_SHA1_3DES = bytes.fromhex("2a864886f70d010c0103")
COSTLY = {
    "PBKDF2, 2^31 rounds": pbes2(pkcs8._PBKDF2, integers(b"salt", 1 << 31)),
    "PBKDF2, 2^63 rounds": pbes2(pkcs8._PBKDF2, integers(b"salt", 1 << 63)),
    "scrypt, N = 2^30": pbes2(pkcs8._SCRYPT, integers(b"salt", 1 << 30, 8, 1)),
    "scrypt, r = 2^20": pbes2(pkcs8._SCRYPT, integers(b"salt", 1 << 14, 1 << 20, 1)),
    "scrypt, p = 2^20": pbes2(pkcs8._SCRYPT, integers(b"salt", 1 << 14, 8, 1 << 20)),
    "PKCS#12, 2^31 rounds": pkcs8._write(
        0x30, pkcs8._write(6, PBE_SHA1_3DES), integers(b"saltsalt", (1 << 31) - 1)
    ),
}


@pytest.mark.parametrize("scheme", COSTLY.values(), ids=COSTLY)
def test_a_costly_key_derivation_is_not_run(scheme: bytes) -> None:
    """It is refused by its numbers, in no time; a long form of the outer length does not hide it."""
    for data in (envelope(scheme), b"-----BEGIN PRIVATE KEY-----"):
        started = time.perf_counter()
        with pytest.raises(BadParameter):
            import_key(data, password="password")
        assert time.perf_counter() - started < 0.5
    with pytest.raises(BadParameter, match=r"rounds|memory"):
        import_key(envelope(scheme), password="password")


@given(st.data())
def test_no_alteration_makes_an_envelope_costly(data: st.DataObject) -> None:
    """Wherever a byte changes, the answer comes soon: the bound and the library read the same numbers."""
    whole = bytearray(envelope(COSTLY["PBKDF2, 2^31 rounds"]))
    for _ in range(data.draw(st.integers(1, 2))):
        whole[data.draw(st.integers(0, 60))] = data.draw(st.integers(0, 255))
    started = time.perf_counter()
    with pytest.raises(BadParameter):
        import_key(bytes(whole), password="password")
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    "head", ["30", "3080", "308100", "30820000", "3085ffffffffff", "30847fffffff", "30ff", ""]
)
def test_lengths_der_does_not_have_are_refused(head: str) -> None:
    """Indefinite, not shortest, longer than the data, longer than 4 bytes."""
    with pytest.raises(BadParameter):
        pkcs8.read(memoryview(bytes.fromhex(head)))


@pytest.mark.fuzz
@settings(max_examples=30_000, deadline=None)
@given(st.sampled_from(["EC-P-256", "OKP-X25519", "EC-P-256K"]), st.booleans(), st.data())
def test_hostile_texts_for_minutes(name: str, in_pem: bool, data: st.DataObject) -> None:
    """Pieces of real keys put together anew give `BadParameter` or a key, nothing else."""
    text = (
        key(name).private_pem("password" if data.draw(st.booleans()) else None).encode()
        if in_pem
        else der(name)
    )
    pieces = data.draw(st.lists(st.tuples(st.integers(0, len(text)), st.integers(0, 60)), max_size=6))
    hostile = b"".join(text[at : at + length] for at, length in pieces) + data.draw(st.binary(max_size=4))
    whole = data.draw(st.sampled_from([hostile, text[: len(text) // 2] + hostile, hostile + text]))
    try:
        import_key(whole, password=data.draw(st.sampled_from([None, "password"])))
    except BadParameter:
        return
