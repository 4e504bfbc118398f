"""Oct keys: what is encrypted comes back, what was altered does not, and the caller cannot choose badly."""

from __future__ import annotations

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.algorithms.material import decode
from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature, VaultClosed
from tests.support.keys import fresh, key

sizes = st.sampled_from([128, 192, 256])
IV = bytes(range(16))


@given(sizes, st.binary(max_size=300), st.none() | st.binary(max_size=40))
def test_gcm_comes_back(size: int, plaintext: bytes, aad: bytes | None) -> None:
    """Under its own iv of 12 bytes and tag of 16."""
    made = key(f"oct-{size}").encrypt(f"A{size}GCM", plaintext, None, aad)
    assert made.iv is not None
    assert made.tag is not None
    assert (len(made.ciphertext), len(made.iv), len(made.tag)) == (len(plaintext), 12, 16)
    opened = key(f"oct-{size}").decrypt(f"A{size}GCM", made.ciphertext, made.iv, aad, made.tag)
    assert opened == plaintext


@given(
    st.binary(min_size=1, max_size=60),
    st.integers(0, 10_000),
    st.sampled_from(["ciphertext", "iv", "tag", "aad"]),
)
def test_gcm_notices_every_altered_bit(plaintext: bytes, position: int, where: str) -> None:
    """In the ciphertext, the iv, the tag or the additional data."""
    made = key("oct-256").encrypt("A256GCM", plaintext, None, b"context")
    parts = {"ciphertext": made.ciphertext, "iv": made.iv or b"", "tag": made.tag or b"", "aad": b"context"}
    altered = bytearray(parts[where])
    altered[position % len(altered)] ^= 1 << position % 8
    parts[where] = bytes(altered)
    with pytest.raises(DecryptionFailed):
        key("oct-256").decrypt("A256GCM", parts["ciphertext"], parts["iv"], parts["aad"], parts["tag"])


def test_gcm_draws_its_own_iv_each_time() -> None:
    """One handed in is refused, and no two are the same."""
    with pytest.raises(BadParameter):
        key("oct-256").encrypt("A256GCM", b"text", bytes(12))
    assert len({key("oct-256").encrypt("A256GCM", b"text").iv for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("iv", "tag"),
    [
        (None, bytes(16)),
        (bytes(12), None),
        (bytes(16), bytes(16)),
        (bytes(8), bytes(16)),
        (bytes(12), bytes(12)),
    ],
)
def test_gcm_wants_an_iv_of_12_and_a_tag_of_16_bytes(iv: bytes | None, tag: bytes | None) -> None:
    """Shorter tags are easier to forge, and other ivs were never made."""
    with pytest.raises(BadParameter):
        key("oct-256").decrypt("A256GCM", b"text", iv, None, tag)


@given(sizes, st.binary(max_size=100), st.none() | st.binary(min_size=16, max_size=16))
def test_cbcpad_comes_back(size: int, plaintext: bytes, iv: bytes | None) -> None:
    """Under the iv given, or one that was drawn, in whole blocks and always padded."""
    made = key(f"oct-{size}").encrypt(f"A{size}CBCPAD", plaintext, iv)
    assert made.iv is not None
    assert len(made.iv) == 16
    assert iv is None or made.iv == iv
    assert made.tag is None
    assert len(made.ciphertext) == len(plaintext) // 16 * 16 + 16
    assert key(f"oct-{size}").decrypt(f"A{size}CBCPAD", made.ciphertext, made.iv) == plaintext


@given(sizes, st.binary(max_size=100))
def test_cbc_fills_up_with_zeros_and_leaves_them(size: int, plaintext: bytes) -> None:
    """Key Vault's rule: decrypting returns the zeros too."""
    made = key(f"oct-{size}").encrypt(f"A{size}CBC", plaintext, IV)
    opened = key(f"oct-{size}").decrypt(f"A{size}CBC", made.ciphertext, IV)
    assert opened == plaintext + bytes(-len(plaintext) % 16)


def test_cbc_draws_another_iv_each_time_none_is_given() -> None:
    """A repeated iv would show that two messages begin alike."""
    assert key("oct-256").encrypt("A256CBC", b"text").iv != key("oct-256").encrypt("A256CBC", b"text").iv


@given(st.binary(max_size=80).filter(lambda junk: len(junk) % 16 != 0) | st.just(b""))
def test_a_length_that_is_not_whole_blocks_fails_like_a_wrong_padding(ciphertext: bytes) -> None:
    """Nothing tells the two apart: not the sentence, not the cause."""
    own, failures = key("oct-256"), []
    whole = own.encrypt("A256CBC", b"a block that ends in no padding.", IV).ciphertext
    for attempt in (ciphertext, whole):
        with pytest.raises(DecryptionFailed) as caught:
            own.decrypt("A256CBCPAD", attempt, IV)
        failures.append((caught.value.args, caught.value.hint, caught.value.__cause__))
    assert failures[0] == failures[1]


@pytest.mark.parametrize("algorithm", ["A256CBC", "A256CBCPAD"])
@pytest.mark.parametrize("iv", [b"", bytes(12), bytes(17)])
def test_cbc_wants_an_iv_of_16_bytes(algorithm: str, iv: bytes) -> None:
    """And no additional data, no tag; decrypting cannot do without the iv."""
    own = key("oct-256")
    for attempt in (
        lambda: own.encrypt(algorithm, b"text", iv),
        lambda: own.decrypt(algorithm, bytes(16), iv),
        lambda: own.decrypt(algorithm, bytes(16)),
        lambda: own.decrypt(algorithm, bytes(16), IV, b"aad"),
        lambda: own.decrypt(algorithm, bytes(16), IV, None, bytes(16)),
        lambda: own.encrypt(algorithm, b"text", IV, b"aad"),
    ):
        with pytest.raises(BadParameter):
            attempt()


@given(sizes, st.integers(2, 20).flatmap(lambda words: st.binary(min_size=8 * words, max_size=8 * words)))
def test_a_wrapped_key_comes_back(size: int, wrapped: bytes) -> None:
    """Eight bytes longer meanwhile."""
    own = key(f"oct-{size}")
    assert len(own.wrap(f"A{size}KW", wrapped)) == len(wrapped) + 8
    assert own.unwrap(f"A{size}KW", own.wrap(f"A{size}KW", wrapped)) == wrapped


@pytest.mark.parametrize("length", [0, 8, 15, 17, 31])
def test_key_wrap_takes_16_bytes_or_more_in_whole_words(length: int) -> None:
    """RFC 3394 defines no other lengths."""
    with pytest.raises(BadParameter):
        key("oct-256").wrap("A256KW", bytes(length))


@given(st.binary(max_size=60))
def test_what_was_not_wrapped_does_not_unwrap(junk: bytes) -> None:
    """Whatever its length, with the same error."""
    with pytest.raises(DecryptionFailed):
        key("oct-256").unwrap("A256KW", junk)


@given(st.sampled_from(["HS256", "HS384", "HS512"]), st.binary(max_size=200))
def test_a_mac_is_hmac_of_the_message(algorithm: str, message: bytes) -> None:
    """As the standard library computes it, for any length of message."""
    own = key("oct-256")
    mac = own.sign(algorithm, message)
    assert mac == hmac.new(bytes(own.view()), message, f"sha{algorithm[2:]}").digest()  # type: ignore[attr-defined]  # OctKey
    own.verify(algorithm, message, mac)


@given(st.binary(max_size=64))
def test_another_mac_is_refused(signature: bytes) -> None:
    """Also one cut short, an empty one, and one with an altered bit."""
    good = key("oct-256").sign("HS256", b"message")
    for wrong in (signature, good[:-1], good + b"\0", bytes((good[0] ^ 1,)) + good[1:]):
        with pytest.raises(InvalidSignature):
            key("oct-256").verify("HS256", b"message", wrong)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda own: own.encrypt("A128GCM", b"text"),
        lambda own: own.encrypt("A256KW", b"text"),
        lambda own: own.decrypt("RSA-OAEP", b"text"),
        lambda own: own.wrap("A128KW", bytes(16)),
        lambda own: own.unwrap("RSA-OAEP", bytes(16)),
        lambda own: own.sign("RS256", bytes(32)),
        lambda own: own.verify("none", bytes(32), b""),
        lambda own: own.private_pem(),
    ],
)
def test_what_does_not_fit_the_key_is_refused(attempt: object) -> None:
    """With a sentence, not with a Python error."""
    assert callable(attempt)
    with pytest.raises(BadParameter):
        attempt(key("oct-256"))


def test_a_wiped_key_is_of_no_use() -> None:
    """Every verb raises `VaultClosed`."""
    own = fresh("oct-256")
    own.wipe()
    own.wipe()
    for attempt in (
        lambda: own.encrypt("A256GCM", b"text"),
        lambda: own.decrypt("A256GCM", b"text", bytes(12), None, bytes(16)),
        lambda: own.encrypt("A256CBC", b"text"),
        lambda: own.wrap("A256KW", bytes(16)),
        lambda: own.sign("HS256", b"text"),
        own.encode,
    ):
        with pytest.raises(VaultClosed):
            attempt()


def test_decode_copies_the_key_and_nothing_more() -> None:
    """The bytes it was read from may be wiped at once."""
    source = bytearray(key("oct-256").encode())
    loaded = decode(source)
    source[:] = bytes(len(source))
    assert loaded.encode() == key("oct-256").encode()
