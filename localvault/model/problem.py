"""What `check` found."""

from __future__ import annotations

from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is not as it was written: where (`/secrets/db`, `journal 17`, a store key), and what."""

    place: str
    sentence: str

    def to_dict(self) -> dict[str, str]:
        """Return both under their names, for JSON."""
        return self._asdict()
