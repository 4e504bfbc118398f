"""What every room calls to seal and open: one record at a time, or many in packed buffers.

Relies on fallback.py, which serves all of it through `cryptography`; compiled kernels may serve it instead,
and callers cannot tell but by the clock. The signatures are final.

Promises: XAES-256-GCM as in C2SP (c2sp.org/XAES-256-GCM); nothing unauthenticated is ever returned; a key
that was wiped raises `VaultClosed` and one inherited through fork `VaultForked`, and neither is silently
replaced by zeros. XAES-256-GCM does not commit to its key: where an attacker may choose among keys (slots,
backups) the caller adds a commitment.

    token = prefix | nonce (24 bytes) | ciphertext | tag (16 bytes)         sealed with AAD = prefix | context
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TypeAlias

from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature
from localvault.model.packed import Packed
from localvault.native.fallback import KEY_SIZE, NONCE_SIZE, TAG_SIZE, XaesBatch, XaesKey
from localvault.native.memory import Locked

__all__ = [
    "KEY_SIZE",
    "NONCE_SIZE",
    "TAG_SIZE",
    "XaesBatch",
    "XaesKey",
    "open_many",
    "rewrap_many",
    "seal_many",
    "sign_many",
    "unwrap_many",
    "verify_many",
]

OVERHEAD = NONCE_SIZE + TAG_SIZE

Keys: TypeAlias = Callable[[bytes], XaesKey]
"""The key that belongs to a key id found in a token's prefix; raises `DecryptionFailed` if there is none."""


class _Ring:
    """The keys of one call, each asked for once."""

    def __init__(self, keys: Keys, prefix_len: int, key_id: slice, context: bytes) -> None:
        self._keys = keys
        self._prefix_len = prefix_len
        self._key_id = key_id
        self._context = context
        self._known: dict[bytes, tuple[XaesKey | None, bytes]] = {}

    def opens(self, token: memoryview, out: memoryview) -> bool:
        """Opens one token into `out`; False, with `out` untouched or wiped, if it does not open."""
        nonce_at = self._prefix_len
        sealed_at = nonce_at + NONCE_SIZE
        prefix = bytes(token[:nonce_at])
        key, aad = self._known.get(prefix) or self._find(prefix)
        if key is None:
            return False
        try:
            key.open_into(bytes(token[nonce_at:sealed_at]), token[sealed_at:], aad, out)
        except DecryptionFailed:
            return False
        return True

    def _find(self, prefix: bytes) -> tuple[XaesKey | None, bytes]:
        try:
            key = self._keys(prefix[self._key_id])
        except DecryptionFailed:
            key = None
        # The key id is part of the prefix and the prefix of the AAD: no token can be made to name another
        # key.
        self._known[prefix] = key, prefix + self._context
        return self._known[prefix]


def seal_many(key: XaesKey, prefix: bytes, items: Packed, context: bytes) -> Packed:
    """One token for each item, all under one derived key (see `XaesKey.batch`).

    Raises `VaultClosed` or `VaultForked` if the key can no longer be used.
    """
    batch, aad, head = key.batch(), prefix + context, len(prefix)
    starts = items.offsets.tolist()
    first, overhead = starts[0], head + OVERHEAD
    offsets = array("q", [start - first + i * overhead for i, start in enumerate(starts)])
    out = bytearray(offsets[-1])
    window = memoryview(out)
    for item, start, end in zip(items, offsets, offsets[1:], strict=False):
        window[start : start + head] = prefix
        batch.seal_into(item, aad, window[start + head : end])
    return Packed.trusted(out, offsets)


def open_many(
    keys: Keys, prefix_len: int, key_id: slice, tokens: Packed, context: bytes
) -> tuple[Packed, list[int]]:
    """The plaintext of each token, and the indexes of those that did not open; theirs is empty.

    `key_id` says which bytes of the prefix name the key: `keys` is asked once for each prefix. Whatever it
    raises but `DecryptionFailed` ends the call.
    """
    ring = _Ring(keys, prefix_len, key_id, context)
    offsets, failed = array("q", [0]), list[int]()
    out = bytearray(tokens.nbytes)
    window, end = memoryview(out), 0
    try:
        for index, token in enumerate(tokens):
            size = len(token) - prefix_len - OVERHEAD
            if size >= 0 and ring.opens(token, window[end : end + size]):
                end += size
            else:
                failed.append(index)
            offsets.append(end)
    except BaseException:
        # What was opened before is not given out, nor left in this frame for reports that show its variables.
        out[:] = bytes(len(out))
        raise
    return Packed.trusted(window[:end], offsets), failed


def rewrap_many(
    keys: Keys,
    prefix_len: int,
    key_id: slice,
    new_key: XaesKey,
    new_prefix: bytes,
    tokens: Packed,
    context: bytes,
) -> tuple[Packed, list[int]]:
    """Each token sealed again under `new_key`, and the indexes of those that did not open; theirs is empty.

    The plaintext is only ever in one locked buffer, wiped at the end. `keys`, `key_id` and errors as for
    `open_many`.
    """
    ring = _Ring(keys, prefix_len, key_id, context)
    batch, aad, head = new_key.batch(), new_prefix + context, len(new_prefix)
    offsets, failed = array("q", [0]), list[int]()
    out = bytearray(tokens.nbytes + len(tokens) * max(0, head - prefix_len))
    window, end = memoryview(out), 0
    longest = max((len(token) for token in tokens), default=0)
    scratch = Locked.zero(max(0, longest - prefix_len - OVERHEAD))
    plaintext = scratch.view()
    try:
        for index, token in enumerate(tokens):
            size = len(token) - prefix_len - OVERHEAD
            if size >= 0 and ring.opens(token, plaintext[:size]):
                start, end = end + head, end + head + size + OVERHEAD
                window[start - head : start] = new_prefix
                batch.seal_into(plaintext[:size], aad, window[start:end])
            else:
                failed.append(index)
            offsets.append(end)
    finally:
        scratch.wipe()
    return Packed.trusted(window[:end], offsets), failed


def sign_many(sign: Callable[[memoryview], bytes], digests: Packed) -> Packed:
    """One signature for each digest; what `sign` raises ends the call."""
    return Packed.of(sign(digest) for digest in digests)


def verify_many(
    verify: Callable[[memoryview, memoryview], None], digests: Packed, signatures: Packed
) -> list[int]:
    """The indexes of the signatures for which `verify(digest, signature)` raises `InvalidSignature`.

    Raises `BadParameter` if there are not as many signatures as digests; what else `verify` raises ends the
    call.
    """
    if len(digests) != len(signatures):
        raise BadParameter(f"{len(digests)} digests and {len(signatures)} signatures do not pair up")
    failed = []
    for index, (digest, signature) in enumerate(zip(digests, signatures, strict=True)):
        try:
            verify(digest, signature)
        except InvalidSignature:
            failed.append(index)
    return failed


def unwrap_many(unwrap: Callable[[memoryview], bytes], wrapped: Packed) -> tuple[Packed, list[int]]:
    """Each unwrapped key, and the indexes where `unwrap` raised `DecryptionFailed`; theirs is empty."""
    keys, failed = [], []
    for index, item in enumerate(wrapped):
        try:
            keys.append(unwrap(item))
        except DecryptionFailed:
            keys.append(b"")
            failed.append(index)
    return Packed.of(keys), failed
