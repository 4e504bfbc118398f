"""Secrets that make their own next value: where a secret's generator is kept, and how it is carried out.

Relies on `model.generator` for what there is. A generator stands as plain data in the head's settings, under
`generator`. Promises: a value is made outside of any transaction; a program is run only for who said that programs may
be; what was made is in no error, and neither is what a callable or a program had to say.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from localvault.calls import Call
from localvault.errors import BadParameter, Forbidden, GeneratorFailed
from localvault.lifecycle.head import Head
from localvault.lifecycle.objects import Objects
from localvault.lifecycle.passwords import draw
from localvault.lifecycle.schedule import policy_of, rotates
from localvault.model.generator import Generator, Maker, classes_of
from localvault.model.properties import SecretProperties
from localvault.model.settings import VALUE_BYTES_MAX
from localvault.model.value import Value, check_value
from localvault.records import Mutation

SETTING = "generator"


def generator_of(head: Head) -> dict[str, Any] | None:
    """Return the generator of a secret as plain data, or None if it has none."""
    return None if head.settings is None else head.settings.get(SETTING)


def with_generator(head: Head, generator: Generator | None) -> Head:
    """Return a head with another generator, or with none."""
    # A copy: heads are remembered, and this one may yet be undone.
    settings = {name: value for name, value in (head.settings or {}).items() if name != SETTING}
    if generator is not None:
        settings[SETTING] = generator.to_dict()
    return Head(
        head.name,
        head.current,
        head.attributes,
        head.traits,
        head.deleted_on,
        head.purge_on,
        settings or None,
    )


def set_generator(
    call: Call, mutation: Mutation, objects: Objects, name: str, generator: Generator | None
) -> None:
    """Give a secret another generator, or none.

    Raises:
        BadParameter: a policy rotates it, and would have nothing to make a value by.
        BadParameter, NotFound: no such secret.
    """
    key, old = objects.find(mutation, name)
    call.version = old.current
    call.details = {SETTING: None if generator is None else generator.kind}
    if generator is None and rotates(policy_of(old)):
        raise BadParameter(
            f"the rotation policy of secret {old.name} makes its new values by the generator it has",
            hint="take the policy away first",
        )
    objects.put_head(mutation, key, with_generator(old, generator), old)


def make_value(
    spec: Mapping[str, Any],
    registry: Mapping[str, Maker],
    name: str,
    properties: SecretProperties | None,
    commands: bool,
    *,
    limit: int = VALUE_BYTES_MAX,
) -> Value:
    """Return a new value for the secret `name`; not to be called inside a transaction, for it may take a minute.

    Args:
        spec: the generator as plain data.
        registry: what the application registered, by name.
        name: the secret's.
        properties: of its current version, for what the application registered; None if there is none.
        commands: whether programs may be run.
        limit: bytes the value may have.

    Raises:
        Forbidden: it is a program, and `commands` is False.
        GeneratorFailed: no value came of it.
    """
    try:
        generator = Generator.from_dict(spec)
    except BadParameter:
        raise GeneratorFailed(f"the generator of secret {name} is none that this localvault knows") from None
    rules = generator.to_dict()
    match generator.kind:
        case "password":
            return draw(classes_of(rules), rules["length"], rules["at_least"])
        case "bytes":
            return os.urandom(rules["size"])
        case "hex":
            return os.urandom(rules["size"]).hex()
        case "base64url":
            return urlsafe_b64encode(os.urandom(rules["size"])).rstrip(b"=").decode()
        case "named":
            return _of_application(registry, rules["name"], name, properties, limit)
        case _:
            return _of_command(rules, name, commands, limit)


def _of_application(
    registry: Mapping[str, Maker], maker: str, name: str, properties: SecretProperties | None, limit: int
) -> Value:
    make = registry.get(maker)
    if make is None:
        raise GeneratorFailed(
            f"no generator {maker} is registered in this process", hint="vault.secrets.register does it"
        )
    try:
        value = make(name, properties)
    except Exception as error:
        # Its text is not shown, also not in a traceback, since it may hold the value; it is the `__context__` of ours.
        raise GeneratorFailed(f"the generator {maker} raised {type(error).__name__}") from None
    try:
        check_value(value, limit)
    except BadParameter as error:
        raise GeneratorFailed(f"the generator {maker}: {error.message}") from None
    return value


def _of_command(rules: Mapping[str, Any], name: str, commands: bool, limit: int) -> Value:
    if commands is not True:
        # Whoever may set a generator would else run programs as whoever runs the agenda.
        raise Forbidden(
            f"the value of secret {name} is made by a command, and commands were not allowed to run",
            hint="commands=True allows it (--commands on the command line)",
        )
    from localvault.lifecycle.commands import run  # not loaded by who never runs one

    data = run(rules["arguments"], timeout=rules["timeout"], limit=limit)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
