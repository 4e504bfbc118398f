"""The command line, its documentation and its table of exit codes tell the same story, for every command there is."""

from __future__ import annotations

import io
import json
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
from click.testing import CliRunner, Result

import localvault
from localvault import Generator
from localvault.cli.exits import EXITS
from localvault.cli.main import cli, main
from localvault.testing.profiles import CHEAPEST

PASSPHRASE = "a passphrase of the tests"
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^## ", PAGE, flags=re.MULTILINE)


class Found(NamedTuple):
    """A command or group, with the words that lead to it."""

    words: str
    command: click.Command

    @property
    def own_options(self) -> list[click.Option]:
        """The options only this command has."""
        options = (param for param in self.command.params if isinstance(param, click.Option))
        return [option for option in options if option.expose_value and not option.is_eager]


def _walk(command: click.Command, words: str, parent: click.Context | None = None) -> Iterator[Found]:
    yield Found(words, command)
    if isinstance(command, click.Group):
        context = click.Context(command, parent=parent, info_name=words)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from _walk(below, f"{words} {name}".strip(), context)


EVERYTHING = [*_walk(cli, "")]
COMMANDS = [found for found in EVERYTHING if not isinstance(found.command, click.Group)]


def _section_of(words: str) -> str:
    """The sections of the page that name a command as one would type it."""
    named = re.compile(r"\s+".join(["localvault", *words.split()]) + r"(?![\w-])")
    return "".join(section for section in SECTIONS if named.search(section))


def test_every_command_is_found() -> None:
    """The walk sees the whole tree: an empty one would pass everything below."""
    assert len(COMMANDS) > 50
    assert {found.words for found in COMMANDS} >= {"init", "slot add keyfile", "key rewrap", "run"}


@pytest.mark.parametrize("found", COMMANDS, ids=lambda found: found.words)
def test_a_command_and_its_options_are_documented_in_one_place(found: Found) -> None:
    """The page names the command as it is typed, and each of its options in a section that does so."""
    text = _section_of(found.words)
    assert text, f"docs/cli.md does not name `localvault {found.words}`"
    names = {name for option in found.own_options for name in (*option.opts, *option.secondary_opts)}
    missing = {name for name in names if not re.search(rf"{name}(?![\w-])", text)}
    assert not missing, f"docs/cli.md names `localvault {found.words}` without {sorted(missing)}"


def test_every_option_of_all_commands_is_documented() -> None:
    """So are the options that stand before or after any command, in code and spelt out."""
    names = {name for param in cli.params for name in param.opts} | {"--help", "-h"}
    assert {name for name in names if not re.search(rf"`{name}[ `]", PAGE)} == set()


def test_the_page_names_no_command_that_is_not_there() -> None:
    """Whatever the page calls `localvault WORD WORD` exists, and so does every option it shows in a table."""
    words, leaves = ({found.words for found in some} for some in (EVERYTHING, COMMANDS))
    named = re.findall(r"`localvault ((?:[a-z][a-z-]*[ \n]?)+)", PAGE)
    assert len(named) > 50
    for text in named:
        parts = text.split()
        known = next((n for n in range(len(parts), 0, -1) if " ".join(parts[:n]) in words), 0)
        assert known == len(parts) or " ".join(parts[:known]) in leaves, f"localvault {text}"
    options = {name for found in EVERYTHING for param in found.command.params for name in
               (*param.opts, *param.secondary_opts)} | {"--help"}  # fmt: skip
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", PAGE)) <= options


def test_the_exit_codes_are_those_of_the_program() -> None:
    """The page's table is the program's, row by row."""
    table = PAGE.split("## Exit codes")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", table, flags=re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in rows] == [(row.code, row.meaning) for row in EXITS]


@pytest.mark.parametrize("found", EVERYTHING, ids=lambda found: found.words or "localvault")
def test_every_command_tells_what_it_does(found: Found) -> None:
    """`--help` and `-h` of each command and group end with 0 and say what it and each option is for."""
    long = _run(f"{found.words} --help")
    assert (long.exit_code, _run(f"{found.words} -h").output) == (0, long.output)
    assert found.command.help
    assert re.search(r"^  [A-Z`]", long.output, flags=re.MULTILINE)
    for option in found.own_options:
        assert option.help, option.opts
        assert option.opts[0] in long.output


# What is given to each command below, in a folder with a vault in which there are: a secret and a key of each name.
# The order matters to nobody: every case has a copy of the folder.
GIVEN = {
    "init": "--vault fresh --keyfile fresh.key",
    "status": "",
    "config": "--retention-days 8",
    "check": "",
    "backup": "copy",
    "compact": "copy",
    "rotate-master-key": "",
    "slot list": "",
    "slot add passphrase": "--new-passphrase-file pass --kdf cheapest",
    "slot add keyfile": "new.key",
    "slot add recovery-key": "--label x",
    "slot remove": "SLOT",
    "slot change-passphrase": "--new-passphrase-file pass --kdf cheapest",
    "secret set": "new --file value",
    "secret generate": "new --hex 16",
    "secret rotate": "made",
    "secret set-generator": "live --length 12",
    "secret get-generator": "made",
    "secret get": "live",
    "secret update": "live --disabled",
    "secret rotation-policy show": "live",
    "secret rotation-policy set": "live --notify-before-expiry P40D",
    "secret list": "",
    "secret versions": "live",
    "secret delete": "live",
    "secret list-deleted": "",
    "secret get-deleted": "gone",
    "secret recover": "gone",
    "secret purge": "gone --yes",
    "secret backup": "live",
    "secret restore": "secret.copy",
    "secret trim": "live --keep 1 --yes",
    "key create": "new EC",
    "key import": "new private.pem",
    "key get": "live",
    "key update": "live --disabled",
    "key rotate": "live",
    "key rotation-policy show": "live",
    "key rotation-policy set": "live --rotate-after P90D",
    "key export-public": "pair",
    "key export": "pair",
    "key list": "",
    "key versions": "live",
    "key delete": "live",
    "key list-deleted": "",
    "key get-deleted": "gone",
    "key recover": "gone",
    "key purge": "gone --yes",
    "key backup": "live",
    "key restore": "key.copy",
    "key version-policy show": "live",
    "key version-policy set": "live --latest-minus 2 --keep 3",
    "key count-versions": "live token sealed",
    "key retire": "worn OLD --counts counts",
    "key trim": "worn --counts counts --yes",
    "key encrypt": "live value --algorithm A256GCM",
    "key decrypt": "live encrypted",
    "key sign": "live value --algorithm HS256",
    "key verify": "live value --signature signature",
    "key wrap": "live sixteen --algorithm A256KW",
    "key unwrap": "live wrapped",
    "key seal": "live value",
    "key open": "live token",
    "key rewrap": "live token",
    "key seal-file": "live value new.sealed",
    "key open-file": "live sealed new.opened",
    "audit events": "--limit 2",
    "audit verify": "",
    "agenda list": "",
    "agenda run": "",
    "report": "",
    "rewrap sqlite": "app.sqlite --table cards --key-column id --token-column token --key live",
    "rewrap files": "some --key live",
    "import-env": "env",
    "export-env": "--all",
    "doctor": "",
    "completion": "bash",
}
LISTS = re.compile(
    r"(slot |secret |key |agenda )(list|list-deleted|versions|run)|secret rotate|audit events|report|check"
)
# An array's rows, or the object, have at least these.
FIELDS = {
    "init": "path name url id recovery_key",
    "status": "path id name settings counts journal bytes native",
    "config": "name suffix retention_days purge_protection max_value_bytes max_tags rotation_minimum_days",
    "slot add recovery-key": "recovery_key",
    "key rotation-policy show": "id lifetimeActions attributes",
    "key rotation-policy set": "id lifetimeActions attributes",
    "secret get": "id name version tags value encoding",
    "secret list": "id name enabled tags",
    "secret generate": "id name version tags",
    "secret rotate": "id name version tags",
    "secret get-generator": "name generator",
    "secret backup": "copy encoding",
    "key export-public": "public_key encoding",
    "key export": "private_key encoding",
    "key backup": "copy encoding",
    "secret trim": "name removed versions",
    "key version-policy show": "minimum_open latest_minus keep",
    "key version-policy set": "minimum_open latest_minus keep",
    "key count-versions": "key total counts unknown invalid",
    "key retire": "id version enabled retired",
    "key trim": "name removed versions",
    "key encrypt": "key_id algorithm ciphertext iv authentication_tag",
    "key decrypt": "content encoding",
    "key unwrap": "key encoding",
    "key seal": "token encoding",
    "key open": "content encoding",
    "key rewrap": "token encoding",
    "key seal-file": "path bytes",
    "key open-file": "path bytes",
    "audit events": "sequence time operation principal target result",
    "audit verify": "size root",
    "rewrap sqlite": "rewrapped current conflicts failed versions",
    "rewrap files": "rewrapped current conflicts failed versions",
    "import-env": "created updated unchanged without_value",
    "export-env": "LIVE",
    "doctor": "version cpu levels states level reason threads mlock_limit memory problems",
    "completion": "shell script",
}
# These write nothing themselves.
SILENT = {"run"}


@pytest.fixture
def folder(tmp_path: Path, furnished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the furnished folder, where the command line is at home."""
    import shutil

    copy = tmp_path / "work"
    shutil.copytree(furnished, copy)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("LOCALVAULT_PATH", "app.vault")
    monkeypatch.setenv("LOCALVAULT_PASSPHRASE", PASSPHRASE)
    return copy


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a vault and the files the commands read, made through the library."""
    folder = tmp_path_factory.mktemp("furnished")
    files: dict[str, bytes] = {
        "value": b"v",
        "sixteen": b"0123456789abcdef",
        "env": b"A=1\nB=2\n",
        "pass": b"another passphrase of the tests\n",
    }
    with localvault.create(
        folder / "app.vault", passphrase=PASSPHRASE, name="app", kdf=CHEAPEST, allow_weak=True
    ) as vault:
        vault.slots.add_recovery_key(label="spare")
        for name in ("live", "gone", "copied"):
            vault.secrets.set(name, "v")
            vault.keys.create(name, "oct")
        vault.secrets.generate("made", Generator.hex(16))
        vault.keys.create("pair", "EC", exportable=True)
        vault.keys.create("worn", "oct")
        vault.keys.rotate("worn")
        crypto = vault.crypto("live")
        encrypted = crypto.encrypt("A256GCM", b"v")
        sealed = io.BytesIO()
        crypto.seal_file(io.BytesIO(b"v"), sealed)
        wrapped = crypto.wrap_key("A256KW", files["sixteen"])
        signed = crypto.sign("HS256", b"v")
        files |= {
            "secret.copy": vault.secrets.backup("copied"),
            "key.copy": vault.keys.backup("copied"),
            "private.pem": _pem(vault),
            "token": crypto.seal(b"v"),
            "sealed": sealed.getvalue(),
            "encrypted": _as_json(encrypted, "ciphertext", "iv", "authentication_tag"),
            "wrapped": _as_json(wrapped, "encrypted_key"),
            "signature": _as_json(signed, "signature"),
            "counts": json.dumps(vault.crypto("worn").count_versions([]).to_dict()).encode(),
        }
        for name in ("gone", "copied"):
            vault.secrets.delete(name)
            vault.keys.delete(name)
        vault.secrets.purge("copied")
        vault.keys.purge("copied")
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    (folder / "some").mkdir()
    (folder / "some" / "sealed").write_bytes(files["sealed"])
    with closing(sqlite3.connect(folder / "app.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, token BLOB)")
        connection.execute("INSERT INTO cards VALUES (1, ?)", (files["token"],))
    return folder


def test_every_command_is_tried_with_json() -> None:
    """A new command needs a line in the table above."""
    assert {found.words for found in COMMANDS} == set(GIVEN) | SILENT


@pytest.mark.parametrize("words", GIVEN)
def test_a_result_is_one_json_document(words: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With --json each command writes one document of its kind on standard output, and nothing beside it."""
    given = GIVEN[words].replace("SLOT", _spare_slot()).replace("OLD", _old_version())
    code, out, err = _json(f"{words} {given}", capfd)
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert out.endswith("\n")
    assert isinstance(document, list if LISTS.fullmatch(words) else dict)
    rows = document if isinstance(document, list) else [document]
    for field in FIELDS.get(words, "").split():
        assert rows
        assert all(field in row for row in rows)


@pytest.mark.parametrize(
    "words", [found.words for found in COMMANDS if any(o.name == "out" for o in found.own_options)]
)
def test_with_out_the_document_says_where_it_is(
    words: str, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """With --out and --json the content is in the file, only the file's path on standard output, and no secret."""
    code, out, err = _json(f"{words} {GIVEN[words]} --out kept", capfd)
    assert (code, json.loads(out), err) == (0, {"path": "kept"}, "")
    assert (folder / "kept").stat().st_size > 0


@pytest.mark.parametrize("found", COMMANDS, ids=lambda found: found.words)
def test_an_error_is_json_too(found: Found, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A wrong option, and a vault that is not there, are one object with code, message and hint on standard error."""
    given = GIVEN.get(found.words, "--all -- true")
    for more, codes in (("--no-such-option", {2}), ("--vault nowhere", {2, 10})):
        if (more, found.words) in {("--vault nowhere", words) for words in ("completion", "doctor", "init")}:
            continue  # need no vault
        given = given.replace("SLOT", "00" * 16).replace("OLD", "00" * 16)
        code, out, err = _json(f"{found.words} {more} {given}", capfd)
        assert (code in codes, out) == (True, ""), (code, out, err)
        error = json.loads(err)
        assert set(error) == {"error"}
        assert set(error["error"]) == {"code", "message", "hint"}
        assert error["error"]["message"]


def _run(arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments.split(), prog_name="localvault", standalone_mode=True)


def _json(arguments: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run the command line with --json in this process; returns exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as end:
        main(["--allow-weak", "--json", *arguments.split()])
    assert isinstance(end.value.code, int | None)
    return (end.value.code or 0, *capfd.readouterr())


def _spare_slot() -> str:
    with localvault.open(
        Path(os.environ["LOCALVAULT_PATH"]), passphrase=PASSPHRASE, allow_weak=True
    ) as vault:
        return next(slot.id for slot in vault.slots.list() if slot.label == "spare")


def _old_version() -> str:
    with localvault.open(
        Path(os.environ["LOCALVAULT_PATH"]), passphrase=PASSPHRASE, allow_weak=True
    ) as vault:
        return str(next(iter(vault.keys.versions("worn"))).version)


def _as_json(made: Any, *fields: str) -> bytes:
    from localvault.cli.output import base64_text

    shown: Mapping[str, str] = {field: base64_text(getattr(made, field)) for field in fields}
    return json.dumps({"key_id": made.key_id, "algorithm": made.algorithm, **shown}).encode()


def _pem(vault: localvault.Vault) -> bytes:
    from localvault.model.key_access import KEY_ACCESS

    material = vault.keys.export("pair", access=KEY_ACCESS)
    assert isinstance(material, str)
    return material.encode()
