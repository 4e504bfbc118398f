"""Whole Arrow arrays in and out by the Arrow PyCapsule interface: without any Arrow library, without a copy.

Relies on `errors`, `offsets` and ctypes. Promises: what is taken stays valid as long as any window on it; what is given
stays valid until whoever took it lets go, from whatever thread, and also while the interpreter ends.

Source: arrow.apache.org/docs/format/CDataInterface.html and the page on its PyCapsule interface. An array comes as two
capsules, one with its type and one with the addresses of its buffers. Who takes a structure out of its capsule calls
the function `release` in it when done; a capsule that nobody emptied does so itself.
"""

from __future__ import annotations

import ctypes
import itertools
from array import array
from ctypes import (
    CFUNCTYPE,
    POINTER,
    PYFUNCTYPE,
    Structure,
    c_char_p,
    c_int,
    c_int64,
    c_ubyte,
    c_void_p,
    py_object,
    pythonapi,
)
from typing import Any, Final

from localvault.errors import BadParameter
from localvault.model.offsets import as_row

_TYPES: Final = (b"Z", b"U")  # large_binary, large_string: offsets of 64 bits
_SCHEMA: Final = b"arrow_schema"
_ARRAY: Final = b"arrow_array"
_OFFSET_BYTES = 8
_BUFFERS = 3  # validity, offsets, data


class _Schema(Structure):
    """`struct ArrowSchema`."""

    _fields_ = (
        ("format", c_char_p),
        ("name", c_char_p),
        ("metadata", c_void_p),
        ("flags", c_int64),
        ("n_children", c_int64),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    )


class _Array(Structure):
    """`struct ArrowArray`."""

    _fields_ = (
        ("length", c_int64),
        ("null_count", c_int64),
        ("offset", c_int64),
        ("n_buffers", c_int64),
        ("n_children", c_int64),
        ("buffers", POINTER(c_void_p)),
        ("children", c_void_p),
        ("dictionary", c_void_p),
        ("release", c_void_p),
        ("private_data", c_void_p),
    )


# Taking

_pointer_of = PYFUNCTYPE(c_void_p, py_object, c_char_p)(("PyCapsule_GetPointer", pythonapi))


def take(source: object) -> tuple[memoryview, memoryview]:
    """Return data and offsets of an array that stays where it is.

    Raises:
        BadParameter: no array, one of another type, or one with nulls.
    """
    export = getattr(source, "__arrow_c_array__", None)
    if export is None:
        raise BadParameter(f"a {type(source).__name__} does not speak the Arrow PyCapsule interface")
    schema_capsule, array_capsule = export()
    schema = _Schema.from_address(_pointer_of(schema_capsule, _SCHEMA))
    found = _Array.from_address(_pointer_of(array_capsule, _ARRAY))
    if schema.format not in _TYPES:
        raise BadParameter(
            f"an Arrow array of format {schema.format.decode()!r} has no offsets of 64 bits",
            hint='array.cast("large_binary") makes them',
        )
    if _has_nulls(found, array_capsule):
        raise BadParameter(
            "an Arrow array with nulls cannot be packed", hint='array.fill_null(b"") makes them empty'
        )
    if found.length == 0:  # whose buffers need not be there
        return memoryview(b""), memoryview(array("q", [0]))
    start = found.buffers[1] + found.offset * _OFFSET_BYTES
    offsets = as_row(_window(start, (found.length + 1) * _OFFSET_BYTES, array_capsule))
    # The interface does not say how long the data are: as long as the last offset says.
    return _window(found.buffers[2], max(0, offsets[-1]), array_capsule), offsets


def _has_nulls(found: _Array, owner: object) -> bool:
    if found.null_count == 0 or found.length == 0 or not found.buffers[0]:
        return False
    if found.null_count > 0:
        return True
    # Not counted yet: one bit an item, the lowest first.
    last = found.offset + found.length
    bits = int.from_bytes(_window(found.buffers[0], (last + 7) // 8, owner), "little") >> found.offset
    everything = (1 << int(found.length)) - 1
    return bool(bits & everything != everything)


def _window(address: int | None, size: int, owner: object) -> memoryview:
    if not address or not size:
        return memoryview(b"")
    memory: Any = (c_ubyte * size).from_address(address)
    memory.owner = owner  # which nothing releases while any window on the memory is there
    return memoryview(memory).cast("B").toreadonly()


# Giving

_Callback = CFUNCTYPE(None, c_void_p)
_new_capsule = PYFUNCTYPE(py_object, c_void_p, c_char_p, _Callback)(("PyCapsule_New", pythonapi))
# For a destructor: its capsule is no object any more that Python could count references of.
_pointer_of_dying = PYFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", pythonapi))
_for_ever = PYFUNCTYPE(None, py_object)(("Py_IncRef", pythonapi))


class _Lender:
    """Gives structures of one kind away in capsules, and keeps what they point to until they are released."""

    def __init__(self, kind: type[_Schema | _Array], name: bytes) -> None:
        self._name = name
        self._numbers = itertools.count(1)
        self._held: dict[int, object] = {}
        self._structures: dict[int, _Schema | _Array] = {}
        held, structures, pointer_of = self._held, self._structures, _pointer_of_dying

        # Neither uses a name of this module, which may be emptied by the time the last array goes.
        def release(address: int) -> None:
            given = kind.from_address(address)
            held.pop(given.private_data, None)
            given.release = None

        def destroy(capsule: int) -> None:
            address = pointer_of(capsule, name)
            if kind.from_address(address).release:
                release(address)
            structures.pop(address, None)

        self._release, self._destroy = _Callback(release), _Callback(destroy)
        # Others have their addresses, until the process ends.
        _for_ever(self._release)
        _for_ever(self._destroy)

    def lend(self, structure: _Schema | _Array, *kept: object) -> object:
        """Return a capsule with `structure`; what is `kept` stays until it is released."""
        # By number, because whoever takes a structure moves it to an address of his own.
        structure.private_data = number = next(self._numbers)
        structure.release = ctypes.cast(self._release, c_void_p).value
        address = ctypes.addressof(structure)
        self._held[number] = kept
        self._structures[address] = structure
        return _new_capsule(address, self._name, self._destroy)


_SCHEMAS: Final = _Lender(_Schema, _SCHEMA)
_ARRAYS: Final = _Lender(_Array, _ARRAY)


def give(data: memoryview, offsets: memoryview) -> tuple[object, object]:
    """Return the capsules of a `large_binary` array on these buffers."""
    schema = _Schema(format=_TYPES[0])
    addresses = (c_void_p * _BUFFERS)(None, _address(offsets), _address(data))
    found = _Array(
        length=len(offsets) - 1, n_buffers=_BUFFERS, buffers=ctypes.cast(addresses, POINTER(c_void_p))
    )
    return _SCHEMAS.lend(schema, _TYPES), _ARRAYS.lend(found, data, offsets, addresses)


class _PyBuffer(Structure):
    """`Py_buffer`, of which only the first field matters here."""

    _fields_ = (("buf", c_void_p), ("rest", c_void_p * 16))


_get_buffer = PYFUNCTYPE(c_int, py_object, POINTER(_PyBuffer), c_int)(("PyObject_GetBuffer", pythonapi))
_release_buffer = PYFUNCTYPE(None, POINTER(_PyBuffer))(("PyBuffer_Release", pythonapi))


def _address(window: memoryview) -> int | None:
    """Where the bytes stand that a window shows, and stay while it is kept."""
    seen = _PyBuffer()
    _get_buffer(window, seen, 0)
    try:
        address: int | None = seen.buf
        return address
    finally:
        _release_buffer(seen)
