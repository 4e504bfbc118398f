"""Every algorithm through a vault: the other side agrees, what does not fit is refused, and a failure tells nothing."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from localvault import (
    BadParameter,
    DecryptionFailed,
    InvalidSignature,
    KeyNotFound,
    KeyOperationForbidden,
    LocalVaultError,
    Vault,
    VaultClosed,
)
from localvault.algorithms.table import ALGORITHMS, default_operations
from tests.support import others
from tests.support.keys import KINDS
from tests.support.told import told

SIZES = (128, 192, 256)
ENCRYPTING = {"RSA-OAEP": "RSA-2048", "RSA-OAEP-256": "RSA-2048"} | {
    f"A{size}{mode}": f"oct-{size}" for size in SIZES for mode in ("GCM", "CBC", "CBCPAD")
}
WRAPPING = {"RSA-OAEP": "RSA-2048", "RSA-OAEP-256": "RSA-2048"} | {
    f"A{size}KW": f"oct-{size}" for size in SIZES
}
SIGNING = (
    {f"{scheme}{bits}": "RSA-2048" for scheme in ("RS", "PS") for bits in (256, 384, 512)}
    | {f"HS{bits}": "oct-256" for bits in (256, 384, 512)}
    | {"ES256": "EC-P-256", "ES384": "EC-P-384", "ES512": "EC-P-521", "ES256K": "EC-P-256K"}
    | {"EdDSA": "OKP-Ed25519"}
)
OF_DIGESTS = [name for name in SIGNING if name[:2] in ("RS", "PS", "ES")]
BLOCKS = b"four blocks of sixteen bytes each, so that plain CBC needs none."


def digest_of(algorithm: str) -> bytes:
    """What it signs: as many bytes as its name says, or any message."""
    return bytes(range(int(algorithm[2:5]) // 8)) if algorithm in OF_DIGESTS else b"a message, not a digest"


def flips(content: bytes) -> list[bytes]:
    """`content` with one bit of one byte turned round, for each byte."""
    return [content[:at] + bytes([byte ^ 1 << at % 8]) + content[at + 1 :] for at, byte in enumerate(content)]


def failures(kind: type[LocalVaultError], attempts: list[Callable[[], object]]) -> set[tuple[object, ...]]:
    """All that a caller can see of how each of the attempts failed."""
    seen: set[tuple[object, ...]] = set()
    for attempt in attempts:
        with pytest.raises(kind) as failed:
            attempt()
        seen.add((type(failed.value), failed.value.args, failed.value.hint, failed.value.__cause__))
    return seen


def test_no_algorithm_is_left_out() -> None:
    """Every algorithm on offer is in the tables of these tests."""
    assert set(ENCRYPTING) | set(WRAPPING) | set(SIGNING) | {"RSA1_5"} == set(ALGORITHMS)


@pytest.mark.parametrize(("algorithm", "name"), ENCRYPTING.items())
def test_encrypted_here_decrypted_there_and_back(held: Vault, algorithm: str, name: str) -> None:
    """`cryptography` opens what the vault encrypts, the vault opens what it encrypts, and the vault its own."""
    crypto = held.crypto(name)
    aad = b"beside it" if algorithm.endswith("GCM") else None
    made = crypto.encrypt(algorithm, BLOCKS, additional_authenticated_data=aad)
    assert made.key_id == held.keys.get(name).id
    assert made.algorithm == algorithm
    assert made.additional_authenticated_data == aad
    assert others.decrypt(algorithm, name, made.ciphertext, made.iv, made.authentication_tag, aad) == BLOCKS
    for parts in (
        others.encrypt(algorithm, name, BLOCKS, aad),
        {"ciphertext": made.ciphertext, "iv": made.iv, "authentication_tag": made.authentication_tag},
    ):
        ciphertext = parts["ciphertext"]
        assert ciphertext is not None
        opened = crypto.decrypt(
            algorithm,
            ciphertext,
            iv=parts.get("iv"),
            authentication_tag=parts.get("authentication_tag"),
            additional_authenticated_data=aad,
        )
        assert opened.plaintext == BLOCKS
        assert (opened.key_id, opened.algorithm) == (made.key_id, algorithm)
        assert BLOCKS.decode() not in repr(opened)


@pytest.mark.parametrize(("algorithm", "name"), WRAPPING.items())
def test_wrapped_here_unwrapped_there_and_back(held: Vault, algorithm: str, name: str) -> None:
    """Both ways with `cryptography`; `unwrap_many` opens both in one call, in their order."""
    crypto, other = held.crypto(name), os.urandom(32)
    made = crypto.wrap_key(algorithm, other)
    assert (made.key_id, made.algorithm) == (held.keys.get(name).id, algorithm)
    assert others.unwrap(algorithm, name, made.encrypted_key) == other
    theirs = others.wrap(algorithm, name, other[::-1])
    unwrapped = crypto.unwrap_key(algorithm, theirs)
    assert unwrapped.key == other[::-1]
    assert repr(other[::-1])[2:20] not in repr(unwrapped)
    assert crypto.unwrap_many(algorithm, iter([made.encrypted_key, theirs])) == [other, other[::-1]]


@pytest.mark.parametrize(("algorithm", "name"), SIGNING.items())
def test_signed_here_verified_there_and_back(held: Vault, algorithm: str, name: str) -> None:
    """Both ways with `cryptography`, one at a time and many in their order."""
    crypto, digest = held.crypto(name), digest_of(algorithm)
    made = crypto.sign(algorithm, digest)
    assert (made.key_id, made.algorithm) == (held.keys.get(name).id, algorithm)
    others.verify(algorithm, name, digest, made.signature)
    assert crypto.verify(algorithm, digest, others.sign(algorithm, name, digest)) is None
    digests = [digest, digest[::-1], digest]
    signatures = crypto.sign_many(algorithm, iter(digests))
    for each, signature in zip(digests, signatures, strict=True):
        others.verify(algorithm, name, each, signature)
    theirs = [others.sign(algorithm, name, each) for each in digests]
    assert crypto.verify_many(algorithm, iter(digests), iter(theirs)) is None


@pytest.mark.parametrize("name", ["RSA-2048", "RSA-3072"])
def test_rsa1_5_opens_only_where_asked_for(held: Vault, name: str) -> None:
    """Decrypting and unwrapping refuse it without `allow_rsa1_5`; with it they open what others made."""
    crypto, theirs = held.crypto(name), others.encrypt("RSA1_5", name, b"old data")["ciphertext"]
    refused: list[Callable[[], object]] = [
        lambda: crypto.decrypt("RSA1_5", theirs),
        lambda: crypto.unwrap_key("RSA1_5", theirs),
        lambda: crypto.unwrap_many("RSA1_5", [theirs]),
    ]
    assert len(failures(BadParameter, refused)) == 1
    assert crypto.decrypt("RSA1_5", theirs, allow_rsa1_5=True).plaintext == b"old data"
    assert crypto.unwrap_key("RSA1_5", theirs, allow_rsa1_5=True).key == b"old data"
    assert crypto.unwrap_many("RSA1_5", [theirs], allow_rsa1_5=True) == [b"old data"]


@pytest.mark.parametrize("name", KINDS)
def test_an_algorithm_of_another_key_is_refused(held: Vault, name: str) -> None:
    """Each verb with each algorithm that is not this key's, and with one nobody knows."""
    crypto, (kty, _, curve) = held.crypto(name), KINDS[name]
    tables = [
        (ENCRYPTING, "encrypt", lambda algorithm: crypto.encrypt(algorithm, bytes(32))),
        (ENCRYPTING, "decrypt", lambda algorithm: crypto.decrypt(algorithm, bytes(32), iv=bytes(16))),
        (WRAPPING, "wrapKey", lambda algorithm: crypto.wrap_key(algorithm, bytes(32))),
        (WRAPPING, "unwrapKey", lambda algorithm: crypto.unwrap_key(algorithm, bytes(40))),
        (WRAPPING, "unwrapKey", lambda algorithm: crypto.unwrap_many(algorithm, [bytes(40)])),
        (SIGNING, "sign", lambda algorithm: crypto.sign(algorithm, bytes(32))),
        (SIGNING, "sign", lambda algorithm: crypto.sign_many(algorithm, [bytes(32)])),
        (SIGNING, "verify", lambda algorithm: crypto.verify(algorithm, bytes(32), bytes(64))),
        (SIGNING, "verify", lambda algorithm: crypto.verify_many(algorithm, [bytes(32)], [bytes(64)])),
    ]
    possible = default_operations(kty, curve=curve)
    for table, operation, verb in tables:
        error = BadParameter if operation in possible else KeyOperationForbidden
        own = {
            algorithm
            for algorithm, row in ALGORITHMS.items()
            if algorithm in table
            and row.kty == kty
            and row.curve in (None, curve)
            and row.size in (None, KINDS[name][1])
        }
        for algorithm in [*(set(ALGORITHMS) - own - {"RSA1_5"}), "A512GCM", "none", ""]:
            with pytest.raises(error):
                verb(algorithm)


def test_an_x25519_key_is_kept_and_does_nothing(held: Vault) -> None:
    """It has a public part and no operation: every verb is refused, also its own token verbs."""
    key = held.keys.get("OKP-X25519")
    assert (key.properties.curve, tuple(key.properties.operations)) == ("X25519", ())
    assert key.public_jwk()["crv"] == "X25519"
    crypto = held.crypto("OKP-X25519")
    attempts: list[Callable[[], object]] = [
        lambda: crypto.encrypt("A256GCM", b""),
        lambda: crypto.decrypt("A256GCM", b""),
        lambda: crypto.wrap_key("A256KW", bytes(16)),
        lambda: crypto.unwrap_key("A256KW", bytes(24)),
        lambda: crypto.sign("EdDSA", b""),
        lambda: crypto.verify("EdDSA", b"", bytes(64)),
        lambda: crypto.seal(b""),
    ]
    for attempt in attempts:
        with pytest.raises(KeyOperationForbidden):
            attempt()
    with pytest.raises(BadParameter, match="X25519 key cannot sign"):
        held.keys.create("another", "OKP", curve="X25519", operations=["sign"])


@pytest.mark.parametrize("algorithm", OF_DIGESTS)
def test_a_digest_of_another_length_is_refused(held: Vault, algorithm: str) -> None:
    """By signing and verifying, one or many; the sentence says how long it must be."""
    crypto, digest = held.crypto(SIGNING[algorithm]), digest_of(algorithm)
    signature = crypto.sign(algorithm, digest).signature
    for wrong in (b"", digest[:-1], digest + b"\0", b"the message itself, which nobody has hashed"):
        for attempt in (
            lambda wrong=wrong: crypto.sign(algorithm, wrong),
            lambda wrong=wrong: crypto.sign_many(algorithm, [digest, wrong]),
            lambda wrong=wrong: crypto.verify(algorithm, wrong, signature),
            lambda wrong=wrong: crypto.verify_many(algorithm, [digest, wrong], [signature, signature]),
        ):
            with pytest.raises(BadParameter, match=f"{len(digest)} bytes, not {len(wrong)}"):
                attempt()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["GCM", "CBC", "CBCPAD"])
def test_ivs_and_tags_have_one_length(held: Vault, size: int, mode: str) -> None:
    """GCM draws its own iv and wants 12 and 16 bytes back; CBC takes 16 bytes, and neither tag nor data beside it."""
    crypto, algorithm = held.crypto(f"oct-{size}"), f"A{size}{mode}"
    iv, tag, aad = "iv", "authentication_tag", "additional_authenticated_data"
    if mode == "GCM":
        with pytest.raises(BadParameter, match="draws its own iv"):
            crypto.encrypt(algorithm, BLOCKS, iv=bytes(12))
        good = {iv: bytes(12), tag: bytes(16)}
        wrong = [good | {part: bytes(length)} for part in good for length in (0, 8, 11, 13, 15, 17)]
        wrong += [{part: good[part]} for part in good] + [{}]
    else:
        for length in (0, 12, 15, 17):
            with pytest.raises(BadParameter):
                crypto.encrypt(algorithm, BLOCKS, iv=bytes(length))
        with pytest.raises(BadParameter):
            crypto.encrypt(algorithm, BLOCKS, additional_authenticated_data=b"x")
        good = {iv: bytes(16)}
        wrong = [{}, *({iv: bytes(length)} for length in (0, 12, 15, 17))]
        wrong += [good | {tag: bytes(16)}, good | {aad: b"x"}]
    for extra in wrong:
        with pytest.raises(BadParameter):
            crypto.decrypt(algorithm, BLOCKS, **extra)


@pytest.mark.parametrize("algorithm", [name for name in ENCRYPTING if "CBC" not in name])
def test_an_altered_ciphertext_fails_without_a_reason(held: Vault, algorithm: str) -> None:
    """Any byte of any part altered, cut short, made longer, or under another key: one and the same error."""
    name = ENCRYPTING[algorithm]
    gcm = {"additional_authenticated_data": b"beside it"} if algorithm.endswith("GCM") else {}
    parts = others.encrypt(algorithm, name, BLOCKS, gcm.get("additional_authenticated_data")) | gcm
    altered = [parts | {part: other} for part, content in parts.items() for other in flips(content)]
    whole = parts["ciphertext"]
    altered += [
        parts | {"ciphertext": other} for other in (b"", whole[:-1], whole + b"\0", bytes(len(whole)))
    ]
    seen = failures(
        DecryptionFailed,
        [lambda part=part: held.crypto(name).decrypt(algorithm, **part) for part in altered],
    )
    if gcm:
        held.keys.create("stranger", "oct", size=int(algorithm[1:4]))
    else:
        held.keys.create("stranger", "RSA", size=2048)
    seen |= failures(DecryptionFailed, [lambda: held.crypto("stranger").decrypt(algorithm, **parts)])
    assert len(seen) == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_cbc_ciphertext_that_does_not_open_fails_without_a_reason(held: Vault, size: int) -> None:
    """A wrong padding and a length that is not whole blocks read the same."""
    crypto, iv = held.crypto(f"oct-{size}"), bytes(16)
    unpadded = crypto.encrypt(f"A{size}CBC", BLOCKS, iv=iv).ciphertext
    attempts = [
        lambda content=content: crypto.decrypt(f"A{size}CBCPAD", content, iv=iv)
        for content in (unpadded, unpadded[:-1], b"", b"x")
    ]
    assert len(failures(DecryptionFailed, attempts)) == 1


@pytest.mark.parametrize(("algorithm", "name"), WRAPPING.items())
def test_an_altered_wrapped_key_fails_without_a_reason(held: Vault, algorithm: str, name: str) -> None:
    """Any byte altered, or another length: one error; among many, the first bad one is named and nothing comes out."""
    crypto, other = held.crypto(name), os.urandom(32)
    wrapped = others.wrap(algorithm, name, other)
    wrong = [*flips(wrapped), wrapped[:-8], wrapped[:-1], wrapped + bytes(8), b""]
    attempts = [lambda each=each: crypto.unwrap_key(algorithm, each) for each in wrong]
    assert len(failures(DecryptionFailed, attempts)) == 1
    with pytest.raises(DecryptionFailed, match="2 of 4 wrapped keys do not open, the first is number 1"):
        crypto.unwrap_many(algorithm, [wrapped, wrong[0], wrapped, wrong[1]])


@pytest.mark.parametrize(("algorithm", "name"), SIGNING.items())
def test_an_altered_signature_fails_without_a_reason(held: Vault, algorithm: str, name: str) -> None:
    """Any byte of it, another length, another digest: one error; among many, the first bad one is named."""
    crypto, digest = held.crypto(name), digest_of(algorithm)
    signature = crypto.sign(algorithm, digest).signature
    wrong = [*flips(signature), signature[:-1], signature + b"\0", b"", bytes(len(signature))]
    attempts: list[Callable[[], object]] = [
        lambda each=each: crypto.verify(algorithm, digest, each) for each in wrong
    ]
    attempts += [lambda each=each: crypto.verify(algorithm, each, signature) for each in flips(digest)]
    assert len(failures(InvalidSignature, attempts)) == 1
    with pytest.raises(InvalidSignature, match="2 of 3 signatures are not good, the first is number 1"):
        crypto.verify_many(algorithm, [digest] * 3, [signature, wrong[0], wrong[-1]])


@pytest.mark.parametrize("length", [0, 8, 15, 17, 33])
def test_aes_wraps_keys_only(held: Vault, length: int) -> None:
    """Of 16 bytes or more, in whole multiples of 8."""
    with pytest.raises(BadParameter, match=f"not of {length}"):
        held.crypto("oct-256").wrap_key("A256KW", bytes(length))


def test_a_batch_is_one_operation_and_may_be_empty(held: Vault) -> None:
    """Its event counts the items; an empty one gives an empty list; what does not pair up is refused."""
    crypto = held.crypto("oct-256")
    signed = crypto.sign_many("HS256", [b"1", b"2", b"3"])
    wrapped = [crypto.wrap_key("A256KW", bytes(16)).encrypted_key] * 2
    with told(held) as events:
        assert crypto.sign_many("HS256", []) == []
        crypto.sign_many("HS256", [b"1", b"2", b"3"])
        crypto.verify_many("HS256", [b"1", b"2", b"3"], signed)
        crypto.verify_many("HS256", [], [])
        assert crypto.unwrap_many("A256KW", wrapped) == [bytes(16)] * 2
        assert crypto.unwrap_many("A256KW", []) == []
        with pytest.raises(BadParameter, match="2 digests and 3 signatures"):
            crypto.verify_many("HS256", [b"1", b"2"], signed)
    assert [(event.operation, event.count, event.result) for event in events] == [
        ("KeySign", 0, "Success"),
        ("KeySign", 3, "Success"),
        ("KeyVerify", 3, "Success"),
        ("KeyVerify", 0, "Success"),
        ("KeyUnwrap", 2, "Success"),
        ("KeyUnwrap", 0, "Success"),
        ("KeyVerify", 2, "Failure"),
    ]
    assert events[1].details == {"algorithm": "HS256"}


def test_a_version_is_the_one_asked_for(vault: Vault) -> None:
    """The current one unless told otherwise, looked up at each call; no other version verifies for it."""
    first = vault.keys.create("k", "oct").version
    newest, pinned = vault.crypto("k"), vault.crypto("K", first)
    old = newest.sign("HS256", b"text")
    second = vault.keys.rotate("k").version
    assert newest.sign("HS256", b"text").key_id == f"{vault.url}/keys/k/{second}"
    assert pinned.sign("HS256", b"text").key_id == old.key_id == f"{vault.url}/keys/k/{first}"
    pinned.verify("HS256", b"text", old.signature)
    with pytest.raises(InvalidSignature):
        newest.verify("HS256", b"text", old.signature)
    with pytest.raises(KeyNotFound):
        vault.crypto("k", "0" * 32).sign("HS256", b"text")
    for bad in ("", "0" * 31, "not hex digits"):
        with pytest.raises(BadParameter):
            vault.crypto("k", bad).sign("HS256", b"text")


def test_a_closed_vault_does_nothing(vault: Vault) -> None:
    """Verbs that were handed out before do not work on."""
    vault.keys.create("k", "oct")
    crypto = vault.crypto("k")
    token = crypto.seal(b"text")
    vault.close()
    for attempt in (lambda: crypto.sign("HS256", b"text"), lambda: crypto.open(token)):
        with pytest.raises(VaultClosed):
            attempt()
