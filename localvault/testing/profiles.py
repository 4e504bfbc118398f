"""The Argon2id parameters that make tests fast and protect nothing.

Relies on `sealing.profiles`. Promises: no vault is made or opened with it unless `allow_weak=True` is given.
"""

from __future__ import annotations

from typing import Final

from localvault.sealing.profiles import KdfProfile

CHEAPEST: Final = KdfProfile("CHEAPEST", time_cost=1, memory_kib=8, parallelism=1)
"""The least Argon2id runs with: some 20 microseconds a guess."""
