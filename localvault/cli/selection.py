"""Which secrets go into an environment, and under which variables.

Relies on the tag `env` that `import-env` leaves: it holds the variable's name as it was. Promises: two secrets never
meet in one variable unnoticed; a disabled secret is left out with a word, or refused where it was named.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from localvault.cli.failures import CannotUse, warn
from localvault.cli.parameters import in_order, tag

if TYPE_CHECKING:
    from localvault import Vault

TAG = "env"
_NOT_IN_NAMES = re.compile(r"[^0-9A-Za-z-]")


chosen_by = in_order(
    click.option("--secret", "named", multiple=True, metavar="NAME[=VARIABLE]",
                 help="This secret, as this variable; may be repeated."),
    click.option("--all", "everything", is_flag=True, help="Every secret."),
    click.option("--tag", "tags", type=tag, multiple=True, metavar="NAME=VALUE",
                 help="Every secret with this tag; with all of them if repeated."),
)  # fmt: skip
"""The options that choose secrets."""


def variable_of(name: str, tags: dict[str, str]) -> str:
    """Return the variable of a secret: its tag `env`, or its name in capitals with underscores."""
    return tags.get(TAG) or name.upper().replace("-", "_")


def name_of(variable: str, prefix: str) -> str:
    """Return the secret's name for a variable: `DB_PASSWORD` → `DB-PASSWORD`."""
    return prefix + _NOT_IN_NAMES.sub("-", variable)


def choose(
    vault: Vault,
    named: tuple[str, ...],
    *,
    everything: bool,
    tags: tuple[tuple[str, str], ...],
    tagged: bool = False,
) -> dict[str, str | bytes]:
    """Return variables and values of the secrets that were chosen; `tagged` chooses those with a tag `env`.

    Raises:
        CannotUse: two secrets for one variable, or a variable no environment can have.
    """
    found: dict[str, str | bytes] = {}
    for part in named:
        name, _, variable = part.partition("=")
        secret = vault.secrets.get(name)
        _add(found, variable or variable_of(secret.name, secret.properties.tags), secret.value, name)
    taken = {part.partition("=")[0].lower() for part in named}
    if everything or tags or tagged:
        for name, variable in _listed(vault, dict(tags), tagged=tagged):
            if name.lower() not in taken:
                _add(found, variable, vault.secrets.get(name).value, name)
    return found


def _listed(vault: Vault, tags: dict[str, str], *, tagged: bool) -> list[tuple[str, str]]:
    """Return names and variables of the enabled secrets that have all the tags, by name."""
    found = []
    for properties in vault.secrets.list():
        if not tags.items() <= properties.tags.items() or (tagged and TAG not in properties.tags):
            continue
        if properties.enabled:
            found.append((properties.name, variable_of(properties.name, properties.tags)))
        else:
            warn(f"secret {properties.name} is disabled and left out")
    return sorted(found)


def _add(found: dict[str, str | bytes], variable: str, value: str | bytes, name: str) -> None:
    if not variable or "=" in variable or "\0" in variable:
        raise CannotUse(
            f"secret {name} cannot be the variable {variable!r}", hint=f"--secret {name}=VARIABLE"
        )
    if variable in found:
        raise CannotUse(
            f"two of the secrets chosen are the variable {variable}", hint="--secret NAME=VARIABLE"
        )
    found[variable] = value
