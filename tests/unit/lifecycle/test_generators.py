"""Secrets that make their own values: each kind of generator, what a rotation keeps, and what hostile ones can do."""

from __future__ import annotations

import base64
import string
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import BadParameter, Forbidden, Generator, GeneratorFailed, SecretNotFound, Vault
from localvault.lifecycle.generators import make_value
from localvault.model.properties import SecretProperties
from localvault.testing.clock import FixedClock
from localvault.testing.profiles import CHEAPEST
from tests.support.refusals import events, refused, size, unchanged

MARKER = "marker-of-a-secret"


def test_a_password_is_made_by_its_rules(vault: Vault) -> None:
    """And the next one is another."""
    made = vault.secrets.generate("a", Generator.password(20, upper=False, symbols="", exclude="0o"))
    again = vault.secrets.rotate("a")
    for secret in (made, again):
        assert isinstance(secret.value, str)
        assert len(secret.value) == 20
        assert set(secret.value) <= set(string.ascii_lowercase + string.digits) - set("0o")
        assert vault.secrets.get("a", secret.version).value == secret.value
    assert made.value != again.value


@pytest.mark.parametrize(
    ("generator", "decoded"),
    [
        (Generator.bytes(20), lambda value: value),
        (Generator.hex(20), bytes.fromhex),
        (Generator.base64url(20), lambda text: base64.urlsafe_b64decode(text + "=")),
    ],
    ids=lambda part: part.kind if isinstance(part, Generator) else "",
)
def test_random_bytes_come_in_three_forms(
    vault: Vault, generator: Generator, decoded: Callable[[Any], bytes]
) -> None:
    """As many as were asked for, and others each time."""
    values = [vault.secrets.generate("a", generator).value, vault.secrets.rotate("a").value]
    assert [len(decoded(value)) for value in values] == [20, 20]
    assert values[0] != values[1]


@pytest.mark.parametrize("value", ["text", b"bytes"])
def test_an_application_makes_values(vault: Vault, value: str | bytes) -> None:
    """What it registered gets the name and the properties of the version that is to be replaced, and no transaction."""
    seen: list[tuple[str, Any]] = []

    def maker(name: str, properties: SecretProperties | None) -> str | bytes:
        seen.append((name, properties))
        vault.secrets.set("written-meanwhile", "v")
        return value

    vault.secrets.register("app", maker)
    first = vault.secrets.generate("Db", Generator.named("app"), tags={"env": "DB"})
    assert vault.secrets.rotate("db").value == value
    (_, nothing), (name, properties) = seen
    assert nothing is None
    assert (name, properties.version, properties.tags) == ("Db", first.version, {"env": "DB"})


def test_what_was_registered_can_be_taken_away(vault: Vault) -> None:
    """A vault opened in another process has none either: the rotation fails, and says so."""
    vault.secrets.register("app", lambda name, properties: "v")
    vault.secrets.generate("a", Generator.named("app"))
    vault.secrets.register("app", None)
    vault.secrets.register("app", None)
    with refused(vault, GeneratorFailed, "SecretRotate", target="/secrets/a"):
        vault.secrets.rotate("a")


def test_a_command_makes_values_for_who_allows_it(vault: Vault) -> None:
    """Text where it is UTF-8, bytes where it is not; `generate`, in which it was just named, needs no more leave."""
    command = Generator.command(["sh", "-c", r"printf 'h\303\244\n'"])
    assert vault.secrets.generate("a", command).value == "hä"
    with refused(vault, Forbidden, "SecretRotate", target="/secrets/a"):
        vault.secrets.rotate("a")
    assert vault.secrets.rotate("a", commands=True).value == "hä"
    assert vault.secrets.generate("a", Generator.command(["printf", r"\377"])).value == b"\xff"


@pytest.mark.parametrize("allowed", [False, None, 0, 1, "yes"])
def test_only_true_allows_a_command(tmp_path: Path, allowed: Any) -> None:
    """And where it is not allowed, nothing is started."""
    spec = Generator.command(["touch", str(tmp_path / "there")]).to_dict()
    with pytest.raises(Forbidden, match="command"):
        make_value(spec, {}, "a", None, allowed)
    assert list(tmp_path.iterdir()) == []


def test_a_rotation_keeps_what_a_secret_has(vault: Vault, clock: FixedClock) -> None:
    """Tags, content type, the generator and the lifetime stay; the new version is enabled and begins now."""
    generator = Generator.hex(16)
    vault.secrets.generate(
        "a", generator, content_type="text/plain", tags={"t": "v"}, enabled=False,
        expires_on=clock.now + timedelta(days=90),
    )  # fmt: skip
    clock.move(days=60)
    before = size(vault)
    found = vault.secrets.rotate("a").properties
    assert (found.tags, found.content_type, found.enabled) == ({"t": "v"}, "text/plain", True)
    assert (found.created, found.expires_on) == (clock.now, clock.now + timedelta(days=90))
    assert vault.secrets.generator("a") == generator
    (event,) = events(vault, before)[:-1]
    assert (event.operation, event.target, event.version) == ("SecretRotate", "/secrets/a", found.version)
    assert len(list(vault.secrets.versions("a"))) == 2


def test_a_generator_is_the_secrets_for_good(vault: Vault, clock: FixedClock, tmp_path: Path) -> None:
    """Over new versions one by one and many at once, deletion and recovery, backup and restore, closing and opening."""
    generator = Generator.password(12)
    vault.secrets.set("a", "v")
    assert vault.secrets.generator("a") is None
    vault.secrets.set_generator("A", generator)
    vault.secrets.set("a", "w")
    vault.secrets.set_many({"a": "x"})
    vault.secrets.update("a", tags={"b": "c"})
    vault.secrets.delete("a")
    vault.secrets.recover("a")
    blob = vault.secrets.backup("a", passphrase="for the way")
    path = vault.path
    vault.close()
    with localvault.open(path, passphrase="unit", allow_weak=True, clock=clock) as again:
        assert again.secrets.generator("a") == generator
        again.secrets.set_generator("a", None)
        assert again.secrets.generator("a") is None
        again.secrets.set_generator("a", None)
    with localvault.create(
        tmp_path / "other", passphrase="unit", kdf=CHEAPEST, allow_weak=True, clock=clock
    ) as other:
        other.secrets.restore(blob, passphrase="for the way")
        assert other.secrets.generator("a") == generator
        assert other.check() == []


def test_without_a_generator_there_is_nothing_to_rotate(vault: Vault) -> None:
    """An error with a hint; and a secret that is not there is not found."""
    vault.secrets.set("a", "v")
    with refused(vault, BadParameter, "SecretRotate", target="/secrets/a"):
        vault.secrets.rotate("a")
    for name in ("nobody", "gone"):
        if name == "gone":
            vault.secrets.set(name, "v")
            vault.secrets.delete(name)
        for verb in (vault.secrets.rotate, vault.secrets.generator):
            with pytest.raises(SecretNotFound):
                verb(name)
        with pytest.raises(SecretNotFound):
            vault.secrets.set_generator(name, Generator.hex(16))


def test_a_deleted_secret_holds_its_name(vault: Vault) -> None:
    """No value is made for it."""
    vault.secrets.set("a", "v")
    vault.secrets.delete("a")
    made: list[str] = []
    vault.secrets.register("app", lambda name, properties: made.append(name) or "v")
    with pytest.raises(localvault.ObjectIsDeletedButRecoverable):
        vault.secrets.generate("a", Generator.named("app"))
    assert made == []


@pytest.mark.parametrize("change", ["another", "none", "deleted"])
def test_a_generator_that_is_changed_meanwhile_wins(vault: Vault, change: str) -> None:
    """The transaction looks again: what was made by the old one is not set."""

    def maker(name: str, properties: SecretProperties | None) -> str:
        if properties is not None:
            if change == "deleted":
                vault.secrets.delete("a")
            else:
                vault.secrets.set_generator("a", Generator.hex(16) if change == "another" else None)
        return "made by the old one"

    vault.secrets.register("app", maker)
    vault.secrets.generate("a", Generator.named("app"))
    with pytest.raises((BadParameter, SecretNotFound)):
        vault.secrets.rotate("a")
    if change == "deleted":
        vault.secrets.recover("a")
    assert len(list(vault.secrets.versions("a"))) == 1


def test_a_batch_that_is_undone_leaves_the_generator(vault: Vault) -> None:
    """What was remembered of the head is not touched by what did not happen."""
    vault.secrets.generate("a", Generator.hex(16))

    def undone() -> None:
        with vault.batch():
            vault.secrets.set_generator("a", Generator.hex(32))
            assert vault.secrets.generator("a") == Generator.hex(32)
            vault.secrets.rotate("a")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert vault.secrets.generator("a") == Generator.hex(16)
    assert len(list(vault.secrets.versions("a"))) == 1


def test_a_generator_that_could_not_be_written_is_not_remembered(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of the head is what stands in the store."""
    vault.secrets.generate("a", Generator.hex(16))

    def full(*arguments: Any) -> Any:
        raise localvault.StoreFull("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(vault._parts.journal, "append", full)
        for generator in (Generator.hex(32), None):
            with pytest.raises(localvault.StoreFull):
                vault.secrets.set_generator("a", generator)
    assert vault.secrets.generator("a") == Generator.hex(16)


def _raising(name: str, properties: Any) -> str:
    raise RuntimeError(MARKER)


HOSTILE: dict[str, tuple[Generator, Any]] = {
    "raises": (Generator.named("app"), _raising),
    "returns nothing": (Generator.named("app"), lambda name, properties: None),
    "returns too much": (Generator.named("app"), lambda name, properties: MARKER * 10_000),
    "returns half a pair": (Generator.named("app"), lambda name, properties: MARKER + "\ud800"),
    "takes no arguments": (Generator.named("app"), lambda: MARKER),
    "writes without end": (Generator.command(["yes", MARKER]), None),
    "fails": (Generator.command(["sh", "-c", f"echo {MARKER}; echo {MARKER} >&2; exit 1"]), None),
    "is not there": (Generator.command([f"/no/such/{MARKER}"]), None),
}


@pytest.mark.parametrize(("generator", "maker"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_generator_is_one_error_that_tells_nothing(
    vault: Vault, generator: Generator, maker: Any
) -> None:
    """Nothing is changed, an event tells that it failed, and what it said or wrote is in neither."""
    vault.secrets.register("app", maker)
    vault.secrets.set("a", "v")
    vault.secrets.set_generator("a", generator)
    before = size(vault)
    with unchanged(vault), pytest.raises(GeneratorFailed) as failed:
        vault.secrets.rotate("a", commands=True)
    assert MARKER not in str(failed.value)
    assert all(MARKER not in str(event) for event in events(vault, before))
    # In the traceback, only the lines of this file say what the marker is.
    assert MARKER not in "".join(traceback.format_exception(failed.value))


@pytest.mark.parametrize(
    "spec", [{}, {"kind": "later"}, {"kind": "hex"}, {"kind": "hex", "size": 1}, [], None]
)
def test_what_no_version_of_ours_wrote_is_an_error(spec: Any) -> None:
    """It may have come in a backup."""
    with pytest.raises(GeneratorFailed):
        make_value(spec, {}, "a", None, True)


@pytest.mark.parametrize("generator", ["password", {"kind": "hex", "size": 16}, 5])
def test_what_is_no_generator_is_refused(vault: Vault, generator: Any) -> None:
    """Plain data neither, when it is handed in; and there is none to generate by."""
    vault.secrets.set("a", "v")
    with refused(vault, BadParameter, "SecretGeneratorSet", target="/secrets/a"):
        vault.secrets.set_generator("a", generator)
    with refused(vault, BadParameter, "SecretSet", target="/secrets/b"):
        vault.secrets.generate("b", generator)
    with refused(vault, BadParameter, "SecretSet", target="/secrets/b"):
        vault.secrets.generate("b", None)


def test_what_cannot_be_called_is_not_registered(vault: Vault) -> None:
    """Nor is anything under a name no generator can have."""
    maker: Any = "maker"
    for name, found in (("app", maker), ("a b", lambda name, properties: "v")):
        with pytest.raises(BadParameter):
            vault.secrets.register(name, found)


def test_nothing_is_kept_of_a_closed_vault(vault: Vault) -> None:
    """The application's callables neither."""
    vault.secrets.register("app", lambda name, properties: "v")
    vault.close()
    assert vault._parts.ground.generators == {}
