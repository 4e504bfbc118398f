"""Key material: made, kept as bytes, loaded again, shown to nobody."""

from __future__ import annotations

import copy
import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.algorithms.base import KeyMaterial
from localvault.algorithms.material import decode, generate, import_key
from localvault.algorithms.public import PublicKey
from localvault.algorithms.table import ALGORITHMS, SIGN
from localvault.errors import BadParameter, Damaged, NewerFormat
from tests.support.keys import ASYMMETRIC, KINDS, key

names = pytest.mark.parametrize("name", KINDS)


@names
def test_a_key_comes_back_from_its_bytes(name: str) -> None:
    """From any buffer, as the same type, size and curve, and byte for byte."""
    own = key(name)
    for encoded in (own.encode(), bytearray(own.encode()), memoryview(own.encode())):
        loaded = decode(encoded)
        assert (loaded.kty, loaded.size, loaded.curve) == KINDS[name]
        assert loaded.is_private
        assert loaded.encode() == own.encode()


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_a_public_part_comes_back_from_its_bytes(name: str) -> None:
    """And stays public."""
    public = key(name).public_key()
    assert public is not None
    loaded = decode(import_key(public.der()).encode())
    assert not loaded.is_private
    assert loaded.public_key() == public
    assert loaded.public_der() == key(name).public_der()


@given(st.binary(max_size=100))
def test_what_encode_did_not_make_is_damaged_or_newer(encoded: bytes) -> None:
    """Only a type byte and a raw key of the right length can be made by chance."""
    try:
        assert decode(encoded).encode() == encoded
    except (Damaged, NewerFormat):
        return


@pytest.mark.parametrize("encoded", [b"", b"\0", b"\x05abc", b"\x7f", b"\x84" + bytes(32)])
def test_another_type_byte_is_newer_or_damaged(encoded: bytes) -> None:
    """So that a later key type is not taken for one of today's."""
    with pytest.raises((NewerFormat, Damaged)):
        decode(encoded)


def test_a_type_byte_has_to_fit_the_key() -> None:
    """An RSA key under the byte of an EC key was not written here."""
    for name in ASYMMETRIC:
        for type_byte in (1, 2, 3):
            if type_byte != key(name).type_byte:
                with pytest.raises(Damaged):
                    decode(bytes((type_byte,)) + key(name).encode()[1:])


def test_loading_an_rsa_key_does_not_check_it_again() -> None:
    """A thousand loads take less time than ten checks would."""
    encoded = key("RSA-3072").encode()
    started = time.perf_counter()
    for _ in range(1000):
        decode(encoded)
    assert time.perf_counter() - started < 1


@names
def test_nothing_shows_a_key(name: str) -> None:
    """Not print, format, pickle or copy; and it compares by identity, without a hash."""
    own = key(name)
    kty, size, curve = KINDS[name]
    assert f"{own!r} {own} {own:}" == " ".join([f"<{kty} key, {curve or f'{size} bits'}: not shown>"] * 3)
    for attempt in (
        lambda: pickle.dumps(own),
        lambda: copy.copy(own),
        lambda: copy.deepcopy(own),
        lambda: hash(own),
    ):
        with pytest.raises(TypeError):
            attempt()
    assert not hasattr(own, "__dict__")


@names
def test_every_algorithm_of_the_table_works_with_its_key_and_no_other(name: str) -> None:
    """What the table offers a key is done; the rest is refused."""
    own = key(name)
    for row in ALGORITHMS.values():
        fits = row.kty == own.kty and row.size in (None, own.size) and row.curve in (None, own.curve)
        if fits:
            work(own, row.name, row.uses)
        else:
            for use in row.uses:
                with pytest.raises(BadParameter):
                    work(own, row.name, (use,))


def work(own: KeyMaterial, algorithm: str, uses: tuple[str, ...]) -> None:
    """Do and undo what the algorithm is for."""
    for use in uses:
        if use == SIGN:
            digest = bytes(int(algorithm[2:5]) // 8 if algorithm != "EdDSA" else 20)
            own.verify(algorithm, digest, own.sign(algorithm, digest))
        elif use == "wrap":
            assert own.unwrap(algorithm, own.wrap(algorithm, bytes(32)), allow_rsa1_5=True) == bytes(32)
        else:
            made = own.encrypt(algorithm, bytes(32))
            assert own.decrypt(
                algorithm, made.ciphertext, made.iv, None, made.tag, allow_rsa1_5=True
            ) == bytes(32)


def test_two_new_keys_differ() -> None:
    """Of every type."""
    for kty, curve in (("oct", None), ("EC", "P-256"), ("OKP", "Ed25519"), ("OKP", "X25519")):
        assert generate(kty, curve=curve).encode() != generate(kty, curve=curve).encode()


def test_an_oct_key_has_no_public_part() -> None:
    """It says so by None."""
    assert key("oct-256").public_key() is None
    assert key("oct-256").public_der() is None


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_the_public_part_holds_nothing_private(name: str) -> None:
    """Its JSON Web Key has exactly the public members, and it is equal to itself from any form."""
    public = key(name).public_key()
    assert public is not None
    members = public.jwk()
    assert (
        set(members)
        == {"RSA": {"kty", "n", "e"}, "EC": {"kty", "crv", "x", "y"}, "OKP": {"kty", "crv", "x"}}[
            key(name).kty
        ]
    )
    assert members.items() <= key(name).private_jwk().items()
    assert PublicKey(public.der()) == public
    assert hash(PublicKey(public.der())) == hash(public)
    assert public != key("EC-P-256").public_der()
    assert members["kty"] in repr(public)
