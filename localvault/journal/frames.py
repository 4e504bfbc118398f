"""A spool's file, read: header, frames, and where reading stopped.

Source: docs/format.md section 8. Relies on `native.frame` for the seal. Promises: reads any bytes whatever without
trusting a length; a frame counts only if it opens under the next number, so a changed, moved, repeated or missing one
is noticed; a torn one at the end (a writer killed in its write, never acknowledged) is left aside.

    file  = magic (8) | epoch (4) | spool id (16) | frame …
    frame = length of ciphertext and tag (4) | number (8) | ciphertext and tag              all numbers big-endian

Frame 0 holds [process, time], every other one the fields of an event.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import NamedTuple, cast

from localvault.errors import DecryptionFailed
from localvault.journal.entry import pack, unpack
from localvault.native.frame import FRAME, FRAME_BYTES, TAG_SIZE, FrameKey, Frames
from localvault.native.memory import Locked
from localvault.sealing.hkdf import expand

MAGIC = b"lvspool1"
ID = 16
HEADER = len(MAGIC) + 4 + ID
_READ = 1 << 20


class Position(NamedTuple):
    """Up to where a spool has been read: the byte, and the number of the frame that begins there."""

    offset: int
    number: int

    def past(self, frames: Frames, count: int) -> Position:
        """Return where the first `count` of the frames that begin here end."""
        return Position(self.offset + frames.taken(count), self.number + count)


START = Position(HEADER, 0)


class Beginning(NamedTuple):
    """What frame 0 tells, and where frame 1 begins."""

    begun: int
    """When the spool was made, µs since the epoch: a process that has made several folds them in this order."""
    process: str
    first: Position

    def pack(self) -> bytes:
        """Return the plaintext of frame 0."""
        return cast("bytes", pack((self.process, self.begun)))

    @classmethod
    def unpack(cls, plaintext: bytes, first: Position) -> Beginning:
        """Return what `pack` packed.

        Raises:
            ValueError: it is nothing of the kind.
        """
        told = unpack(plaintext)
        if not (isinstance(told, tuple) and tuple(map(type, told)) == (str, int)):
            raise ValueError("not the first frame of a spool")
        return cls(told[1], told[0], first)


class Mark(NamedTuple):
    """What the journal records of a spool: up to where it is folded, and whether a flaw was met there."""

    position: Position = START
    flawed: bool = False

    def pack(self) -> bytes:
        """Return the record's plaintext: byte (8), frame (8), flaw (1)."""
        return b"".join(
            (self.position.offset.to_bytes(8), self.position.number.to_bytes(8), bytes((self.flawed,)))
        )

    @classmethod
    def unpack(cls, plaintext: bytes) -> Mark:
        """Return the mark that `pack` made."""
        position = Position(int.from_bytes(plaintext[:8]), int.from_bytes(plaintext[8:16]))
        return cls(position, plaintext[16:] != b"\0")


class SpoolKeys:
    """What every spool's key is derived from: the key of the scope `/journal`, and the epoch it is of."""

    __slots__ = ("_kept", "_roots", "epoch")

    def __init__(self, root: Locked, epoch: int = 0) -> None:
        """`root` is taken over."""
        self.epoch = epoch
        self._roots = {epoch: root}
        self._kept: dict[bytes, Locked] = {}

    def adopt(self, root: Locked, epoch: int) -> None:
        """Begin new spools at a later epoch from now on, and go on reading those of earlier ones."""
        self.keep(root, epoch)
        self.epoch = epoch

    def keep(self, root: Locked, epoch: int) -> None:
        """Read spools of another epoch too; `root` is taken over."""
        self._roots[epoch] = root

    def keep_only(self, epoch: int, kept: dict[bytes, Locked]) -> None:
        """Of what was begun before `epoch`, read only the spools in `kept`, by id, whose keys are taken over."""
        for key in self._kept.values():
            key.wipe()
        self._kept = kept
        for earlier in [earlier for earlier in self._roots if earlier < epoch]:
            self._roots.pop(earlier).wipe()

    @property
    def kept(self) -> set[bytes]:
        """The ids of the spools whose keys `keep_only` has kept."""
        return set(self._kept)

    def key(self, spool_id: bytes, epoch: int | None = None) -> FrameKey:
        """Return the key of one spool: its id is 128 random bits, so no other file ever has the same key.

        Raises:
            VaultClosed, VaultForked: the root is gone.
        """
        derived = self._derived(self._roots[self.epoch if epoch is None else epoch], spool_id)
        try:
            return FrameKey(derived)
        finally:
            derived.wipe()

    def header(self, spool_id: bytes, epoch: int | None = None) -> bytes:
        """Return what a spool's file begins with; a changed byte makes it another file, whose frames do not open."""
        return MAGIC + (self.epoch if epoch is None else epoch).to_bytes(4) + spool_id

    def key_of(self, header: bytes, spool_id: bytes) -> FrameKey | None:
        """Return the key of the file that begins with `header`, or None if it is not one that can be read."""
        # A loss of power may leave a new file's name without its first bytes.
        if not header.strip(b"\0"):
            return self.key(spool_id)
        epoch = self._epoch(header, spool_id)
        if epoch is None:
            return None
        if epoch in self._roots:
            return self.key(spool_id, epoch)
        kept = self._kept.get(spool_id)
        return FrameKey(kept) if kept is not None and epoch < self.epoch else None

    def former_key(self, header: bytes, spool_id: bytes) -> Locked | None:
        """Return, for a file begun at an earlier epoch, the key that `keep_only` takes; None for any other."""
        epoch = self._epoch(header, spool_id)
        if epoch is None or epoch >= self.epoch:
            return None
        if epoch in self._roots:
            return self._derived(self._roots[epoch], spool_id)
        kept = self._kept.get(spool_id)
        return None if kept is None else Locked.of(kept.view())

    def wipe(self) -> None:
        """Forget all keys."""
        for key in (*self._roots.values(), *self._kept.values()):
            key.wipe()

    def _epoch(self, header: bytes, spool_id: bytes) -> int | None:
        epoch = int.from_bytes(header[len(MAGIC) : -ID])
        return epoch if header == self.header(spool_id, epoch) else None

    @staticmethod
    def _derived(root: Locked, spool_id: bytes) -> Locked:
        return expand(root, b"localvault/spool/v1 " + spool_id)


def name_of(spool_id: bytes) -> str:
    """Return the name of a spool's file."""
    return f"spool-{spool_id.hex()}.lvs"


def id_of(name: str) -> bytes | None:
    """Return the spool id in a file's name, or None if it is not a spool's."""
    if not (name.startswith("spool-") and name.endswith(".lvs")):
        return None
    with suppress(ValueError):
        spool_id = bytes.fromhex(name[6:-4])
        if name_of(spool_id) == name and len(spool_id) == ID:
            return spool_id
    return None


def read_header(descriptor: int) -> bytes:
    """Return what an open file begins with, as long as a spool's header; something else if it is no file.

    Raises:
        OSError: it cannot be read.
    """
    return os.pread(descriptor, HEADER, 0) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b"?"


class SpoolFile:
    """An open spool file and its key."""

    def __init__(self, path: Path, spool_id: bytes, descriptor: int, key: FrameKey) -> None:
        self.path = path
        self.spool_id = spool_id
        self.descriptor = descriptor
        self.key = key

    @classmethod
    def open(cls, folder: Path, spool_id: bytes, keys: SpoolKeys) -> SpoolFile | None:
        """Open another process's spool, or None if it is gone, or is not a file that begins as this spool does.

        Raises:
            OSError: it cannot be read.
        """
        path = folder / name_of(spool_id)
        try:
            # A link planted under a spool's name must not make us read or remove something else.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        key = keys.key_of(read_header(descriptor), spool_id)
        if key is None:
            os.close(descriptor)
            return None
        return cls(path, spool_id, descriptor, key)

    @staticmethod
    def lock(descriptor: int) -> bool:
        """Take the lock that a living process holds on its spool; False while it does.

        It belongs to the open file, not to the process, so it also keeps two vaults of one process apart; and it ends
        with the process, however that ends.

        Raises:
            OSError: the file system has no locks.
        """
        try:
            flock(descriptor, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def dead(self) -> bool:
        """Return whether no living process writes the file; from then on it is ours to remove.

        Raises:
            OSError: the file system has no locks.
        """
        return self.lock(self.descriptor)

    def begin(self) -> Beginning | None:
        """Return what frame 0 tells, or None if there is no sound frame 0."""
        reading = Reading(self, START, min(self.size(), HEADER + FRAME.size + FRAME_BYTES))
        first = next(reading.frames(1), None)
        try:
            return None if first is None else Beginning.unpack(first, reading.position)
        except ValueError:
            return None

    def size(self) -> int:
        """Return how long the file is."""
        return os.fstat(self.descriptor).st_size

    def finished(self, position: Position) -> bool:
        """Return whether nothing but a frame torn in its writing follows `position`."""
        reading = Reading(self, position, self.size())
        return next(reading.frames(1), None) is None and not reading.flawed

    def close(self) -> None:
        """Close the file, which lets go of its lock, and forget its key."""
        self.key.wipe()
        os.close(self.descriptor)

    def remove(self) -> None:
        """Remove and close the file, all of which is in the journal.

        Raises:
            OSError: it cannot be removed; it is closed, and whoever looks at it next removes it.
        """
        try:
            self.path.unlink(missing_ok=True)
        finally:
            self.close()

    def set_aside(self) -> None:
        """Close the file and keep it as `….bad`, for people to look at: part of it is not what was written.

        Raises:
            OSError: it cannot be renamed; it is closed.
        """
        try:
            with suppress(FileNotFoundError):
                self.path.rename(self.path.with_suffix(".bad"))
        finally:
            self.close()


class Reading:
    """The frames of a file from a position on, up to a byte."""

    __slots__ = ("_end", "_file", "flawed", "position")

    def __init__(self, file: SpoolFile, position: Position, end: int) -> None:
        self._file = file
        self._end = end
        self.position = position
        """After the last frame that was read."""
        self.flawed = False
        """Whether reading stopped at bytes that are not a frame this spool wrote."""

    def frames(self, limit: int) -> Iterator[bytes]:
        """Yield the plaintexts of at most `limit` frames, moving `position` past each."""
        for frames, begin in self.batches(limit):
            for index, plaintext in enumerate(frames, 1):
                self.position = begin.past(frames, index)
                yield plaintext

    def batches(self, limit: int) -> Iterator[tuple[Frames, Position]]:
        """Yield frames as they come out of the file, at most `limit` of them, and where the first began.

        `position` is behind the last of them.
        """
        done = 0
        while done < limit and self.position.offset < self._end:
            begin = self.position
            chunk = os.pread(self._file.descriptor, min(_READ, self._end - begin.offset), begin.offset)
            frames = self._file.key.open_frames(begin.number, chunk, limit - done)
            if not frames.count:
                self.flawed = self._is_flaw(chunk, begin)
                return
            done += frames.count
            self.position = begin.past(frames, frames.count)
            yield frames, begin

    def _is_flaw(self, chunk: bytes, begin: Position) -> bool:
        """Whether bytes that do not begin with the next frame are anything but a torn end."""
        if len(chunk) < FRAME.size:
            return False
        size, _number = FRAME.unpack_from(chunk)
        # As much was read as the longest frame takes, so one that is not whole is not whole in the file.
        if FRAME.size + size > len(chunk) and TAG_SIZE <= size <= FRAME_BYTES:
            return self._belied(chunk, begin.number)
        return not self._blank(begin.offset)

    def _belied(self, rest: bytes, number: int) -> bool:
        """Whether `rest`, which begins with a longer frame than it holds, shows that the frame's length was altered.

        What a writer killed in its write leaves is less than one frame: neither all of it nor the next one is there.
        """
        if self._opens(number, rest[FRAME.size : FRAME.size + FRAME_BYTES]):
            return True
        following = (number + 1).to_bytes(8)
        at = rest.find(following, FRAME.size)
        while at >= 0:
            size, sealed = int.from_bytes(rest[at - 4 : at]), at + len(following)
            # No longer than a frame can be: bytes made to look like many ends of one cost seconds, not hours.
            if TAG_SIZE <= size <= FRAME_BYTES and self._opens(number + 1, rest[sealed : sealed + size]):
                return True
            at = rest.find(following, at + 1)
        return False

    def _opens(self, number: int, sealed: bytes) -> bool:
        try:
            self._file.key.open(number, sealed)
        except DecryptionFailed:
            return False
        return True

    def _blank(self, offset: int) -> bool:
        # After a loss of power a file may have grown without its last bytes: zeros, which no frame begins with.
        while offset < self._end:
            rest = os.pread(self._file.descriptor, min(_READ, self._end - offset), offset)
            if not rest:
                return True
            if rest.strip(b"\0"):
                return False
            offset += len(rest)
        return True
