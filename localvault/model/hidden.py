"""The one place that keeps a value from being shown by accident.

Relies on nothing. Promises: a type built on `Hidden` prints no field, and cannot be pickled, copied, hashed or turned
into a dictionary; what it holds leaves only through the attribute that names it.
"""

from __future__ import annotations

from typing import NoReturn


class Hidden:
    """Base of every type that carries something secret.

    The rejected alternative is `dataclasses.field(repr=False)`: `asdict`, `pickle` and `copy` still hand it out.
    """

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # the documented way to make a type unhashable; a hash would leak equality

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: not shown>"

    def __format__(self, specification: str) -> str:
        return format(repr(self), specification)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: it holds a secret")

    def __copy__(self) -> NoReturn:
        self.__reduce_ex__(None)

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__reduce_ex__(None)
