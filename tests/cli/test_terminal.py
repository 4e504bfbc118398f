"""The command line at a real terminal: prompts, interrupts, colours, and what no terminal is ever sent."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

import localvault
from localvault.testing.profiles import CHEAPEST
from tests.cli.transcript import PASSPHRASE, prepare
from tests.support.shell import become, in_fork, in_shell
from tests.support.terminal import CTRL_C, CTRL_D, Terminal, coloured, unstyled

# All that could move a cursor, clear a screen, set a title, ring, forge a line or turn the reading direction round.
HOSTILE = "a\x1b[2J\x1b]0;title\x07\x9b1;1H\r\nforged\x00\x7f\u202eb\u2028c"
CELL = "a\\x1b[2J\\x1b]0;title\\x07\\x9b1;1H\\r\\nforged\\x00\\x7f\\u202eb\\u2028c"
Start = Callable[..., AbstractContextManager[Terminal]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with a text, bytes that no terminal should get, hostile properties, and a key."""
    path = tmp_path_factory.mktemp("made") / "app.vault"
    with _create(path) as vault:
        vault.secrets.set("plain", "v4lue")
        vault.secrets.set("raw", b"\xff\xfe\x00raw")
        vault.secrets.set("escape", "\x1b[2Jescape", content_type=HOSTILE, tags={"t": HOSTILE})
        vault.keys.create("data", "oct")
        vault.keys.create("pair", "EC")
    return path


@pytest.fixture
def environment(tmp_path: Path, made: Path) -> dict[str, str]:
    """The environment of a person who has a vault and no passphrase in a variable."""
    found = prepare(tmp_path)
    del found["LOCALVAULT_PASSPHRASE"]
    shutil.copytree(made, tmp_path / "work" / "app.vault")
    return found


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Start:
    """Starts the command line at a terminal; variables and files for its streams may be given."""

    def begin(
        *arguments: str, stdout: Path | None = None, stderr: Path | None = None, **more: str
    ) -> Terminal:
        return Terminal(
            arguments, tmp_path / "work", environment | more, stdout=stdout, stderr=stderr
        )  # fmt: skip

    return begin


def test_a_new_passphrase_is_asked_for_twice_until_both_are_the_same(start: Start, tmp_path: Path) -> None:
    """A slip of the finger is noticed, nothing typed is ever shown, and the passphrase is what was typed."""
    with start("--vault", "new.vault", "init", "--kdf", "cheapest", "--no-recovery-key") as terminal:
        for first, again in (("one slip pass", "two slip pass"), ("good enough pass", "good enough pass")):
            terminal.answer("New passphrase: ", first)
            terminal.answer("New passphrase again: ", again)
        assert terminal.end() == 0
        assert terminal.is_as_before
    assert terminal.seen.count("The two differ; once more.") == 1
    assert "pass" not in terminal.seen.replace("New passphrase", "")
    _open(tmp_path / "work" / "new.vault", "good enough pass").close()


def test_a_value_is_asked_for_twice_and_not_shown(start: Start, tmp_path: Path) -> None:
    """A secret that is typed is on the screen no more than a passphrase is."""
    with start("secret", "set", "typed", LOCALVAULT_PASSPHRASE=PASSPHRASE) as terminal:
        terminal.answer("Value: ", "hünter2")
        terminal.answer("Value again: ", "hünter2")
        assert terminal.end() == 0
    assert "nter2" not in terminal.seen
    with _open(tmp_path / "work" / "app.vault", PASSPHRASE) as vault:
        assert vault.secrets.get("typed").value == "hünter2"


def test_the_passphrase_is_asked_for_once_though_the_output_goes_elsewhere(
    start: Start, tmp_path: Path
) -> None:
    """With standard output in a file there is still a prompt, and nothing of it in the file."""
    with start("secret", "get", "plain", stdout=tmp_path / "out") as terminal:
        terminal.answer("Passphrase of app.vault: ", PASSPHRASE)
        assert terminal.end() == 0
    assert (tmp_path / "out").read_bytes() == b"v4lue"
    assert PASSPHRASE not in terminal.seen


def test_a_wrong_passphrase_is_an_exit_code_and_not_a_second_try(start: Start) -> None:
    """Whoever mistypes is told so, with the number scripts know."""
    with start("secret", "get", "plain") as terminal:
        terminal.answer("Passphrase of app.vault: ", "guess")
        assert terminal.end() == 6
    assert "no slot opens with this passphrase" in unstyled(terminal.seen)
    assert "guess" not in terminal.seen


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (("secret", "list"), "Passphrase of app.vault: "),
        (("--vault", "new.vault", "init"), "New passphrase: "),
    ],
    ids=["open", "init"],
)
def test_an_interrupted_prompt_leaves_the_terminal_as_it_was(
    start: Start, tmp_path: Path, arguments: tuple[str, ...], question: str, key: str
) -> None:
    """Ctrl-C and Ctrl-D end with 130 and a word, the echo is back, and nothing was made."""
    with start(*arguments) as terminal:
        terminal.see_asked(question)
        terminal.type(key)
        assert terminal.end() == 130
        assert terminal.echoes
        assert terminal.is_as_before
    assert unstyled(terminal.seen).endswith("localvault: interrupted\r\n")
    assert "Traceback" not in terminal.seen
    assert not (tmp_path / "work" / "new.vault").exists()


@pytest.mark.parametrize(("answer", "code"), [("n\r", 130), ("\r", 130), (CTRL_C, 130), ("y\r", 0)])
def test_what_cannot_be_undone_is_asked_about(start: Start, tmp_path: Path, answer: str, code: int) -> None:
    """A purge goes on with yes, and with nothing else."""
    with _open(tmp_path / "work" / "app.vault", PASSPHRASE) as vault:
        vault.secrets.delete("plain")
    with start("secret", "purge", "plain", LOCALVAULT_PASSPHRASE=PASSPHRASE) as terminal:
        terminal.see("Remove secret plain with all its versions for good? [y/N]: ")
        terminal.type(answer)
        assert terminal.end() == code
    with _open(tmp_path / "work" / "app.vault", PASSPHRASE) as vault:
        assert [deleted.name for deleted in vault.secrets.list_deleted()] == ["plain"] * (code != 0)


def test_rows_are_a_coloured_table_on_a_terminal_only(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    """A terminal gets titles and colours, with NO_COLOR no colours, a pipe neither."""
    environment["LOCALVAULT_PASSPHRASE"] = PASSPHRASE
    with start("secret", "list") as terminal:
        assert terminal.end() == 0
    assert coloured(terminal.seen)
    assert "content type" in terminal.seen
    with start("secret", "list", NO_COLOR="1") as plain:
        assert plain.end() == 0
    assert not coloured(plain.seen)
    assert unstyled(plain.seen) == unstyled(terminal.seen)
    piped, code = in_fork("localvault --allow-weak secret list", tmp_path / "work", environment)
    assert (code, "\x1b" in piped, "content type" in piped) == (0, False, False)
    assert len(piped.splitlines()) == 3


@pytest.mark.parametrize("no_color", ["", "1"])
def test_an_error_is_coloured_on_a_terminal_unless_told_otherwise(start: Start, no_color: str) -> None:
    """The same sentence with colours and, with NO_COLOR, without."""
    with start("secret", "get", "nobody", LOCALVAULT_PASSPHRASE=PASSPHRASE, NO_COLOR=no_color) as terminal:
        assert terminal.end() == 3
    assert coloured(terminal.seen) is not bool(no_color)
    assert unstyled(terminal.seen) == "localvault: secret nobody was not found in this vault\r\n"


def test_progress_is_shown_on_a_terminal_only(
    start: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    """Long work shows that it goes on where standard error is a terminal, and nowhere else, and cleans up."""
    environment["LOCALVAULT_PASSPHRASE"] = PASSPHRASE
    with start("check") as terminal:
        assert terminal.end() == 0
    assert "Checking" in terminal.seen
    assert "\x1b[2K" in terminal.seen  # the line is erased at the end
    with start("check", stderr=tmp_path / "err") as elsewhere:
        assert elsewhere.end() == 0
    assert (tmp_path / "err").read_text() == "(none)\n"
    with start("check", "--json") as asked:
        assert asked.end() == 0
    assert asked.seen == "[]\r\n"
    assert in_fork("localvault --allow-weak check", tmp_path / "work", environment) == ("", 0)


@pytest.mark.parametrize(
    "arguments",
    [
        "secret get raw",
        "secret get escape",
        "secret backup plain",
        "key seal data secret.txt",
        "key export-public pair --format der",
        "export-env --all",
    ],
)
def test_a_terminal_is_not_sent_bytes_unless_insisted_on(
    start: Start, tmp_path: Path, arguments: str
) -> None:
    """What is no plain text is refused with a way out; `--out -` insists, and `--out FILE` keeps it."""
    (tmp_path / "work" / "secret.txt").write_bytes(b"content")
    with start(*arguments.split(), LOCALVAULT_PASSPHRASE=PASSPHRASE) as terminal:
        assert terminal.end() == 2
    assert "--out" in terminal.seen
    assert _harmless(terminal.seen)
    if "export-env" in arguments:
        return  # these secrets hold bytes, which no such file can
    with start(*arguments.split(), "--out", "-", LOCALVAULT_PASSPHRASE=PASSPHRASE) as insisting:
        assert insisting.end() == 0
    assert not _harmless(insisting.seen)
    with start(*arguments.split(), "--out", "kept", LOCALVAULT_PASSPHRASE=PASSPHRASE) as keeping:
        assert keeping.end() == 0
    assert keeping.seen == ""
    assert (tmp_path / "work" / "kept").stat().st_size > 0


def test_a_plain_text_ends_its_line_on_a_terminal(start: Start) -> None:
    """The next prompt of the shell does not stand behind the value."""
    with start("secret", "get", "plain", LOCALVAULT_PASSPHRASE=PASSPHRASE) as terminal:
        assert terminal.end() == 0
    assert terminal.seen == "v4lue\r\n"


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("secret", "list"), True),
        (("secret", "versions", "escape"), True),
        (("secret", "list", "--json"), False),
        (("secret", "get", HOSTILE.replace("\x00", "")), False),
        (("secret", "set", "x", "--tag", HOSTILE.replace("\x00", "")), False),
        (("secret", "update", "plain", "--expires-on", HOSTILE.replace("\x00", "")), False),
        (("secret", "restore", HOSTILE.replace("\x00", "")), False),
        (("--vault", HOSTILE.replace("\x00", ""), "secret", "list"), False),
        (("--keyfile", HOSTILE.replace("\x00", ""), "secret", "list"), False),
        (("run", "--all", HOSTILE.replace("\x00", "")), False),
        ((HOSTILE.replace("\x00", ""),), False),
        (("secret", "--" + HOSTILE.replace("\x00", "")), False),
    ],
    ids=lambda value: " ".join(value).split("\x1b")[0] if isinstance(value, tuple) else None,
)
def test_nothing_from_outside_moves_the_cursor(start: Start, arguments: tuple[str, ...], shown: bool) -> None:
    """Control characters in properties and arguments reach a terminal as escapes, whatever becomes of the command."""
    with start(*arguments, LOCALVAULT_PASSPHRASE=PASSPHRASE, COLUMNS="400") as terminal:
        terminal.end()
    assert terminal.seen
    assert _harmless(terminal.seen)
    assert not shown or CELL in unstyled(terminal.seen)


def test_a_prompt_shows_a_folders_name_harmlessly(start: Start, tmp_path: Path) -> None:
    """The prompt names the vault's folder, and a folder's name may hold anything but zero."""
    name = HOSTILE.replace("\x00", "").replace("/", "")
    (tmp_path / "work" / "app.vault").rename(tmp_path / "work" / name)
    with start("--vault", name, "secret", "list") as terminal:
        terminal.see("Passphrase of a\\x1b[2J")
        terminal.type(f"{PASSPHRASE}\r")
        assert terminal.end() == 0
    assert _harmless(terminal.seen)


@pytest.mark.parametrize("more", ["", "--json"])
def test_a_reader_that_stops_ends_the_command_quietly(
    environment: dict[str, str], tmp_path: Path, more: str
) -> None:
    """Cut off by `head`, the command says nothing and ends as a program does that SIGPIPE ends."""
    with _create(tmp_path / "work" / "many.vault") as vault:
        vault.secrets.set_many((f"secret-{number}", "v") for number in range(3000))
    command = (
        f"localvault --vault many.vault secret list {more} 2> err | head -n 1 > out; echo ${{PIPESTATUS[0]}}"
    )
    environment["LOCALVAULT_PASSPHRASE"] = PASSPHRASE
    assert in_shell(command, tmp_path / "work", environment, program="bash") == ("141\n", 0)
    assert (tmp_path / "work" / "err").read_text() == ""
    assert len((tmp_path / "work" / "out").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    ["--help", "--version", "secret list", "secret get plain", "audit events --json", "completion fish"],
)  # fmt: skip
def test_a_reader_that_has_gone_is_no_error(
    environment: dict[str, str], tmp_path: Path, arguments: str
) -> None:
    """Whatever the command writes, a pipe nobody reads ends it with 141 and without a word."""
    environment["LOCALVAULT_PASSPHRASE"] = PASSPHRASE
    reader, writer = os.pipe()
    os.close(reader)
    with (tmp_path / "err").open("wb") as errors, os.fdopen(writer, "wb") as unread:
        streams = (unread.fileno(), errors.fileno())
        child = os.fork()
        if child == 0:
            become(["--allow-weak", *arguments.split()], tmp_path / "work", environment, (0, *streams))
        status = os.waitpid(child, 0)[1]
    assert (os.waitstatus_to_exitcode(status), (tmp_path / "err").read_text()) == (141, "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("sec", ["secret"]),
        ("secret re", ["recover", "restore"]),
        ("slot add key", ["keyfile"]),
        ("secret get --v", ["--version"]),
        ("key create new ec --cur", ["--curve"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("secret get pl", []),
    ],
)
def test_bash_completes_commands_and_options(
    environment: dict[str, str], tmp_path: Path, words: str, offered: list[str]
) -> None:
    """The printed script works in a real bash, asks nobody for a passphrase, and tells no name from the vault."""
    typed = ["localvault", *words.split(" ")]
    script = (
        'eval "$(localvault completion bash)"\n'
        f"COMP_WORDS=({' '.join(repr(word) for word in typed)}) COMP_CWORD={len(typed) - 1}\n"
        '_localvault_completion localvault\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    # The wrapper's --allow-weak is no part of what is being completed.
    (tmp_path / "bin" / "localvault").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m localvault "$@"\n'
    )  # fmt: skip
    output, code = in_shell(script, tmp_path / "work", environment, program="bash")
    assert (code, output.split()) == (0, offered)


def _create(path: Path) -> localvault.Vault:
    return localvault.create(path, passphrase=PASSPHRASE, kdf=CHEAPEST, allow_weak=True)


def _open(path: Path, passphrase: str) -> localvault.Vault:
    return localvault.open(path, passphrase=passphrase, allow_weak=True)


def _harmless(seen: str) -> bool:
    """Whether a terminal was sent nothing but text, ends of lines and styles."""
    text = unstyled(seen).replace("\r\n", "\n")
    return not any(
        unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") and character not in "\n"
        for character in text
    )
