"""The slots of an open vault: each one a way to unlock it.

Relies on `sealing` for what a slot is, on the door for changing the header in one transaction with its event. Promises:
the last slot is never removed; a recovery key is shown once and kept nowhere; a change is on disk when it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from localvault.calls import Call
from localvault.door import Door
from localvault.errors import BadParameter, Conflict, Damaged
from localvault.masters import Masters
from localvault.operations import PASSPHRASE_CHANGE, SLOT_ADD, SLOT_LIST, SLOT_REMOVE
from localvault.records import HEADER_KEY, VAULT, Mutation, Records
from localvault.sealing import credentials
from localvault.sealing import slots as slot_format
from localvault.sealing.credentials import Credential
from localvault.sealing.header import Header
from localvault.sealing.keyfile import new_keyfile
from localvault.sealing.profiles import DEFAULT, KdfProfile
from localvault.sealing.renewing import add_slot, change_passphrase, remove_slot
from localvault.sealing.slots import SlotInfo
from localvault.store.protocol import ReadTxn


class Slots:
    """The slots of one vault (`vault.slots`)."""

    def __init__(self, door: Door, masters: Masters, folder: Path, *, allow_weak: bool) -> None:
        self._door = door
        self._masters = masters
        self._folder = folder
        self._allow_weak = allow_weak

    def list(self) -> list[SlotInfo]:
        """Return what there is to tell of every slot: id, kind, label and how a passphrase is stretched.

        Raises:
            Damaged, Tampered: the slot list is not as the vault wrote it.
        """

        def body(call: Call, records: Records) -> tuple[SlotInfo, ...]:
            slots = tuple(self._header(call, records).describe(self._masters.master))
            call.count = len(slots)
            return slots

        return [*self._door.read(SLOT_LIST, "/", body)]

    def add_passphrase(
        self, passphrase: str | bytes, *, label: str | None = None, kdf: KdfProfile = DEFAULT
    ) -> SlotInfo:
        """Add a slot that `passphrase` opens.

        Args:
            passphrase: 1 to 4096 bytes in UTF-8; text is brought into Unicode's normal form C.
            label: at most 100 characters, for people.
            kdf: what a guess costs; Argon2id with 3 passes over 64 MiB unless given (RFC 9106, section 4).

        Raises:
            BadParameter: one of the above does not hold, or there are 64 slots already.
        """
        return self._add(lambda: credentials.passphrase(passphrase), label, kdf)

    def add_keyfile(self, path: str | Path, *, label: str | None = None) -> SlotInfo:
        """Make a new key file at `path` (mode 0600; whoever holds it opens the vault) and add a slot that it opens.

        Raises:
            BadParameter: there is something at `path`, it is in the vault's own folder, or there are 64 slots already.
        """
        with ExitStack() as undo:

            def make() -> Credential:
                if Path(path).parent.resolve().is_relative_to(self._folder.resolve()):
                    raise BadParameter(
                        "a key file in the vault's own folder would open every copy of it",
                        hint="keep it elsewhere, best on another medium",
                    )
                credential = new_keyfile(Path(path))
                undo.callback(Path(path).unlink)  # it was made for this slot, and opens nothing without it
                return credential

            made = self._add(make, label, DEFAULT)
            undo.pop_all()
        return made

    def add_recovery_key(self, *, label: str | None = None) -> str:
        """Add a slot for a new recovery key and return the key, to be written down: it is shown this once.

        Raises:
            BadParameter: a label over 100 characters, or there are 64 slots already.
        """
        credential, text = credentials.new_recovery_key()
        self._add(lambda: credential, label, DEFAULT)
        return text

    def remove(self, slot_id: str) -> None:
        """Remove the slot of this id (32 hex digits, as `list` shows it).

        What the slot opened stays readable in copies of the folder made before; a new master key is needed against
        whoever may hold both such a copy and the slot's secret.

        Raises:
            Conflict: it is the last one.
            BadParameter: there is no such slot.
            Damaged, Tampered: the slot list is not as the vault wrote it.
        """

        def body(call: Call, mutation: Mutation) -> None:
            header = _read(call, mutation)
            _put(call, mutation, header, remove_slot(header, self._masters.master, _slot_id(slot_id)))

        self._door.write(SLOT_REMOVE, "/", body)

    def change_passphrase(self, old: str | bytes, new: str | bytes, *, kdf: KdfProfile | None = None) -> None:
        """Give the slot that `old` opens the passphrase `new`; its id and label stay.

        Raises:
            UnlockFailed: `old` opens no slot.
            BadParameter: `new` is empty or over 4096 bytes.
        """
        # Stretching both takes a second, so it is done before the transaction, on the header as it is now.
        with self._door.preparing(PASSPHRASE_CHANGE, "/") as look, ExitStack() as wiping:
            before = credentials.passphrase(old)
            wiping.callback(before.wipe)
            after = credentials.passphrase(new)
            wiping.callback(after.wipe)
            header = look(self._header)
            made = change_passphrase(
                header, self._masters.master, before, after, kdf=kdf, allow_weak=self._allow_weak
            )
        self._door.write(PASSPHRASE_CHANGE, "/", _replace, header, made)

    def _add(self, make: Callable[[], Credential], label: str | None, kdf: KdfProfile) -> SlotInfo:
        with self._door.preparing(SLOT_ADD, "/") as look:
            credential = make()
            try:
                header = look(self._header)
                master = self._masters.master
                made = add_slot(header, master, credential, kdf=kdf, label=label, allow_weak=self._allow_weak)
            finally:
                credential.wipe()
        self._door.write(SLOT_ADD, "/", _replace, header, made)
        return slot_format.describe(made.slots[-1], made.vault_id, master)

    def _header(self, call: Call, records: Records) -> Header:
        """Return the header, with the masters gone on to the master key that it is of."""
        self._masters.check(records.txn)
        return _read(call, records)


def read_header(txn: ReadTxn) -> Header:
    """Return the vault's header, not authenticated yet.

    Raises:
        Damaged, NotAVault, NewerFormat: there is none that can be read.
    """
    data = txn.get(VAULT, HEADER_KEY)
    if data is None:
        raise Damaged("the vault has no header", hint="restore the vault from a backup")
    return Header.decode(data)


def _read(call: Call, records: Records) -> Header:
    return read_header(records.txn)


def _replace(call: Call, mutation: Mutation, expected: Header, made: Header) -> None:
    if _read(call, mutation) != expected:
        raise Conflict("the slots were changed by somebody else meanwhile", hint="do it again")
    _put(call, mutation, expected, made)


def _put(call: Call, mutation: Mutation, before: Header, after: Header) -> None:
    changed = set(before.slots) ^ set(after.slots)
    call.details = {"slots": sorted({slot.id.hex() for slot in changed})}
    mutation.put_header(after.encode())


def _slot_id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BadParameter(f"there is no slot {text[:40]!r}", hint="`list` shows the ids") from None
