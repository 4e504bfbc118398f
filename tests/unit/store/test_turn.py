"""One open vault at a time has the turn, and it passes on however the one that has it ends."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from localvault import VaultError
from localvault.store.turn import TURN_FILE, Turn
from tests.support.children import Child, Say, run


def test_one_at_a_time(tmp_path: Path) -> None:
    """Within a process, too; who gives it back lets the other have it."""
    one, other = Turn(tmp_path), Turn(tmp_path)
    assert one.take("me")
    assert not other.take("you")
    assert one.take("me")
    other.give("you")
    assert not other.take("you")
    one.give("me")
    assert other.take("you")
    assert not one.take("me")
    other.give("you")


def test_users_of_one_turn_share_it(tmp_path: Path) -> None:
    """It ends with the last of them."""
    one, other = Turn(tmp_path), Turn(tmp_path)
    for user in ("a", "b"):
        assert one.take(user)
    one.give("a")
    assert not other.take("x")
    one.give("b")
    assert other.take("x")
    other.give("x")


@pytest.mark.parametrize("umask", [0, 0o777])
def test_the_file_is_the_owners_and_stays_empty(tmp_path: Path, umask: int) -> None:
    """Mode 0600, whatever the umask; removing it would let two have the turn."""
    before = os.umask(umask)
    try:
        turn = Turn(tmp_path)
        assert turn.take("me")
        turn.give("me")
    finally:
        os.umask(before)
    status = (tmp_path / TURN_FILE).stat()
    assert (stat.S_IMODE(status.st_mode), status.st_size) == (0o600, 0)


def test_it_ends_with_the_process(tmp_path: Path) -> None:
    """Killed without a chance to give anything back."""

    def hold(say: Say) -> None:
        assert Turn(tmp_path).take("me")
        say("taken")
        time.sleep(600)

    child = Child(hold)
    child.wait_for_word()
    turn = Turn(tmp_path)
    assert not turn.take("me")
    child.kill()
    child.ended()
    assert turn.take("me")
    turn.give("me")


def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    """The child lives on, and the turn ends when its parent gives it back; a child that ends does not end it."""
    turn, other = Turn(tmp_path), Turn(tmp_path)
    assert turn.take("me")
    living = Child(lambda say: (say("here"), time.sleep(600)))
    try:
        living.wait_for_word()
        assert run(lambda say: say(Turn(tmp_path).take("you"))) == [False]
        assert not other.take("x")
        turn.give("me")
        assert other.take("x")
        other.give("x")
    finally:
        living.kill()
        living.ended()


def test_a_file_put_in_its_place_is_the_one_that_counts(tmp_path: Path) -> None:
    """Whoever removed or replaced it ended the turn: the next look takes the new one, or finds it taken."""
    one, other = Turn(tmp_path), Turn(tmp_path)
    assert one.take("me")
    (tmp_path / TURN_FILE).unlink()
    assert other.take("you")
    assert not one.take("me")
    other.give("you")
    assert one.take("me")
    (tmp_path / TURN_FILE).rename(tmp_path / "elsewhere")
    assert one.take("me")
    assert not other.take("you")
    one.give("me")


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """An error of ours, and nothing is made elsewhere."""
    (tmp_path / TURN_FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultError):
        Turn(tmp_path).take("me")
    assert not (tmp_path / "elsewhere").exists()
