"""The bulk calls for lists of `bytes`: in rounds that pack some items, work on them and take the results apart.

Relies on `face`. Promises: what the calls for a `Packed` promise, for the list as a whole; each key is asked for once;
the buffer that plaintext went through is wiped, and if the call fails so is every item made before.

Rounds, because whole lists packed at once would ask the system for fresh memory three times over, whose first touch
costs more than sealing does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from localvault.errors import DecryptionFailed
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.face import XaesKey
from localvault.native.fallback import NONCE_SIZE, TAG_SIZE
from localvault.native.memory import Locked, wipe, wipe_bytes

_ROUND_BYTES = 1 << 18  # fits into a processor's own cache
_FIRST_ROUND = 64  # items, before anything is known of their size
_GROWTH = 16
_OVERHEAD = NONCE_SIZE + TAG_SIZE

Keys = Callable[[bytes], XaesKey]


def seal_list(key: XaesKey, prefix: bytes, items: list[bytes], context: bytes) -> list[bytes]:
    """As `face.seal_many`."""
    sealed: list[bytes] = []
    room = _Room()
    for part in _rounds(items):
        out = room.of(part.nbytes + len(part) * (len(prefix) + _OVERHEAD))
        sealed += face.seal_many(key, prefix, part, context, out).to_list()
    return sealed


def open_list(
    keys: Keys, prefix_len: int, key_id: slice, tokens: list[bytes], context: bytes
) -> tuple[list[bytes], list[int]]:
    """As `face.open_many`."""
    opened, failed = list[bytes](), list[int]()
    room, once = _Room(), _once(keys)
    try:
        for part in _rounds(tokens):
            plain, wrong = face.open_many(once, prefix_len, key_id, part, context, room.of(part.nbytes))
            failed += [len(opened) + index for index in wrong]
            opened += plain.to_list()
    except BaseException:
        wipe_items(opened)
        raise
    finally:
        wipe(room.window)
    return opened, failed


def rewrap_list(
    keys: Keys,
    prefix_len: int,
    key_id: slice,
    new_key: XaesKey,
    new_prefix: bytes,
    tokens: list[bytes],
    context: bytes | list[bytes],
) -> tuple[list[bytes], list[int]]:
    """As `face.rewrap_many`; a list of contexts has one for each token."""
    if isinstance(context, list):
        return rewrap_each(keys, prefix_len, key_id, new_key, new_prefix, tokens, context)
    moved, failed = list[bytes](), list[int]()
    room, once = _Room(), _once(keys)
    longer = max(0, len(new_prefix) - prefix_len)
    for part in _rounds(tokens):
        out = room.of(part.nbytes + len(part) * longer)
        made, wrong = face.rewrap_many(once, prefix_len, key_id, new_key, new_prefix, part, context, out)
        failed += [len(moved) + index for index in wrong]
        moved += made.to_list()
    return moved, failed


def rewrap_each(
    keys: Keys,
    prefix_len: int,
    key_id: slice,
    new_key: XaesKey,
    new_prefix: bytes,
    tokens: list[bytes],
    contexts: Sequence[bytes],
) -> tuple[list[bytes], list[int]]:
    """As `rewrap_list`, but each token has a context of its own: one at a time, its plaintext in locked memory."""
    moved, failed = list[bytes](), list[int]()
    once, batch, nonce_end = _once(keys), new_key.batch(), prefix_len + NONCE_SIZE
    scratch = Locked.zero(max(0, max(map(len, tokens), default=0) - prefix_len - _OVERHEAD))
    plaintext = scratch.view()
    try:
        for index, (token, context) in enumerate(zip(tokens, contexts, strict=True)):
            prefix, window = token[:prefix_len], plaintext[: max(0, len(token) - prefix_len - _OVERHEAD)]
            try:
                if len(token) < prefix_len + _OVERHEAD:
                    raise DecryptionFailed("this is not a token, or not all of it")
                nonce, sealed = token[prefix_len:nonce_end], token[nonce_end:]
                once(prefix[key_id]).open_into(nonce, sealed, prefix + context, window)
            except DecryptionFailed:
                moved.append(b"")
                failed.append(index)
                continue
            nonce, sealed = batch.seal(window, new_prefix + context)
            moved.append(new_prefix + nonce + sealed)
    finally:
        scratch.wipe()
    return moved, failed


def wipe_items(items: list[bytes]) -> None:
    """Overwrite items that nobody else has yet, and let go of them."""
    for item in items:
        wipe_bytes(item)
    items.clear()


def _rounds(items: list[bytes]) -> Iterator[Packed]:
    at, count = 0, _FIRST_ROUND
    while at < len(items):
        part = Packed.of(items[at : at + count])
        yield part
        at += len(part)
        count = max(1, min(count * _GROWTH, _ROUND_BYTES * len(part) // (part.nbytes + 1)))


def _once(keys: Keys) -> Keys:
    """The same keys, each asked for in the first round that needs it."""
    known: dict[bytes, XaesKey | None] = {}

    def find(key_id: bytes) -> XaesKey:
        if key_id not in known:
            try:
                known[key_id] = keys(key_id)
            except DecryptionFailed:
                known[key_id] = None
        key = known[key_id]
        if key is None:
            raise DecryptionFailed("there is no such key")
        return key

    return find


class _Room:
    """A buffer for the results of one round after another."""

    def __init__(self) -> None:
        self.window = memoryview(bytearray())

    def of(self, size: int) -> memoryview:
        """Return `size` bytes or more of it."""
        if self.window.nbytes < size:
            wipe(self.window)
            self.window = memoryview(bytearray(size))
        return self.window
