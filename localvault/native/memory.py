"""Memory for keys: locked, guarded, not dumped, wiped; and the two calls every room with secrets needs.

Relies on the native core (csrc/mem). Promises: the bytes of a `Locked` are kept out of swap where the system
allows, out of core dumps, unreadable in a forked child, wiped when it is dropped, and shown by no `repr`,
`str`, pickle or copy. What Python itself copies (a `bytes` made from a view) is outside of that promise.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, Protocol, final
from weakref import WeakValueDictionary

from localvault.errors import LocalVaultError, VaultClosed, VaultForked
from localvault.model.hidden import Hidden
from localvault.native.core import ffi, lib

if TYPE_CHECKING:
    from _cffi_backend import FFI
    from typing_extensions import Buffer

_forks = 0  # how many forks lie between the first process and this one


class Wipeable(Protocol):
    """Whatever holds key material that a forked child must not use."""

    def wipe(self) -> None:
        """Makes every later use raise `refusal`."""


# By id, because what holds a secret has no hash.
_wiped_in_children: WeakValueDictionary[int, Wipeable] = WeakValueDictionary()


def wipe_in_children(holder: Wipeable) -> None:
    """Has `holder` wiped at the start of every forked child, so that its hot paths need no check."""
    _wiped_in_children[id(holder)] = holder


def _begin_child() -> None:
    global _forks
    _forks += 1
    for holder in list(_wiped_in_children.values()):
        holder.wipe()
    _wiped_in_children.clear()


os.register_at_fork(after_in_child=_begin_child)


def forks() -> int:
    """How many forks lie between the process that imported this and the one that asks."""
    return _forks


def refusal(made_after: int) -> LocalVaultError:
    """The error for unusable key material; `made_after` is what `forks()` was when it was made."""
    if made_after != _forks:
        return VaultForked(
            "this process inherited the key through fork and cannot use it",
            hint="open the vault again in the child process",
        )
    return VaultClosed("the key has been wiped")


def wipe(buffer: Buffer) -> None:
    """Overwrites a `bytearray`, writable `memoryview` or the like with zeros.

    Raises `TypeError` or `BufferError` if it is read-only: an immutable `bytes` cannot be wiped.
    """
    window = ffi.from_buffer(buffer, require_writable=True)
    lib.lv_wipe(window, len(window))


def wipe_bytes(data: bytes) -> None:
    """Overwrites a `bytes` that the caller alone has and is about to drop, with zeros.

    Python keeps them unchanged only so that they can be shared. Those of one byte and none always are, and stay.
    """
    if len(data) > 1:
        lib.lv_wipe(ffi.from_buffer(data), len(data))


def equal(a: Buffer, b: Buffer) -> bool:
    """Whether two byte strings are the same, in a time that depends on their lengths alone."""
    left, right = ffi.from_buffer(a), ffi.from_buffer(b)
    # Lengths are not secret anywhere in localvault: tags, commitments and keys have fixed ones.
    return len(left) == len(right) and lib.lv_equal(left, right, len(left)) == 1


@final
class Locked(Hidden):
    """A few bytes of key material behind an opaque handle.

    Made by `of`, `random` or `zero`; read and written through `view()`. Up to 2048 bytes share locked pages,
    so thousands fit into a small RLIMIT_MEMLOCK. One `Locked` may be used by several threads as long as none
    writes.
    """

    __slots__ = ("__weakref__", "_forks", "_size", "_window", "locked")

    _forks: int
    _size: int
    _window: memoryview | None
    locked: bool
    """Whether the bytes are kept out of swap; False where RLIMIT_MEMLOCK is used up."""

    def __init__(self) -> None:
        raise TypeError("make a Locked with Locked.of, Locked.random or Locked.zero")

    @classmethod
    def zero(cls, size: int) -> Locked:
        """`size` zero bytes, to be written through `view()`.

        Raises `ValueError` for a negative size and `MemoryError` if the system gives no memory.
        """
        if size < 0:
            raise ValueError("size must not be negative")
        return cls._around(_new_handle(size), size)

    @classmethod
    def of(cls, data: Buffer) -> Locked:
        """A copy of `data`, which stays as it is: wipe it yourself if it can be wiped.

        Raises `MemoryError` if the system gives no memory.
        """
        source = ffi.from_buffer(data)
        made = cls.zero(len(source))
        ffi.memmove(made.view(), source, len(source))
        return made

    @classmethod
    def random(cls, size: int) -> Locked:
        """`size` bytes from the operating system's generator, which no Python object ever holds.

        Raises `ValueError` for a negative size, `MemoryError` if the system gives no memory, `OSError` if it
        gives no random bytes.
        """
        if size < 0:
            raise ValueError("size must not be negative")
        handle = _new_handle(size)
        if lib.lv_locked_random(handle) != lib.LV_OK:
            lib.lv_locked_free(handle)
            raise OSError("the operating system gave no random bytes")
        return cls._around(handle, size)

    @classmethod
    def _around(cls, handle: FFI.CData, size: int) -> Locked:
        made = object.__new__(cls)
        # The window owns the handle: it is freed when the last view on it is gone, never while one could
        # still read what has since become another key.
        owner = ffi.gc(lib.lv_locked_bytes(handle), _freeing(handle), size)
        made._window = memoryview(ffi.buffer(owner, size))
        made._size = size
        made._forks = _forks
        made.locked = lib.lv_locked_is_locked(handle) == 1
        return made

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"<Locked: {self._size} bytes, not shown>"

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(
            "compare key material with equals(), which takes the same time whatever the bytes are"
        )

    def view(self) -> memoryview:
        """A writable window on the bytes themselves; it shows zeros once the `Locked` has been wiped.

        Raises `VaultClosed` after `wipe()` and `VaultForked` in a forked child.
        """
        if self._window is None or self._forks != _forks:
            raise refusal(self._forks)
        return memoryview(self._window)

    def equals(self, other: Buffer | Locked) -> bool:
        """Whether `other` has the same bytes, in a time that depends on the lengths alone.

        Raises `VaultClosed` after `wipe()` of either and `VaultForked` in a forked child.
        """
        return equal(self.view(), other.view() if isinstance(other, Locked) else other)

    def wipe_part(self, at: int, size: int) -> None:
        """Zeroes `size` bytes from `at` on; does nothing once all were wiped, or in a forked child, which has none."""
        window = self._window
        if window is not None and self._forks == _forks:
            wipe(window[at : at + size])

    def wipe(self) -> None:
        """Zeroes the bytes now and gives them up; every later use raises. A second call does nothing."""
        window, self._window = self._window, None
        if window is not None and self._forks == _forks:
            wipe(window)


def _new_handle(size: int) -> FFI.CData:
    out = ffi.new("lv_locked **")
    if lib.lv_locked_new(size, out) != lib.LV_OK:
        raise MemoryError(f"no memory for {size} bytes of key material")
    handle: FFI.CData = out[0]
    return handle


def _freeing(handle: FFI.CData) -> Callable[[object], None]:
    free = lib.lv_locked_free
    return lambda _bytes: free(handle)
