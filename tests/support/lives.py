"""What the random lives of secrets and of keys have in common: a vault, time, deletion and backup, and their model.

The model is dictionaries and the rules of Key Vault written once more, as plainly as possible.
"""

from __future__ import annotations

import copy
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

import localvault
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST

PASSPHRASE = "the passphrase of a model"
RETENTION = 7
# Few, so that things happen to the same object; two of them are one.
NAMES = st.sampled_from(["db", "DB", "a" * 127])
QUICK = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
LONG = settings(QUICK, max_examples=1000, stateful_step_count=60)


class ModelObject:
    """What the model keeps of one object: its versions in order, and when it will be purged, if it is deleted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions: dict[str, dict[str, Any]] = {}
        self.purge_on: Any = None

    @property
    def current(self) -> str:
        """The version made last."""
        return list(self.versions)[-1]


class ObjectLife(RuleBasedStateMachine):
    """A vault and the verbs that every kind of object has, in any order, with time moving and reopening."""

    room: ClassVar[str]
    not_found: ClassVar[type[localvault.NotFound]]
    blobs = Bundle("blobs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="localvault-life-")
        self.path = Path(self.folder.name) / "v"
        self.clock = FixedClock()
        self.objects: dict[str, ModelObject] = {}
        self.vault: localvault.Vault

    @initialize()
    def begin(self) -> None:
        """Make the vault."""
        self.vault = localvault.create(
            self.path,
            passphrase=PASSPHRASE,
            name="life",
            kdf=CHEAPEST,
            allow_weak=True,
            clock=self.clock,
            retention_days=RETENTION,
        )
        self.furnish()

    def furnish(self) -> None:
        """Put into the new vault what a life needs besides."""

    def teardown(self) -> None:
        """In the end the journal verifies and `check` finds nothing."""
        if hasattr(self, "vault"):
            self.vault.audit.verify()
            assert self.vault.check() == []
            self.vault.close()
        self.folder.cleanup()

    @property
    def verbs(self) -> Any:
        """The vault's verbs for this kind."""
        return getattr(self.vault, self.room)

    def live(self, name: str) -> ModelObject | None:
        """The object of that name, if there is one that is not deleted."""
        found = self.objects.get(name.lower())
        return found if found is not None and found.purge_on is None else None

    def gone(self, name: str) -> ModelObject | None:
        """The deleted object of that name, if there is one."""
        found = self.objects.get(name.lower())
        return found if found is not None and found.purge_on is not None else None

    def note_version(self, name: str, version: str | None, **state: Any) -> None:
        """A version was added."""
        found = self.objects.setdefault(name.lower(), ModelObject(name))
        assert version is not None
        assert version not in found.versions
        found.versions[version] = {**state, "enabled": True}

    @rule(name=NAMES, enabled=st.booleans(), data=st.data())
    def update(self, name: str, enabled: bool, data: st.DataObject) -> None:
        """A version is changed, and that it was shows."""
        found = self.live(name)
        if found is None:
            with pytest.raises(self.not_found):
                self.verbs.update(name, enabled=enabled)
            return
        version = data.draw(st.sampled_from([None, *found.versions]))
        before = {p.version: p.updated for p in self.verbs.versions(name)}
        after = self.verbs.update(name, version, enabled=enabled)
        assert after.updated > before[after.version]
        found.versions[version or found.current]["enabled"] = enabled

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        """An object is deleted, to be purged when its retention ends."""
        found = self.live(name)
        if found is None:
            with pytest.raises(self.not_found):
                self.verbs.delete(name)
            return
        found.purge_on = self.verbs.delete(name).scheduled_purge_date
        assert found.purge_on == self.clock.now + timedelta(days=RETENTION)

    @rule(name=NAMES)
    def recover(self, name: str) -> None:
        """A deleted object comes back as it was."""
        found = self.gone(name)
        if found is None:
            with pytest.raises(self.not_found):
                self.verbs.recover(name)
            return
        self.verbs.recover(name)
        found.purge_on = None

    @rule(name=NAMES)
    def purge(self, name: str) -> None:
        """A deleted object goes for good."""
        if self.gone(name) is None:
            with pytest.raises(self.not_found):
                self.verbs.purge(name)
            return
        self.verbs.purge(name)
        del self.objects[name.lower()]

    @rule(target=blobs, name=NAMES)
    def backup(self, name: str) -> Any:
        """An object is kept elsewhere."""
        found = self.live(name)
        if found is None:
            with pytest.raises(self.not_found):
                self.verbs.backup(name)
            return multiple()
        return copy.deepcopy(found), self.verbs.backup(name)

    @rule(pair=consumes(blobs))
    def restore(self, pair: tuple[ModelObject, bytes]) -> None:
        """And brought back, where its name is free."""
        kept, blob = pair
        if kept.name.lower() in self.objects:
            with pytest.raises(localvault.Conflict):
                self.verbs.restore(blob)
            return
        self.verbs.restore(blob)
        self.objects[kept.name.lower()] = kept

    @rule(days=st.integers(-3, 10))
    def move_clock(self, days: int) -> None:
        """Time passes, or is set back."""
        self.clock.move(days=days)

    @rule()
    def run_agenda(self) -> None:
        """What is due is purged."""
        self.vault.agenda.run_due()
        due = [n for n, o in self.objects.items() if o.purge_on is not None and o.purge_on <= self.clock.now]
        for name in due:
            del self.objects[name]

    @rule()
    def reopen(self) -> None:
        """The vault is closed and opened, but not with another passphrase."""
        self.vault.close()
        with pytest.raises(localvault.UnlockFailed):
            localvault.open(self.path, passphrase="not the passphrase", allow_weak=True)
        self.vault = localvault.open(self.path, passphrase=PASSPHRASE, allow_weak=True, clock=self.clock)

    @precondition(lambda self: hasattr(self, "vault"))
    @invariant()
    def agrees_with_the_model(self) -> None:
        """Lists, versions and states are those of the model."""
        live = [found for found in self.objects.values() if found.purge_on is None]
        assert {p.name for p in self.verbs.list(page_size=2)} == {found.name for found in live}
        deleted = {d.name: d.scheduled_purge_date for d in self.verbs.list_deleted(page_size=1)}
        assert deleted == {o.name: o.purge_on for o in self.objects.values() if o.purge_on is not None}
        for found in live:
            versions = list(self.verbs.versions(found.name.swapcase()))
            assert [p.version for p in versions] == list(found.versions)
            assert [p.enabled for p in versions] == [state["enabled"] for state in found.versions.values()]
            self.agrees_on(found)

    def agrees_on(self, found: ModelObject) -> None:
        """What else is known of an object is as the model has it."""
        raise NotImplementedError
