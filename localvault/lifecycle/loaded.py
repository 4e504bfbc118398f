"""A key's version made ready for use, and the checks every use passes.

Relies on `algorithms` for material. Promises: a version is usable exactly as Key Vault has it, the stricter reading
where its sources differ (docs/model.md, "States"): disabled, it does nothing; outside its dates it decrypts, unwraps,
verifies and opens, but does not encrypt, wrap, sign or seal; and it does only what it is permitted. Retired by its
key's version policy, it only verifies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

from localvault.algorithms.base import KeyMaterial
from localvault.algorithms.material import decode
from localvault.algorithms.oct import OctKey
from localvault.algorithms.table import require_operation
from localvault.calls import Call
from localvault.errors import BadParameter, KeyDisabled, KeyExpired, KeyNotYetValid, KeyVersionRetired
from localvault.lifecycle.head import Head
from localvault.lifecycle.keyrecord import split
from localvault.lifecycle.objects import Objects
from localvault.model.attributes import Attributes
from localvault.model.hidden import Hidden
from localvault.native.face import XaesKey
from localvault.native.memory import Locked, Wipeable
from localvault.records import VERSIONS, Memo, Records
from localvault.sealing.datakey import wrapping_key
from localvault.sealing.derived import DerivedKey
from localvault.sealing.filehead import file_key
from localvault.sealing.record import RecordSealer
from localvault.sealing.token import token_key

_PROTECTING = frozenset({"encrypt", "wrapKey", "sign"})  # what a key does not do outside its dates
# What a retired version still does: a signature made in its time stays one, and to check it gives nothing away. Who
# wants it checked no longer disables the version.
_TELLING = frozenset({"verify"})
_REMEMBERED = 1024


class Loaded(Hidden):
    """One version of a key: its state, and its material ready for use."""

    __slots__ = ("_files", "_seals", "_wraps", "attributes", "material", "operations")

    def __init__(self, attributes: Attributes, traits: list[Any], material: memoryview) -> None:
        """`material` is read, not kept."""
        self.attributes = attributes
        self.operations = frozenset(traits[3])
        self.material: KeyMaterial = decode(material)
        self._seals: DerivedKey | None = None
        self._files: DerivedKey | None = None
        self._wraps: DerivedKey | None = None
        if traits[0] == "oct":
            # Tokens are sealed under a key derived from the material, so that the same key used for A256GCM or HS256
            # and for tokens is two keys (docs/format.md, "Tokens").
            secret = Locked.of(material[1:])
            self._seals = DerivedKey(token_key(secret))
            secret.wipe()

    @property
    def seals(self) -> XaesKey:
        """What seals and opens this version's tokens.

        Raises:
            BadParameter: not an oct key.
        """
        if self._seals is None:
            raise BadParameter(
                f"a token is sealed under an oct key, not an {self.material.kty} key",
                hint="make an oct key for the data, and wrap its backups or data keys with this one",
            )
        return self._seals.key

    @property
    def files(self) -> XaesKey:
        """What seals and opens this version's files; made when first asked for, since most keys never seal one.

        Raises:
            BadParameter: not an oct key.
            VaultClosed: the version was given up.
        """
        if self._files is None:
            if not isinstance(self.material, OctKey):
                raise BadParameter(
                    f"a file is sealed under an oct key, not an {self.material.kty} key",
                    hint="make an oct key for the files, and wrap its backups with this one",
                )
            # Two threads that meet here make two of the same key: no harm done, and what is dropped wipes itself.
            self._files = DerivedKey(file_key(self.material.view()))
        return self._files.key

    @property
    def wraps(self) -> XaesKey:
        """What seals and opens this version's data keys.

        Raises:
            BadParameter: not an oct key.
            VaultClosed: the version was given up.
        """
        if self._wraps is None:
            if not isinstance(self.material, OctKey):
                raise BadParameter(
                    f"an {self.material.kty} key does not wrap by XAES-256-GCM",
                    hint="leave the algorithm out",
                )
            self._wraps = DerivedKey(wrapping_key(self.material.view()))  # two threads: as above
        return self._wraps.key

    def check(self, name: str, operation: str, now: int) -> None:
        """Return if the version may do `operation` at `now` (µs).

        Raises:
            KeyDisabled, KeyNotYetValid, KeyExpired, KeyOperationForbidden: it may not.
        """
        enabled, not_before, expires_on = self.attributes[:3]
        if not enabled:
            raise KeyDisabled(f"operation {operation} is not allowed on a disabled key: {name}")
        if operation in _PROTECTING:
            if not_before is not None and now < not_before:
                raise KeyNotYetValid(f"key {name} is not valid yet, so it cannot {operation}")
            if expires_on is not None and now >= expires_on:
                raise KeyExpired(
                    f"key {name} has expired, so it cannot {operation}",
                    hint="rotate it, or move its expires_on",
                )
        require_operation(self.operations, operation)

    def wipe(self) -> None:
        """Give the key up."""
        self.material.wipe()
        for derived in (self._seals, self._files, self._wraps):
            if derived is not None:
                derived.wipe()


class LoadedKeys:
    """The versions of keys that are ready for use in one vault, each for as long as its record stays the same."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._memo: Memo[Loaded] = Memo(_decode, _REMEMBERED, RecordSealer.open_locked)
        self._held: WeakValueDictionary[int, Wipeable] = (
            WeakValueDictionary()
        )  # by id: what is secret has no hash

    def hold(self, holder: Wipeable) -> None:
        """Have `holder`, which was made with one of the keys and outlives the call, wiped by `close`."""
        self._held[id(holder)] = holder

    def find(
        self, call: Call, records: Records, name: str, version: str | None, operation: str
    ) -> tuple[str, bytes, Loaded]:
        """Return a key's name as it was first written, the version's id and the version, if it may do `operation`.

        Raises:
            BadParameter, KeyNotFound: no such key or version.
            KeyDisabled, KeyNotYetValid, KeyExpired, KeyOperationForbidden, KeyVersionRetired: it may not.
        """
        key, head = self._objects.find(records, name)
        version_id = self._objects.version_id(head, version)
        call.version = version_id
        loaded = records.remembered(VERSIONS, key + version_id, self._memo)
        if loaded is None:
            raise self._objects.not_found(name, version)
        loaded.check(head.name, operation, call.now)
        if version_id < head.lowest and operation not in _TELLING:
            raise retired(head, version_id)
        return head.name, version_id, loaded

    def version_in_use(self, records: Records, name: str, version: str | None) -> bytes:
        """Return the id of a key's current version, or of `version`, whatever its state.

        Raises:
            BadParameter, KeyNotFound: no such key.
        """
        _, head = self._objects.find(records, name)
        return self._objects.version_id(head, version)

    def require(self, records: Records, name: str) -> None:
        """Return if there is a key called `name`.

        Raises:
            BadParameter, KeyNotFound: no such key.
        """
        self._objects.find(records, name)

    def known(self, records: Records, name: str, version_ids: Iterable[bytes]) -> tuple[str, set[bytes]]:
        """Return a key's name as it was first written, and those of the versions that it has.

        Raises:
            BadParameter, KeyNotFound: no such key.
        """
        key, head = self._objects.find(records, name)
        return head.name, {each for each in version_ids if records.exists(VERSIONS, key + each)}

    def of_token(
        self, records: Records, name: str, version_id: bytes, operation: str, now: int
    ) -> Loaded | None:
        """Return the version a token or file names, if it may do `operation`; None if the key has no such version.

        Raises:
            BadParameter, KeyNotFound: no such key.
            KeyDisabled, KeyOperationForbidden, KeyVersionRetired: the version may not.
        """
        key, head = self._objects.find(records, name)
        loaded = records.remembered(VERSIONS, key + version_id, self._memo)
        if loaded is not None:
            loaded.check(head.name, operation, now)
            # After the look whether it is there: what names no version of the key stays one bad item of many, and
            # nobody can end a whole call with it.
            if version_id < head.lowest:
                raise retired(head, version_id)
        return loaded

    def close(self) -> None:
        """Give up every key."""
        for holder in [*self._held.values(), *self._memo.values()]:
            holder.wipe()
        self._held.clear()
        self._memo.clear()
        self._objects.close()


def retired(head: Head, version_id: bytes) -> KeyVersionRetired:
    """Return the error of a version that is older than its key's version policy lets open."""
    return KeyVersionRetired(
        f"version {version_id.hex()} of key {head.name} is retired: older than the oldest that opens, "
        f"{head.lowest.hex()}",
        hint="set another version policy to bring it back, and rewrap what needs it",
    )


def _decode(plaintext: Locked) -> Loaded:
    # The material goes from one place in locked memory to another, or to OpenSSL; no Python object ever holds it.
    try:
        return Loaded(*split(plaintext.view()))
    finally:
        plaintext.wipe()
