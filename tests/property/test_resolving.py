"""The life of vaults that are found by URLs, at random, against a plain table of what is open under which URL."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

import localvault
from localvault import Conflict, NotFound, Vault
from localvault.testing.profiles import CHEAPEST

COUNT = 3
numbers = st.integers(0, COUNT - 1)
hosts = st.tuples(st.sampled_from(["one", "two"]), st.sampled_from(["vault.localhost", "vault.azure.net"]))
ALIASES = [f"https://alias-{number}.vault.azure.net" for number in range(COUNT)]


class Finding(RuleBasedStateMachine):
    """Three folders; each may be opened by the application, registered, both or neither."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._urls: list[str] = []
        self._open: dict[int, Vault] = {}
        self._registered: dict[int, str] = {}  # by which name
        self._kept: set[int] = set()  # opened because a URL needed it
        for number in range(COUNT):
            with localvault.create(
                self._path(number), passphrase="p", name="one", kdf=CHEAPEST, allow_weak=True
            ) as vault:
                self._urls.append(vault.url)

    def teardown(self) -> None:
        for number in self._registered:
            localvault.unregister(self._path(number))
        for vault in self._open.values():
            vault.close()
        self._folder.cleanup()

    def _path(self, number: int) -> Path:
        return Path(self._folder.name).resolve() / f"folder-{number}"

    def _unlock(self, number: int) -> Vault:
        return localvault.open(self._path(number), passphrase="p", allow_weak=True)

    @rule(number=numbers)
    def open(self, number: int) -> None:
        if number not in self._open:
            self._open[number] = self._unlock(number)

    @rule(number=numbers)
    def close(self, number: int) -> None:
        if number in self._open:
            self._open.pop(number).close()

    @precondition(lambda self: self._open)
    @rule(data=st.data(), host=hosts)
    def rename(self, data: st.DataObject, host: tuple[str, str]) -> None:
        number = data.draw(st.sampled_from(sorted(self._open)))
        name, suffix = host
        self._open[number].configure(name=name, suffix=suffix)
        self._urls[number] = f"https://{name}.{suffix}"

    @rule(number=numbers, name=st.sampled_from(["one", "two"]))
    def register(self, number: int, name: str) -> None:
        opener = lambda: self._unlock(number)  # noqa: E731  a function for each number
        if number in self._registered:
            with pytest.raises(Conflict):
                localvault.register(self._path(number), opener=opener, name=name)
        else:
            localvault.register(self._path(number), opener=opener, name=name, urls=[ALIASES[number]])
            self._registered[number] = name

    @rule(number=numbers)
    def unregister(self, number: int) -> None:
        if self._registered.pop(number, None) is None:
            with pytest.raises(NotFound):
                localvault.unregister(self._path(number))
        else:
            localvault.unregister(self._path(number))
            self._kept.discard(number)

    @rule(host=hosts)
    def resolve(self, host: tuple[str, str]) -> None:
        url = "https://{}.{}".format(*host)
        there = self._open.keys() | self._kept
        needed = {number for number, name in self._registered.items() if name == host[0]}
        self._compare(url, {number for number in there | needed if self._urls[number] == url})
        self._kept |= needed - self._open.keys()

    @rule(number=numbers)
    def resolve_alias(self, number: int) -> None:
        self._compare(ALIASES[number], {number} & self._registered.keys())
        if number in self._registered and number not in self._open:
            self._kept.add(number)

    def _compare(self, url: str, expected: set[int]) -> None:
        if len(expected) == 1:
            (number,) = expected
            assert localvault.resolve(url).vault.path.resolve() == self._path(number)
            return
        with pytest.raises(Conflict if expected else NotFound):
            localvault.resolve(f"{url}/keys/k")


Finding.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestFinding = Finding.TestCase
