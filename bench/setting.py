"""What one run of the benchmark has in common: where it works, how big, who takes part.

Relies on the vaults. Promises: a vault that several measurements need is built once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import vaults
from bench.peers import softhsm
from bench.peers.softhsm import SoftHsm
from bench.source import Build
from bench.timing import Stopwatch, stopwatch


class Setting:
    """One run, in a temporary folder."""

    def __init__(self, folder: Path, many: int, patience: float) -> None:
        self.folder = folder
        self.many = many  # secrets in the big vault
        self.patience = patience  # factor on the number of rounds
        self.versions: dict[str, str] = {}  # of those that took part
        self._built: dict[str, Stopwatch] = {}
        self._build: Build | None = None
        self._softhsm: SoftHsm | None = None

    def rounds(self, usual: int) -> int:
        """Return how many rounds to run where `usual` is enough as a rule."""
        return max(5, round(usual * self.patience))

    def say(self, what: str) -> None:
        """Tell a person who waits what is going on."""
        print(f"  {what} …", file=sys.stderr, flush=True)

    def of_size(self, count: int, purpose: str = "to read") -> Path:
        """Return a closed vault of `count` secrets, filled by `set_many`; who writes into it says what for."""
        path = self.folder / f"{purpose.replace(' ', '-')}-{count}"
        if path.name not in self._built:
            self.say(f"building a vault of {count:,} secrets")
            with vaults.create(path) as vault, stopwatch() as watch:
                vaults.fill(vault, count)
            self._built[path.name] = watch
        return path

    def softhsm(self) -> SoftHsm:
        """Return the one token of this run: the module reads where its tokens are once in a process.

        Raises:
            PeerMissing: SoftHSM2 is not there and could not be installed.
        """
        if self._softhsm is None:
            self._softhsm = SoftHsm(self.folder / "softhsm", softhsm.ensure())
            self.versions["SoftHSM2"] = self._softhsm.versions()
        return self._softhsm

    def close(self) -> None:
        """Log out."""
        if self._softhsm is not None:
            self._softhsm.close()

    def build(self) -> Build:
        """Return localvault built from source, in a copy of the tree."""
        if self._build is None:
            self.say("building from source")
            self._build = Build(self.folder)
        return self._build

    def build_seconds(self, path: Path) -> float:
        """Return how long filling the vault at `path` took."""
        return self._built[path.name].seconds

    def singly_set(self, count: int) -> Path:
        """Return a closed vault of `count` secrets, set one by one."""
        path = self.folder / f"singly-{count}"
        if path.name not in self._built:
            self.say(f"setting {count:,} secrets one by one")
            with vaults.create(path) as vault, stopwatch() as watch:
                vaults.fill_singly(vault, count)
            self._built[path.name] = watch
        return path
