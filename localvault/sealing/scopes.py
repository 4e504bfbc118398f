"""Scope keys: one key for everything below a path, derived down the tree, with epochs.

Relies on the master key. Promises: a scope's key gives the keys of the scopes below it at any epoch and says nothing
of its parent's or its siblings'; a record of an epoch that is no longer readable does not open, whoever sealed it.
docs/format.md, section 3.

    key of "/"        = HKDF(master key's scope root, epoch, "/")
    key of "/secrets" = HKDF(key of "/", epoch, "secrets")
    key of an object  = HKDF(key of its collection, epoch, name id in hex)

Records are sealed under their collection's key (depth 1) unless their object was given a key of its own (depth 2).
The rejected alternative, a key for every object from the start, would cost a derivation at every get and every write:
one derived key for a whole batch is possible only within one scope. Handing out one object reseals that object.

An epoch numbers the keys one scope has had. It is raised to take back what was handed out, and with it the epochs of
all scopes below, whose records are sealed again; so a scope's epoch fixes its parent's, and one number in a record is
enough. A new master key raises all of them: the epoch of "/" is the generation of the master key, and so is that of
every scope that has no epochs of its own.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, final

from localvault.errors import BadParameter
from localvault.model.hidden import Hidden
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing.hkdf import expand
from localvault.sealing.master import SCOPE_ROOT, MasterKey
from localvault.sealing.record import RecordSealer

ROOT = "/"
MAX_EPOCH = 0xFFFFFFFF
NAME_ID = slice(1, 17)  # where in a store key (kind | name id | …) an object's scope is named
OBJECT_DEPTH = 2
_SEALERS_REMEMBERED = 256  # objects with a key of their own; collections are few


class Epochs(NamedTuple):
    """The epochs of one scope that are readable: from `oldest`, one for each entry of `parents`.

    `parents` holds the parent scope's epoch that each of them is derived from. More than one is readable only while
    records are being sealed again; afterwards the old key is worthless, also to whoever it was handed to, because
    what it seals is refused here.
    """

    oldest: int = 0
    parents: tuple[int, ...] = (0,)

    @property
    def current(self) -> int:
        """The epoch that new records are sealed at."""
        return self.oldest + len(self.parents) - 1

    def parent(self, epoch: int) -> int | None:
        """The parent's epoch below which `epoch` stands; None if it is not readable."""
        return self.parents[epoch - self.oldest] if self.oldest <= epoch <= self.current else None


_PATH = re.compile(r"/[a-z]{1,32}(?:/[0-9a-f]{32})?")


@final
class Scopes(Hidden):
    """Derives scope keys and hands out the sealers that use them. May be used by several threads."""

    __slots__ = (
        "_common",
        "_epochs",
        "_in_use",
        "_leaving",
        "_lock",
        "_roots",
        "_sealers",
        "_vault_id",
        "watch",
    )

    def __init__(
        self,
        master: MasterKey,
        vault_id: bytes,
        epochs: Mapping[str, Epochs] | None = None,
        *,
        generation: int = 0,
    ) -> None:
        """`master` is the master key of `generation`; `epochs` by path, for the scopes that are not at it.

        Raises:
            BadParameter: an epoch beyond 32 bits, or a scope without any.
        """
        self.watch: Callable[[], None] = _nothing_new
        """Called before a record of another generation is believed or refused: the vault may have got a new one."""
        self._common = _between(generation, generation)
        self._leaving: tuple[int, Callable[[], bool]] | None = None
        self._epochs = dict(epochs or {})
        for path, known in self._epochs.items():
            if not known.parents or not 0 <= known.oldest <= known.current <= MAX_EPOCH:
                raise BadParameter(f"the epochs of the scope {path} are out of range")
        self._roots = {generation: master.derive(SCOPE_ROOT)}
        self._vault_id = vault_id
        self._sealers: dict[tuple[str, int], tuple[RecordSealer, Locked]] = {}
        self._in_use: dict[str, RecordSealer] = {}  # of "/" and collections: callers hold on to them
        self._lock = threading.Lock()

    @property
    def generation(self) -> int:
        """The generation of the master key that new records are sealed below."""
        return self._common.current

    @property
    def oldest(self) -> int:
        """The first generation whose records are readable."""
        return self._common.oldest

    def reads(self, generation: int) -> bool:
        """Whether records of a generation can be read."""
        return generation in self._roots

    def keep(self, generation: int, master: MasterKey) -> None:
        """Read also what was sealed below the master key of an earlier generation."""
        with self._lock:
            self._roots[generation] = master.derive(SCOPE_ROOT)
            self._common = _between(min(generation, self.oldest), self.generation)

    def adopt(self, generation: int, master: MasterKey) -> None:
        """Seal below a newer master key from now on; what was readable stays so until `forget_before`.

        The sealers of "/" and of collections that were handed out before go on to the new keys.
        """
        with self._lock:
            before = self.generation
            self._roots[generation] = master.derive(SCOPE_ROOT)
            # Whoever asks for a sealer of the new generation from here on waits for the lock.
            self._common = _between(self.oldest, generation)
            for path, sealer in self._in_use.items():
                if path in self._epochs:
                    continue
                # What was sealed before is opened by a twin, which is there before the sealer itself goes on.
                key = self._sealers[path, before][1]
                self._sealers[path, before] = self._made(path, before, key)
                key = self.scope_key(path, generation)
                sealer.become(XaesKey(key), generation)
                self._sealers[path, generation] = sealer, key

    def forget_before(self, generation: int, still_read: Callable[[], bool]) -> None:
        """Read nothing of earlier generations any more, once `still_read()` is false.

        It says whether a transaction is open that began before they were done with: such a one still sees them.
        """
        with self._lock:
            self._leaving = generation, still_read
        self.let_go()

    def let_go(self) -> None:
        """Forget the keys that `forget_before` is done with, if it is time."""
        leaving = self._leaving
        if leaving is None or leaving[1]():
            return
        with self._lock:
            self._leaving = None
            self._common = _between(leaving[0], self.generation)
            for epoch in [epoch for epoch in self._roots if epoch < leaving[0]]:
                self._roots.pop(epoch).wipe()
            for place in [at for at in self._sealers if at[0] not in self._epochs and at[1] < leaving[0]]:
                sealer, key = self._sealers.pop(place)
                sealer.wipe()
                key.wipe()

    def scope_key(self, path: str, epoch: int | None = None) -> Locked:
        """32 bytes, everything below `path` is sealed under; at the current epoch unless told otherwise.

        `path` is "/", a collection ("/secrets") or an object by its name id ("/secrets/" and 32 hex digits).

        Raises:
            BadParameter: not such a path, or an epoch that is not readable.
            VaultClosed, VaultForked: after `wipe`, or in a forked child.
        """
        known = self._known(path)
        epoch = known.current if epoch is None else epoch
        parent_epoch = known.parent(epoch)
        if parent_epoch is None:
            raise BadParameter(f"the scope {path} has no epoch {epoch}")
        if path == ROOT:
            return _child(self._roots[epoch if epoch in self._roots else self.generation], epoch, ROOT)
        parent_path, name = _split(path)
        parent = self.scope_key(parent_path, parent_epoch)
        try:
            return _child(parent, epoch, name)
        finally:
            parent.wipe()

    def _known(self, path: str) -> Epochs:
        return self._epochs.get(path) or self._common

    def sealer(self, path: str, epoch: int | None = None) -> RecordSealer:
        """What seals and opens the records of the scope `path`: the same object every time.

        Of a collection it opens also what was sealed at another readable epoch or under an object's own key.

        Raises:
            BadParameter, VaultClosed, VaultForked: as for `scope_key`.
        """
        if epoch is None:
            in_use = self._in_use.get(path)
            if in_use is not None:
                return in_use
            epoch = self._known(path).current
        made = self._sealers.get((path, epoch))
        return made[0] if made is not None else self._new_sealer(path, epoch)

    def at(self, generation: int, sealer: RecordSealer) -> RecordSealer:
        """What opens the records that `sealer`, of "/" or a collection, sealed below the master key of `generation`.

        Raises:
            BadParameter: that generation is not readable.
        """
        path = next(path for path, known in self._in_use.items() if known is sealer)
        return self.sealer(path, generation)

    def object_sealer(self, collection: str, name_id: bytes) -> RecordSealer:
        """What seals the records of one object that has a key of its own; `name_id` is 16 bytes.

        Raises:
            BadParameter, VaultClosed, VaultForked: as for `scope_key`.
        """
        return self.sealer(f"{collection}/{name_id.hex()}")

    def wipe(self) -> None:
        """Forgets all keys and makes every sealer unusable."""
        with self._lock:
            for sealer, key in self._sealers.values():
                sealer.wipe()
                key.wipe()
            self._sealers.clear()
            self._in_use.clear()
            for root in self._roots.values():
                root.wipe()

    def _new_sealer(self, path: str, epoch: int) -> RecordSealer:
        with self._lock:
            # Another thread may have been quicker; two sealers of one scope would both be right, but callers keep
            # things by sealer.
            made = self._sealers.get((path, epoch))
            if made is None:
                made = self._made(path, epoch, self.scope_key(path, epoch))
                self._make_room()
                self._sealers[path, epoch] = made
                if _depth(path) < OBJECT_DEPTH and epoch == self._known(path).current:
                    self._in_use[path] = made[0]
        return made[0]

    def _made(self, path: str, epoch: int, key: Locked) -> tuple[RecordSealer, Locked]:
        sealer = RecordSealer(self._vault_id, XaesKey(key), _depth(path), epoch, partial(self._other, path))
        # The key goes along: an XaesKey needs it as long as it lives and leaves wiping it to us.
        return sealer, key

    def _make_room(self) -> None:
        # Sealers of collections stay: callers hold on to them, and `wipe` must find them. One of an object is only
        # dropped, since another thread may be using it; its key is wiped when the last of them lets go.
        of_objects = [at for at in self._sealers if _depth(at[0]) == OBJECT_DEPTH]
        if len(of_objects) >= _SEALERS_REMEMBERED:
            del self._sealers[of_objects[0]]

    def _other(self, path: str, depth: int, epoch: int, key: bytes) -> RecordSealer | None:
        """The sealer for a record of the scope `path` that was sealed at another epoch or under its object's key."""
        if depth == OBJECT_DEPTH and _depth(path) == OBJECT_DEPTH - 1 and len(key) >= NAME_ID.stop:
            path = f"{path}/{key[NAME_ID].hex()}"
        elif depth != _depth(path):
            return None
        if epoch != self.generation:
            self.watch()
            self.let_go()
        return self.sealer(path, epoch) if self._readable(path, epoch) else None

    def _readable(self, path: str, epoch: int) -> bool:
        """Whether the scope and all those above it are readable at the epochs this one stands under."""
        if path not in self._epochs and epoch not in self._roots:
            return False
        above = self._known(path).parent(epoch)
        return above is not None and (path == ROOT or self._readable(_split(path)[0], above))


def _nothing_new() -> None:
    """What `watch` is until there is somebody to ask."""


def _between(oldest: int, current: int) -> Epochs:
    """The epochs of a scope that has none of its own: each stands below its parent's of the same number."""
    return Epochs(oldest, tuple(range(oldest, current + 1)))


def _child(parent: Locked, epoch: int, name: str) -> Locked:
    # Fixed width before the name, so no (epoch, name) shares its encoding with another; "/" is no child's name.
    return expand(parent, b"localvault/scope/v1 " + epoch.to_bytes(4) + name.encode())


def _depth(path: str) -> int:
    return 0 if path == ROOT else path.count("/")


def _split(path: str) -> tuple[str, str]:
    if _PATH.fullmatch(path) is None:
        raise BadParameter(f"{path[:60]!r} is not the path of a scope")
    parent, _slash, name = path.rpartition("/")
    return parent or ROOT, name
