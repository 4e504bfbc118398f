"""Over a busy life, with batches, refusals and reopening, subscribers are told exactly what the journal tells."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from localvault import Event, Notice
from tests.support import life
from tests.support.life import Hand

# What each operation that wrote gives notice of, once for each item it counts.
GIVES = {
    "SecretSet": ["SecretNewVersionCreated"],
    "SecretDelete": ["SecretDeleted"],
    "SecretRecover": ["SecretRecovered"],
    "SecretPurge": ["SecretPurged"],
    "KeyCreate": ["KeyNewVersionCreated"],
    "KeyRotate": ["KeyNewVersionCreated", "KeyRotated"],
}
LONG = pytest.mark.soak


def expected(event: Event) -> list[str]:
    """The types of the notices that belong to an event."""
    return GIVES.get(event.operation, []) * event.count if event.result == "Success" else []


@pytest.mark.parametrize(("seed", "count"), [(1, 150), (2, 150), pytest.param(3, 20_000, marks=LONG)])
def test_notices_are_what_the_journal_tells(tmp_path: Path, seed: int, count: int) -> None:
    """In the same order, of the same objects and versions; nothing of what was refused or undone."""
    dice = random.Random(seed)
    life.create(tmp_path / "vault").close()
    hand = Hand(tmp_path / "vault", life.PASSPHRASE)
    notices: list[Notice] = []
    subscribed_to = None
    for number in range(count):
        if hand.vault is not subscribed_to:
            subscribed_to = hand.vault
            subscribed_to.on("*", notices.append)
        hand.perform(life.choose(dice, hand.blobs, tmp_path))
        if number % 10 == 0:
            _undo(hand, dice)
    events = list(hand.vault.audit.events())
    assert [notice.type for notice in notices] == [type_ for event in events for type_ in expected(event)]
    assert len(notices) > count // 2
    told = iter(notices)
    for event in events:
        for _ in expected(event):
            notice = next(told)
            if event.version is not None:
                assert notice.data["Version"] == event.version
            if event.target.count("/") == 2:
                assert notice.subject.lower() == event.target.rpartition("/")[2].lower()
    hand.vault.close()


def _undo(hand: Hand, dice: random.Random) -> None:
    def undone() -> None:
        with hand.vault.batch():
            hand.vault.secrets.set_many({f"undone-{dice.random()}"[:12].replace(".", "-"): "v"})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
