"""What a refused operation must leave behind: nothing but one event that tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from localvault import Event, LocalVaultError, Vault
from localvault.store.layout import Table

Sealed = dict[tuple[int, bytes], bytes]
_HELD = (Table.VAULT, Table.OBJECTS, Table.VERSIONS, Table.AGENDA)


def held(vault: Vault) -> Sealed:
    """Every record of settings, objects, versions and agenda, as sealed: equal only if nothing was written."""
    with vault._parts.store.read() as txn:
        return {(table, key): record for table in _HELD for key, record in txn.scan(table)}


def events(vault: Vault, since: int = 0) -> list[Event]:
    """The events from number `since` on, without those of reading events."""
    found = list(vault.audit.events())
    return [event for event in found if event.sequence >= since and event.operation != "AuditRead"]


def size(vault: Vault) -> int:
    """How many events there are."""
    return 1 + next(vault.audit.events(limit=1, reverse=True)).sequence


@contextmanager
def unchanged(vault: Vault) -> Iterator[None]:
    """Fail if the block writes anything but events."""
    before = held(vault)
    yield
    assert held(vault) == before


@contextmanager
def refused(vault: Vault, error: type[LocalVaultError], operation: str, *, target: str) -> Iterator[None]:
    """Fail unless the block raises exactly `error`, writes nothing, and leaves one event: `operation` failed."""
    start = size(vault)
    with unchanged(vault), pytest.raises(error) as caught:
        yield
    assert caught.type is error
    told = [(event.operation, event.target, event.result, event.code) for event in events(vault, start)]
    assert told == [(operation, target, "Failure", error.code)]
