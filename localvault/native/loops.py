"""The bulk calls on tokens, one token at a time: for any machine, and what `many` is held against.

Relies on `fallback`. Promises: what `face` promises.

    token = prefix | nonce (24 bytes) | ciphertext | tag (16 bytes)         sealed with AAD = prefix | context
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import TypeAlias

from localvault.errors import DecryptionFailed
from localvault.model.packed import Packed
from localvault.native.fallback import NONCE_SIZE, TAG_SIZE, XaesKey
from localvault.native.memory import Locked, wipe
from localvault.native.target import target

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


def seal_many(
    key: XaesKey, prefix: bytes, items: Packed, context: bytes, out: memoryview | None = None
) -> Packed:
    """One token for each item, all under one derived key (see `XaesKey.batch`); into `out` if it is given.

    Raises `BadParameter` if `out` is too short or cannot be written, `VaultClosed` or `VaultForked` if the key can no
    longer be used.
    """
    batch, aad, head = key.batch(), prefix + context, len(prefix)
    starts = items.offsets.tolist()
    first, overhead = starts[0], head + OVERHEAD
    offsets = array("q", [start - first + i * overhead for i, start in enumerate(starts)])
    window = target(out, offsets[-1])
    for item, start, end in zip(items, offsets, offsets[1:], strict=False):
        window[start : start + head] = prefix
        batch.seal_into(item, aad, window[start + head : end])
    return Packed.trusted(window, offsets)


def open_many(
    keys: Keys, prefix_len: int, key_id: slice, tokens: Packed, context: bytes, out: memoryview | None = None
) -> tuple[Packed, list[int]]:
    """The plaintext of each token, and the indexes of those that did not open; theirs is empty.

    `key_id` says which bytes of the prefix name the key: `keys` is asked once for each prefix. Whatever it
    raises but `DecryptionFailed` ends the call. A buffer of the caller's has room for the tokens themselves; whatever
    of it was written is wiped if the call fails.
    """
    ring = _Ring(keys, prefix_len, key_id, context)
    offsets, failed = array("q", [0]), list[int]()
    window, end = target(out, tokens.nbytes), 0
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
        wipe(window)
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
    out: memoryview | None = None,
) -> tuple[Packed, list[int]]:
    """Each token sealed again under `new_key`, and the indexes of those that did not open; theirs is empty.

    The plaintext is only ever in one locked buffer, wiped at the end. `keys`, `key_id` and errors as for
    `open_many`.
    """
    ring = _Ring(keys, prefix_len, key_id, context)
    batch, aad, head = new_key.batch(), new_prefix + context, len(new_prefix)
    offsets, failed = array("q", [0]), list[int]()
    window, end = target(out, tokens.nbytes + len(tokens) * max(0, head - prefix_len)), 0
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
