"""A stream of any length, sealed in chunks that cannot be reordered, left out, cut short, added to or mixed.

Relies on `native.stream` for chunks. Promises: memory stays at about 2 MiB whatever comes in; no byte is handed out
before the chunk it is in was authenticated; the buffer that held plaintext is wiped on every way out. docs/format.md,
section 10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from localvault.errors import BadParameter, DecryptionFailed
from localvault.native.face import TAG_SIZE, XaesKey
from localvault.native.memory import wipe
from localvault.native.stream import MAX_CHUNKS, open_chunks, seal_chunks
from localvault.sealing.filehead import FileHeader

Read = Callable[[memoryview], int]
"""Fills the window from a source and returns its size; less than that only where the source ends."""
Write = Callable[[memoryview], None]
"""Takes all of the window, whose bytes change afterwards."""

_AT_ONCE: Final = 1 << 20  # bytes of plaintext handled by one call; a chunk is never longer


def seal_stream(key: XaesKey, header: FileHeader, context: bytes, read: Read, write: Write) -> None:
    """Seal everything `read` gives into a header and chunks for `write`.

    Raises:
        BadParameter: more than 2^32 chunks.
        VaultClosed, VaultForked: the key is gone.
    """
    encoded, size = header.encode(), header.chunk_size
    # The whole header, in every chunk: format, suite and chunk size cannot be exchanged for others that a later
    # version might read in another way. Its width is fixed, so no context can pass for a part of it.
    aad = encoded + context
    room = _AT_ONCE // size * size
    plain = bytearray(room + 1)
    window, sealed = memoryview(plain), memoryview(bytearray(_AT_ONCE // size * (size + TAG_SIZE)))
    first = have = 0
    write(memoryview(encoded))
    try:
        while True:
            # One byte more than is sealed: whether a chunk is the last must be known before it is sealed.
            have += read(window[have:])
            last = have <= room
            if first + -(-min(have, room) // size) > MAX_CHUNKS:
                raise BadParameter(f"a sealed file has at most {MAX_CHUNKS} chunks of {size} bytes")
            done = seal_chunks(
                key, header.nonce, aad, first, size, window[: min(have, room)], sealed, last=last
            )
            write(sealed[:done])
            if last:
                return
            plain[0], have = plain[room], 1
            first += room // size
    finally:
        wipe(plain)


def open_stream(key: XaesKey, header: FileHeader, context: bytes, read: Read, write: Write) -> None:
    """Open the chunks that `read` gives, which stand behind `header`, and hand each on to `write` once authenticated.

    What was written is all of it only when this returns.

    Raises:
        DecryptionFailed: wrong key, wrong context, altered, cut short or added to.
        VaultClosed, VaultForked: the key is gone.
    """
    size = header.chunk_size
    whole = size + TAG_SIZE
    aad = header.encode() + context
    room = _AT_ONCE // size * whole
    sealed, plain = bytearray(room + 1), bytearray(_AT_ONCE // size * size)
    window, out = memoryview(sealed), memoryview(plain)
    first = have = 0
    try:
        while True:
            have += read(window[have:])
            last = have <= room
            part = window[: min(have, room)]
            if not _can_be(len(part), whole, first):
                raise _not_opened()
            done = open_chunks(key, header.nonce, aad, first, size, part, out, last=last)
            write(out[:done])
            if last:
                return
            sealed[0], have = sealed[room], 1
            first += room // whole
    except DecryptionFailed:
        raise _not_opened() from None
    finally:
        wipe(plain)


def rewrap_stream(
    key: XaesKey,
    header: FileHeader,
    new_key: XaesKey,
    new_header: FileHeader,
    context: bytes,
    read: Read,
    write: Write,
) -> int:
    """Open the chunks that `read` gives, which stand behind `header`, and seal each again, into a file for `write`.

    Returns how many bytes the content has.

    What was written opens only when this returns: the last chunk is sealed after all before it were authentic. Both
    headers have the same chunk size, so that a chunk keeps its number and its length.

    Raises:
        DecryptionFailed, VaultClosed, VaultForked: as for `open_stream`.
    """
    size = header.chunk_size
    whole = size + TAG_SIZE
    aad, new_aad = header.encode() + context, new_header.encode() + context
    room = _AT_ONCE // size * whole
    sealed, plain = bytearray(room + 1), bytearray(_AT_ONCE // size * size)
    window, out, again = memoryview(sealed), memoryview(plain), memoryview(bytearray(room))
    first = have = content = 0
    write(memoryview(new_header.encode()))
    try:
        while True:
            have += read(window[have:])
            last = have <= room
            part = window[: min(have, room)]
            if not _can_be(len(part), whole, first):
                raise _not_opened()
            done = open_chunks(key, header.nonce, aad, first, size, part, out, last=last)
            content += done
            # A new nonce of 152 random bits, so chunk and number may be what they were (see `FileHeader.new`).
            done = seal_chunks(new_key, new_header.nonce, new_aad, first, size, out[:done], again, last=last)
            write(again[:done])
            if last:
                return content
            sealed[0], have = sealed[room], 1
            first += room // whole
    except DecryptionFailed:
        raise _not_opened() from None
    finally:
        wipe(plain)


def _can_be(length: int, whole: int, first: int) -> bool:
    """Whether chunks can be `length` bytes: the last has something in it, unless it is the only one."""
    count, rest = divmod(length, whole)
    if rest or not length:
        count += 1
        # A file has one form only, so an empty last chunk behind others is refused, authentic or not.
        if rest < TAG_SIZE or (rest == TAG_SIZE and first + count > 1):
            return False
    return first + count <= MAX_CHUNKS


def _not_opened() -> DecryptionFailed:
    # One sentence for every cause, as for tokens.
    return DecryptionFailed("the file does not open: wrong key, wrong context, altered or cut short")
