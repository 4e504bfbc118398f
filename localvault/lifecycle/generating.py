"""The verbs of secrets that make their own values: `rotate`, and what the values are made by.

Relies on `generators` for how a value is made, on the door for the rest. Promises: a value is made before the
transaction, so that no other writer waits for a program; the transaction looks again before it adds the version.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from localvault.calls import Call
from localvault.errors import BadParameter
from localvault.lifecycle import rotation
from localvault.lifecycle.generators import generator_of, make_value, set_generator
from localvault.lifecycle.rotating import rotate_many
from localvault.lifecycle.rotation import Fresh, Plan
from localvault.lifecycle.verbs import ObjectVerbs
from localvault.model.generator import Generator, Maker
from localvault.model.names import check_name
from localvault.model.properties import SecretProperties
from localvault.model.secret import DeletedSecret, Secret
from localvault.model.value import Value, check_value
from localvault.operations import SECRET_GENERATOR_GET, SECRET_GENERATOR_SET, SECRET_ROTATE
from localvault.records import Mutation, Records


class GeneratingVerbs(ObjectVerbs[SecretProperties, DeletedSecret]):
    """What secrets can do because they, unlike keys, may be made in many ways."""

    def rotate(self, name: str, *, commands: bool = False) -> Secret:
        """Add a version with a value that the secret's generator makes, and make it current; returns it.

        Tags and content type are those of the version before, and so is the lifetime unless a rotation policy says.

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
            fresh = rotation.make(look(lambda call, records: self._plan(records, name, commands)))
        return self._ground.door.write(SECRET_ROTATE, target, self._rotate, name, fresh)

    def rotate_many(self, names: Iterable[str], *, commands: bool = False) -> list[Secret]:
        """Rotate many secrets, 256 to a transaction, each with an event of its own; returns the new versions.

        Raises:
            GeneratorFailed, Forbidden, BadParameter, SecretNotFound: as for `rotate`, of some secret; none of its
                transaction was rotated. Those before it are: call again with what is left.
        """

        def plan(records: Records, name: str) -> Plan:
            return self._plan(records, name, commands)

        return rotate_many(self._objects, SECRET_ROTATE, names, plan, self._rotate)

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
            BadParameter: not a generator, none while a rotation policy needs one, or not a name a secret can have.
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

    def _plan(self, records: Records, name: str, commands: bool) -> Plan:
        key, head = self._objects.find(records, name)
        return rotation.plan(records, self._objects, key, head, commands=commands)

    def _rotate(self, call: Call, mutation: Mutation, name: str, fresh: Fresh) -> Secret:
        key, old = self._objects.find(mutation, name)
        check_value(fresh.body(), self._ground.settings(mutation).max_value_bytes)
        head, added = rotation.renew(call, mutation, self._objects, key, old, fresh)
        return Secret(self._properties(head.name, added.id, added.attributes, None), added.body)

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
