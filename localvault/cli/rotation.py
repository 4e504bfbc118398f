"""`localvault key rotate`, and `rotation-policy` of keys and of secrets.

Relies on the verbs of the vault's collections. Promises: a selection is rotated in parts, and shows how far it is; what
of it cannot be rotated is left out with a word, while a key that was named is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

from localvault.cli.failures import CannotUse, warn
from localvault.cli.inputs import read_bytes
from localvault.cli.objects import to_dict
from localvault.cli.options import FILE, Command, GlobalOptions, Group, options
from localvault.cli.output import Column, progress, waiting, write_object, write_rows
from localvault.cli.parameters import tag
from localvault.cli.text import moment
from localvault.cli.unlock import open_vault
from localvault.errors import BadParameter, Forbidden, GeneratorFailed

if TYPE_CHECKING:
    from localvault import RotationPolicy


class Collection(Protocol):
    """What is asked of `vault.keys` and `vault.secrets` to select from them."""

    def list(self) -> Iterable[Any]:
        """Return the properties of everything there is."""


Made = TypeVar("Made")
Function = TypeVar("Function", bound=Callable[..., Any])
_PART = 256  # objects rotated in one transaction
_POLICY_MAX = 64 * 1024
_ID = (Column("id", lambda key: key.id),)


def selection(noun: str) -> Callable[[Function], Function]:
    """Add the arguments that say what is to be rotated: names, or all, or what has tags."""
    decorators = (
        click.argument("names", metavar="[NAME]…", nargs=-1),
        click.option("--all", "everything", is_flag=True, help=f"Every {noun}."),
        click.option(
            "--tag",
            "tags",
            type=tag,
            multiple=True,
            metavar="NAME=VALUE",
            help=f"Every {noun} with this tag; with all of them if repeated.",
        ),
    )

    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def is_selection(noun: str, names: tuple[str, ...], everything: bool, tags: Sequence[object]) -> bool:
    """Return whether what is to be rotated was selected, and not named.

    Raises:
        CannotUse: neither, or both.
    """
    chosen = everything or bool(tags)
    if bool(names) == chosen:
        raise CannotUse(
            f"say which {noun}s: by NAME, by --tag, or --all of them", hint=f"localvault {noun} rotate --help"
        )
    return chosen


@click.command("rotate", cls=Command)
@selection("key that is enabled")
@options
def rotate(
    options: GlobalOptions, names: tuple[str, ...], everything: bool, tags: tuple[tuple[str, str], ...]
) -> None:
    """Add a version with new material of the same type and make it current; what the old one sealed still opens."""
    chosen = is_selection("key", names, everything, tags)
    with open_vault(options) as vault:
        if len(names) == 1:
            with waiting(options, "Making the key"):
                made = vault.keys.rotate(names[0])
            write_object(options, made.to_dict(), made.id)
            return
        found = selected("key", vault.keys, dict(tags)) if chosen else list(names)
        rotated = in_parts(options, vault.keys.rotate, vault.keys.rotate_many, found, named=not chosen)
        write_rows(options, list(rotated), _ID, to_dict)


def add_rotation_policy(group: Group, noun: str, collection: str) -> None:
    """Add to `group` the commands about the rotation policies of its objects."""
    policies = Group(
        "rotation-policy", help=f"When a {noun} gets a new version, and when its expiry is announced."
    )
    policies.add_command(_show(noun, collection))
    policies.add_command(_set(noun, collection))
    group.add_command(policies)


def selected(noun: str, verbs: Collection, tags: dict[str, str]) -> list[str]:
    """Return the names of the enabled objects that have all the tags, in order."""
    found = []
    for properties in verbs.list():
        if not tags.items() <= properties.tags.items():
            continue
        if properties.enabled:
            found.append(properties.name)
        else:
            warn(f"{noun} {properties.name} is disabled and left out")
    return sorted(found)


def in_parts(
    options: GlobalOptions,
    rotate_one: Callable[[str], Made],
    rotate_many: Callable[[list[str]], list[Made]],
    names: list[str],
    *,
    named: bool,
) -> Iterator[Made]:
    """Yield the new versions, part by part, and show how far it is."""
    rest, done = iter(names), 0
    with progress(options, "Rotating") as advance:
        while part := list(islice(rest, _PART)):
            yield from rotate_many(part) if named else _as_many_as_can(rotate_one, rotate_many, part)
            done += len(part)
            advance(done, len(names))


def _as_many_as_can(
    rotate_one: Callable[[str], Made], rotate_many: Callable[[list[str]], list[Made]], names: list[str]
) -> list[Made]:
    """Rotate a part together, or, if one of them cannot be rotated (it is a public key), each by itself."""
    try:
        return rotate_many(names)
    except (BadParameter, Forbidden, GeneratorFailed):
        made = []
        for name in names:
            try:
                made.append(rotate_one(name))
            except (BadParameter, Forbidden, GeneratorFailed) as error:
                warn(f"left out: {error.message}")
        return made


def _show(noun: str, collection: str) -> click.Command:
    @click.command(
        "show", cls=Command, help=f"Show the rotation policy of a {noun}; without one, Key Vault's default."
    )
    @click.argument("name")
    @options
    def command(options: GlobalOptions, name: str) -> None:
        with open_vault(options) as vault:
            _write(options, getattr(vault, collection).rotation_policy(name))

    return command


def _set(noun: str, collection: str) -> click.Command:
    @click.command(
        "set",
        cls=Command,
        help=f"Set the rotation policy of a {noun}; times are ISO 8601 durations such as P90D, P2M or P1Y.",
    )
    @click.argument("name")
    @click.option("--rotate-after", metavar="TIME", help="Rotate this long after a version was made.")
    @click.option("--rotate-before-expiry", metavar="TIME", help="Rotate this long before a version expires.")
    @click.option(
        "--notify-before-expiry", metavar="TIME", help="Announce an expiry this long before; P30D otherwise."
    )
    @click.option("--expires-in", metavar="TIME", help="How long new versions live.")
    @click.option(
        "--from",
        "file",
        type=FILE,
        metavar="FILE",
        help="Take the policy from this file, in Key Vault's JSON form.",
    )
    @click.option("--none", "nothing", is_flag=True, help="Take the policy away.")
    @options
    def command(
        options: GlobalOptions, /, name: str, file: str | None, nothing: bool, **times: str | None
    ) -> None:
        ways = (file is not None) + nothing + any(time is not None for time in times.values())
        if ways != 1:
            raise CannotUse("say what the policy is: by its times, --from a file, or --none")
        policy = None if nothing else _policy(times) if file is None else _read(options, file)
        with open_vault(options) as vault:
            _write(options, getattr(vault, collection).set_rotation_policy(name, policy))

    return command


def _policy(times: dict[str, str | None]) -> RotationPolicy:
    from localvault import LifetimeAction, RotationPolicy

    after, before = times["rotate_after"], times["rotate_before_expiry"]
    if after is not None and before is not None:
        raise CannotUse("a rotation has one time: --rotate-after or --rotate-before-expiry")
    actions = []
    if after is not None or before is not None:
        actions.append(LifetimeAction("Rotate", after, before))
    if times["notify_before_expiry"] is not None:
        actions.append(LifetimeAction("Notify", time_before_expiry=times["notify_before_expiry"]))
    return RotationPolicy(times["expires_in"], actions)


def _read(options: GlobalOptions, file: str) -> RotationPolicy:
    from localvault import RotationPolicy

    content = read_bytes(options, file, "the policy", limit=_POLICY_MAX)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise CannotUse(f"{file} is not JSON") from None
    return RotationPolicy.from_dict(document)


def _write(options: GlobalOptions, policy: RotationPolicy) -> None:
    if options.json:
        write_object(options, policy.to_dict())
        return
    shown: dict[str, Any] = {}
    for action in policy.lifetime_actions:
        after, before = action.time_after_create, action.time_before_expiry
        shown[action.action.lower()] = (
            f"{before} before the expiry" if after is None else f"{after} after the creation"
        )
    shown["expires in"] = policy.expires_in
    shown["updated"] = moment(policy.updated_on)
    write_object(options, shown)
