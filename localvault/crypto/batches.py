"""What the verbs on many have in common: the caller's forms, the caller's buffer, and what becomes of bad items.

Relies on `native`. Promises: what a call that ends in an error had opened is wiped, also in a buffer of the caller's; a
caller's list of failures is added to only by a call that succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from localvault.calls import Call
from localvault.errors import BadParameter, DecryptionFailed
from localvault.model.packed import Packed
from localvault.native import face, lists
from localvault.native.face import XaesKey
from localvault.native.lists import wipe_items
from localvault.native.memory import wipe
from localvault.native.target import callers_target
from localvault.sealing import token

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")
Items = Packed | Iterable[bytes]
"""What a caller hands in, and"""
Given = Packed | list[bytes]
"""the two forms it is worked on in."""


def as_list(items: Iterable[bytes]) -> list[bytes]:
    """Return the items as a list of `bytes`.

    Raises:
        TypeError: one is no byte string.
    """
    listed = items if type(items) is list else list(items)
    # Other buffers are copied once more; the rounds of `native.lists` take `bytes` only.
    return listed if set(map(type, listed)) <= {bytes} else Packed.of(listed).to_list()


def taken(items: Items, out: Buffer | None) -> Given:
    """Return the items as they are worked on; a buffer for the results is for a `Packed` alone.

    Raises:
        BadParameter: there is a buffer for what becomes a list.
        TypeError: an item is no byte string.
    """
    if isinstance(items, Packed):
        return items
    if out is not None:
        raise BadParameter(
            "only the items of a Packed can go to a buffer", hint="Packed.of(items) packs a list"
        )
    return as_list(items)


@contextmanager
def into(out: Buffer | None, items: Given, more: int = 0) -> Iterator[memoryview | None]:
    """Yield the window in the caller's buffer for items `more` bytes longer each, None without one; wiped on failure.

    Raises:
        BadParameter: the buffer cannot be used; it is as it was.
    """
    window = None
    if out is not None and isinstance(items, Packed):
        window = callers_target(out, items.nbytes + len(items) * more, items)
    try:
        yield window
    except BaseException:
        # Also where the work was done and its event could not be written: what is withheld is withheld here too.
        if window is not None:
            wipe(window)
        raise


def seal_all(key: XaesKey, start: bytes, items: Given, context: bytes, window: memoryview | None) -> Given:
    """Return the tokens of all items, in the form the items have."""
    if isinstance(items, Packed):
        return face.seal_many(key, start, items, context, window)
    return lists.seal_list(key, start, items, context)


def open_all(
    keys: Callable[[bytes], XaesKey], tokens: Given, context: bytes, window: memoryview | None
) -> tuple[Given, list[int]]:
    """Return what all tokens hold, empty where one did not open, and the indexes of those."""
    if isinstance(tokens, Packed):
        return face.open_many(keys, token.PREFIX_LEN, token.KEY_ID, tokens, context, window)
    return lists.open_list(keys, token.PREFIX_LEN, token.KEY_ID, tokens, context)


class Outcome:
    """Which items of a call failed: an error, unless the caller has a list for them."""

    def __init__(self, failed: list[int] | None) -> None:
        self._failed = failed
        self._wrong: list[int] = []

    def is_error(self, call: Call | None, wrong: list[int]) -> bool:
        """Tell the event, if there is one, how many items failed; whether that is an error."""
        if not wrong:
            return False
        if call is not None:
            call.details = (call.details or {}) | {"failed": len(wrong)}
        self._wrong = wrong
        return self._failed is None

    def note(self, call: Call | None, wrong: list[int], tokens: Given, made: Given) -> None:
        """As `is_error`, for tokens.

        Raises:
            DecryptionFailed, NewerFormat: it is an error; what was made is wiped.
        """
        if not self.is_error(call, wrong):
            return
        if isinstance(made, Packed):
            wipe(made.data)
        else:
            wipe_items(made)
        # A token of a newer format fails like any other; only it deserves another sentence.
        token.parse(bytes(tokens[wrong[0]]))
        raise DecryptionFailed(
            f"{len(wrong)} of {len(tokens)} tokens do not open, the first is number {wrong[0]}"
        )

    def told(self, result: T) -> T:
        """Return the result of a call whose event is written, and add what failed to the caller's list."""
        if self._failed is not None:
            self._failed += self._wrong
        return result
