"""Lists that hold one page in memory, whatever they run over.

Relies on a function that fetches one page. Promises: each page is one snapshot and one journalled operation; a page
boundary is a place in the store's key order, so writes between two pages neither repeat nor skip what they do not
touch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from localvault.errors import BadParameter

T = TypeVar("T")
PAGE_SIZE = 1000
PAGE_SIZE_MAX = 100_000
Fetch = Callable[[bytes | None, int], tuple[list[T], bytes | None]]


class Page(list[T], Generic[T]):
    """One page of a list; `.continuation` (text, None at the end) is where the next one starts."""

    __slots__ = ("continuation",)

    def __init__(self, items: list[T], continuation: str | None) -> None:
        super().__init__(items)
        self.continuation = continuation


class Listing(Generic[T]):
    """The items of a list, fetched page by page as they are asked for."""

    __slots__ = ("_fetch", "_page_size")

    def __init__(self, fetch: Fetch[T], page_size: int = PAGE_SIZE) -> None:
        if not 1 <= page_size <= PAGE_SIZE_MAX:
            raise BadParameter(f"a page has 1 to {PAGE_SIZE_MAX} items")
        self._fetch = fetch
        self._page_size = page_size

    def __iter__(self) -> Iterator[T]:
        start: bytes | None = None
        while True:
            items, start = self._fetch(start, self._page_size)
            yield from items
            if start is None:
                return

    def by_page(self, continuation: str | None = None) -> Iterator[Page[T]]:
        """Yield pages, from `continuation` (a page's own) on.

        Raises:
            BadParameter: `continuation` is not one a page of such a list gave (when iterated).
        """
        start = None if continuation is None else _parse(continuation)
        while True:
            items, start = self._fetch(start, self._page_size)
            yield Page(items, None if start is None else start.hex())
            if start is None:
                return


def check_start(start: bytes | None, prefix: bytes, length: int) -> None:
    """Check that a page of a list over keys of `length` bytes with `prefix` may begin at `start`.

    Raises:
        BadParameter: it is a place in another list: from there this one would look empty or begin anew.
    """
    if start is not None and (len(start) != length or not start.startswith(prefix)):
        raise _foreign()


def _parse(continuation: str) -> bytes:
    try:
        return bytes.fromhex(continuation)
    except ValueError:
        raise _foreign() from None


def _foreign() -> BadParameter:
    return BadParameter("this continuation was not given by a list of this kind")
