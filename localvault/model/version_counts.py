"""Which versions of a key many tokens name: what `count_versions` found, and the proof that one is needed no more.

Relies on `names`. Promises: counts of one key add up, and come back from JSON as what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from localvault.errors import BadParameter
from localvault.model.names import check_name, version_bytes

_FORM: Final = "this is not what VersionCounts.to_dict gives"


@dataclass(frozen=True, slots=True)
class VersionCounts:
    """How many tokens name which version of one key.

    Nothing is opened to count it: whoever can alter a token can make it name another version. It does not open then,
    so that can hold up a version's retirement, and take nothing from anybody.

    Counts of one key add up with `+`, and many of them with `sum`.
    """

    key: str
    """The key's name."""
    counts: Mapping[str, int]
    """For each version of the key (32 hex digits) that a token names: how many do."""
    unknown: Mapping[str, int]
    """The same for versions that the key does not have: another key's, or trimmed ones."""
    invalid: int
    """How many items were no token, or one of a newer format."""

    @property
    def total(self) -> int:
        """How many items were counted in all."""
        return sum(self.counts.values()) + sum(self.unknown.values()) + self.invalid

    def of(self, version: str) -> int:
        """Return how many tokens name `version` (32 hex digits).

        Raises:
            BadParameter: not a version.
        """
        wanted = version_bytes(version).hex()
        return self.counts.get(wanted, 0) + self.unknown.get(wanted, 0)

    def __add__(self, other: object) -> VersionCounts:
        """Return the counts of both.

        Raises:
            BadParameter: they are of two keys.
        """
        if not isinstance(other, VersionCounts):
            return NotImplemented
        if self.key.lower() != other.key.lower():
            raise BadParameter(f"counts of two keys do not add up: {self.key} and {other.key}")
        return VersionCounts(
            self.key,
            _sums(self.counts, other.counts),
            _sums(self.unknown, other.unknown),
            self.invalid + other.invalid,
        )

    def __radd__(self, other: object) -> VersionCounts:
        """Return the counts themselves where `sum` begins with 0."""
        return self if other == 0 else NotImplemented

    def to_dict(self) -> dict[str, Any]:
        """Return the counts under their names, for JSON."""
        return {
            "key": self.key,
            "total": self.total,
            "counts": dict(self.counts),
            "unknown": dict(self.unknown),
            "invalid": self.invalid,
        }

    @classmethod
    def from_dict(cls, document: object) -> VersionCounts:
        """Return what `to_dict` told.

        Raises:
            BadParameter: anything else.
        """
        if not isinstance(document, dict):
            raise BadParameter(_FORM)
        key, invalid = document.get("key"), document.get("invalid")
        if not isinstance(key, str) or not isinstance(invalid, int) or not _is_count(invalid):
            raise BadParameter(_FORM)
        counts, unknown = (_checked(document.get(name)) for name in ("counts", "unknown"))
        made = cls(check_name(key), counts, unknown, invalid)
        if document.get("total") != made.total:
            raise BadParameter(f"{_FORM}: the numbers do not add up")
        return made


def _sums(some: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    sums = dict(some)
    for version, count in more.items():
        sums[version] = sums.get(version, 0) + count
    return sums


def _is_count(number: object) -> bool:
    return type(number) is int and number >= 0


def _checked(counts: object) -> dict[str, int]:
    if not isinstance(counts, dict) or not all(map(_is_count, counts.values())):
        raise BadParameter(_FORM)
    return {version_bytes(version).hex(): count for version, count in counts.items()}
