"""How old a version of a key may be to still open what it sealed.

Relies on `names`. Promises: a policy is consistent once it is made; read-only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from localvault.errors import BadParameter
from localvault.model.names import version_bytes

MINUS_MAX: Final = 1_000_000
"""The most versions that `latest_minus` and `keep` can name."""


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """Which versions of a key are retired: older than the minimum, they decrypt, unwrap and open nothing any more.

    Without a minimum (`VersionPolicy()`, what a key has until it is given another) none is.

    Raises:
        BadParameter: both minimums, no version, or a number out of range.
    """

    minimum_open: str | None = None
    """The oldest version that still opens, 32 hex digits; it stays until it is changed."""
    latest_minus: int | None = None
    """Or how many versions before the current one still open, 0 to 1,000,000; it moves with every new version."""
    keep: int = 1
    """How many of the newest versions `trim` leaves in any case, 1 to 1,000,000."""

    def __post_init__(self) -> None:
        if self.minimum_open is not None:
            if self.latest_minus is not None:
                raise BadParameter("a version policy has one minimum: minimum_open or latest_minus")
            # As versions are written everywhere, so that a policy read back equals the one that was set.
            object.__setattr__(self, "minimum_open", version_bytes(self.minimum_open).hex())
        if self.latest_minus is not None:
            check_number(self.latest_minus, "latest_minus", 0)
        check_number(self.keep, "keep", 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the policy under its names, for JSON."""
        return {
            "minimum_open": self.minimum_open,
            "latest_minus": self.latest_minus,
            "keep": self.keep,
        }


def check_number(number: object, what: str, least: int) -> int:
    """Return `number` if so many versions can be meant.

    Raises:
        BadParameter: it is no integer from `least` to 1,000,000.
    """
    if type(number) is not int or not least <= number <= MINUS_MAX:
        raise BadParameter(f"{what} is a number of versions, {least} to {MINUS_MAX:,}")
    return number
