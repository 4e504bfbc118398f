"""Nothing of the sealing room shows a secret by any of the ways Python offers."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from collections.abc import Callable

import pytest

from localvault.errors import BadParameter
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing import credentials
from localvault.sealing.credentials import Credential
from localvault.sealing.master import MasterKey, NameIndex
from localvault.sealing.record import RecordSealer
from localvault.sealing.renewing import new_header
from localvault.sealing.scopes import Scopes
from localvault.testing.profiles import CHEAPEST

MARKER = b"marker-of-a-secret-value-in-test"


def bearers() -> list[object]:
    """One of every type that carries a secret, made with the marker."""
    master = MasterKey(Locked.of(MARKER))
    sealer = RecordSealer(b"v" * 16, XaesKey(Locked.of(MARKER)), 1, 0)
    return [
        master,
        NameIndex(Locked.of(MARKER)),
        Scopes(master, b"v" * 16),
        sealer,
        sealer.batch(),
        Credential(credentials.KEYFILE, Locked.of(MARKER)),
        credentials.passphrase(MARKER.decode()),
    ]


@pytest.mark.parametrize("bearer", bearers(), ids=lambda bearer: type(bearer).__name__)
def test_no_text_shows_it(bearer: object, caplog: pytest.LogCaptureFixture) -> None:
    """repr, str, format, logging, a traceback."""
    logging.getLogger().warning("%s %r", bearer, bearer)
    try:
        raise RuntimeError(bearer)
    except RuntimeError:
        trace = traceback.format_exc()
    shown = f"{bearer!r} {bearer} {[bearer]} {caplog.text} {trace}"
    assert "marker" not in shown
    assert "not shown" in shown


@pytest.mark.parametrize("bearer", bearers(), ids=lambda bearer: type(bearer).__name__)
@pytest.mark.parametrize("escape", [pickle.dumps, copy.copy, copy.deepcopy, vars, dict])
def test_nothing_copies_it_out(bearer: object, escape: Callable[[object], object]) -> None:
    """pickle, copy, a dictionary of its attributes."""
    with pytest.raises(TypeError):
        escape(bearer)


def test_a_header_shows_no_label_and_no_key() -> None:
    """Its repr is that of public data."""
    master = MasterKey(Locked.of(MARKER))
    passphrase = credentials.passphrase("marker")
    made = new_header(b"v" * 16, master, passphrase, kdf=CHEAPEST, label="marker", allow_weak=True)
    assert "marker" not in repr(made)
    assert b"marker" not in made.encode()


@pytest.mark.parametrize("wrong", ["marker" * 2000, "marker\ud800"])
def test_a_mistake_shows_no_passphrase(wrong: str) -> None:
    """Errors about a passphrase do not repeat it."""
    with pytest.raises(BadParameter) as refused:
        credentials.passphrase(wrong)
    assert "marker" not in f"{refused.value!r} {refused.value} {refused.value.hint}"
