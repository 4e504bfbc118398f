"""The verbs of secrets that make their own values: `rotate`, and what the values are made by.

Relies on `generators` for how a value is made, on the door for the rest. Promises: a value is made before the
transaction, so that no other writer waits for a program; the transaction looks again before it adds the version.
"""

from __future__ import annotations

from typing import Any

from localvault.door import Call
from localvault.errors import BadParameter
from localvault.lifecycle.generators import add_made, generator_of, make_value, set_generator
from localvault.lifecycle.verbs import ObjectVerbs
from localvault.model.generator import Generator, Maker
from localvault.model.names import check_name
from localvault.model.properties import SecretProperties
from localvault.model.secret import DeletedSecret, Secret
from localvault.model.value import Value
from localvault.operations import SECRET_GENERATOR_GET, SECRET_GENERATOR_SET, SECRET_ROTATE
from localvault.records import Mutation, Records


class GeneratingVerbs(ObjectVerbs[SecretProperties, DeletedSecret]):
    """What secrets can do because they, unlike keys, may be made in many ways."""

    def rotate(self, name: str, *, commands: bool = False) -> Secret:
        """Add a version with a value that the secret's generator makes, and make it current; returns it.

        Tags, content type and lifetime are those of the version before.

        Args:
            name: the secret.
            commands: whether a generator that is a command may run its program.

        Raises:
            GeneratorFailed: no value came of it; nothing was changed.
            Forbidden: the generator is a command, and `commands` is False.
            BadParameter: the secret has no generator, or another one by now, or not a name a secret can have.
            SecretNotFound: no such secret.
            StoreFull: no space; nothing was changed.
        """
        target = self._objects.target(name)
        with self._ground.door.preparing(SECRET_ROTATE, target) as look:
            spec, properties, limit = look(lambda call, records: self._of_rotation(records, name))
            value = self._made(spec, properties.name, properties, commands, limit)
        return self._ground.door.write(SECRET_ROTATE, target, self._rotate, name, spec, value)

    def generator(self, name: str) -> Generator | None:
        """Return what makes a secret's values, or None if nothing does.

        Raises:
            BadParameter: not a name a secret can have, or a generator only a later localvault knows.
            SecretNotFound: no such secret.
        """
        target = self._objects.target(name)
        return self._ground.door.read(SECRET_GENERATOR_GET, target, self._generator, name)

    def set_generator(self, name: str, generator: Generator | None) -> None:
        """Say what makes a secret's values from now on; None takes it away. The present value stays.

        Raises:
            BadParameter: not a generator, or not a name a secret can have.
            SecretNotFound: no such secret.
        """
        target = self._objects.target(name)
        with self._ground.door.preparing(SECRET_GENERATOR_SET, target):
            if generator is not None:
                check_generator(generator)
        self._ground.door.write(SECRET_GENERATOR_SET, target, set_generator, self._objects, name, generator)

    def register(self, name: str, maker: Maker | None) -> None:
        """Have `Generator.named(name)` call `maker` in this open vault; None takes it away.

        `maker(secret_name, properties)` is called outside of any transaction, with the properties of the secret's
        current version, or None for a secret that is new; it returns the value, text or bytes.

        Raises:
            BadParameter: not 1 to 127 of `0-9 A-Z a-z -`, or something that cannot be called.
        """
        check_name(name)
        if maker is None:
            self._ground.generators.pop(name, None)
        elif callable(maker):
            self._ground.generators[name] = maker
        else:
            raise BadParameter(f"a generator is called for each value; {type(maker).__name__} cannot be")

    def _made(
        self, spec: dict[str, Any], name: str, properties: SecretProperties | None, commands: bool, limit: int
    ) -> Value:
        return make_value(spec, self._ground.generators, name, properties, commands, limit=limit)

    # Bodies that run inside the door.

    def _of_rotation(self, records: Records, name: str) -> tuple[dict[str, Any], SecretProperties, int]:
        """Return the generator of a secret, its current properties, and how many bytes a value may have."""
        _, head = self._objects.find(records, name)
        spec = generator_of(head)
        if spec is None:
            raise BadParameter(
                f"secret {head.name} has no generator, so there is nothing to make a new value by",
                hint="set_generator gives it one; set gives it a value",
            )
        properties = self._properties(head.name, head.current, head.attributes, head.traits)
        return spec, properties, self._ground.settings(records).max_value_bytes

    def _rotate(
        self, call: Call, mutation: Mutation, name: str, spec: dict[str, Any], value: Value
    ) -> Secret:
        head, added = add_made(call, mutation, self._objects, name, spec, value)
        return Secret(self._properties(head.name, added.id, added.attributes, None), value)

    def _generator(self, call: Call, records: Records, name: str) -> Generator | None:
        _, head = self._objects.find(records, name)
        call.version = head.current
        spec = generator_of(head)
        return None if spec is None else Generator.from_dict(spec)


def check_generator(generator: object) -> None:
    """Return if `generator` is one.

    Raises:
        BadParameter: it is not.
    """
    if not isinstance(generator, Generator):
        raise BadParameter(
            f"a generator is made by Generator.password and the like; {type(generator).__name__} is none"
        )
