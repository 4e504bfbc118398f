"""A new master key: everything stays readable, every slot opens, and the old master key opens nothing any more."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import (
    BadParameter,
    Conflict,
    SecretNotFound,
    StoreFull,
    Tampered,
    UnlockFailed,
    Vault,
    VaultClosed,
    master_rotation,
)
from localvault.master_rotation import MasterRotation
from localvault.masters import read_place
from localvault.native.memory import Locked
from localvault.records import HEADER_KEY, VAULT, Records
from localvault.sealing import slots
from localvault.sealing.header import Header
from localvault.sealing.keyring import KEYRING_KEY, Keyring
from localvault.sealing.master import INDEX, TRANSFER, MasterKey
from localvault.sealing.scopes import Scopes
from localvault.sealing.succession import proofs_of
from localvault.slots import read_header
from localvault.store.layout import Table
from localvault.store.writing import LmdbWriteTxn
from tests.support.rotating import (
    SECRETS,
    Broken,
    assert_readable,
    break_off,
    epochs,
    few_at_once,
    make,
    opened,
)

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "localvault" / "vault-format-1.json").read_text()
)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    few_at_once(monkeypatch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the vault is."""
    return tmp_path / "v"


@pytest.fixture
def token(path: Path) -> bytes:
    """A token of the vault's key."""
    return make(path)


@pytest.fixture
def rotated(path: Path, token: bytes) -> Iterator[Vault]:
    """The vault, open."""
    with opened(path) as vault:
        yield vault


def header_of(vault: Vault) -> Header:
    """The header as it is stored."""
    with vault._parts.store.read() as txn:
        return read_header(txn)


def test_everything_is_sealed_again(rotated: Vault, token: bytes) -> None:
    """Each record once, none at the old epoch; what is read before and after is the same, remembered or not."""
    assert_readable(rotated, token)
    told: list[tuple[int, int]] = []
    made = rotated.rotate_master_key(lambda done, total: told.append((done, total)))
    assert (made.generation, made.resumed) == (1, False)
    assert made.records > 2 * len(SECRETS)
    assert epochs(rotated) == {1}
    assert len(told) > 3
    assert told == sorted(told)
    assert_readable(rotated, token)
    rotated.secrets.set("new", "value")
    assert rotated.audit.verify().size > 0


@pytest.mark.parametrize("times", [1, 3])
def test_every_slot_opens_afterwards(path: Path, token: bytes, tmp_path: Path, times: int) -> None:
    """Passphrase, key file and recovery key, whichever the vault was open by; slots stay what they were."""
    with opened(path) as vault:
        recovery = vault.slots.add_recovery_key()
        vault.slots.add_keyfile(tmp_path / "key", label="machine")
        slots = vault.slots.list()
    for number in range(times):
        ways = [{"passphrase": "rotate"}, {"recovery_key": recovery}, {"keyfile": tmp_path / "key"}]
        with localvault.open(path, allow_weak=True, **ways[number % 3]) as vault:
            assert vault.rotate_master_key().generation == number + 1
            assert vault.slots.list() == slots
        for way in ways:
            with localvault.open(path, allow_weak=True, **way) as vault:
                assert_readable(vault, token)
    with opened(path) as vault:
        vault.slots.change_passphrase("rotate", "another", kdf=None)
        vault.slots.remove(slots[1].id)
    with localvault.open(path, passphrase="another", allow_weak=True) as vault:
        assert_readable(vault, token)


def test_the_old_master_key_opens_nothing(rotated: Vault) -> None:
    """Not a record, the keyring, a slot's attributes, nor what is written later, with every key derived from it."""
    old = MasterKey(Locked.of(rotated._parts.master.key.view()))
    rotated.rotate_master_key()
    rotated.secrets.set("later", "x")
    for generation in (0, 1):
        scopes = Scopes(old, rotated._parts.vault_id, generation=generation)
        sealers = [scopes.sealer(scope) for scope in ("/", "/secrets", "/keys", "/journal")]
        with rotated._parts.store.read() as txn:
            for table in Table:
                for key, record in txn.scan(table):
                    for sealer in sealers if key != HEADER_KEY else ():
                        with pytest.raises(Tampered):
                            sealer.open(table, key, record)
    with pytest.raises(Tampered):
        header_of(rotated).describe(old)


def test_a_record_sealed_below_the_old_master_key_is_refused(rotated: Vault) -> None:
    """Put back from an older copy of the folder, or made by whoever kept the key: it is not believed."""
    with rotated._parts.store.read() as txn:
        before = dict(txn.scan(Table.VERSIONS))
    rotated.rotate_master_key()
    with rotated._parts.store.write() as txn:
        txn.put_many(Table.VERSIONS, before.items())
    with pytest.raises(Tampered):
        rotated.secrets.get("secret-1")
    assert len(rotated.check()) == len(before)


def test_a_snapshot_from_before_reads_on(rotated: Vault, token: bytes) -> None:
    """A listing that was begun before the rotation comes to its end after it."""
    with rotated._parts.store.read() as txn:
        in_threads(rotated.rotate_master_key)  # this one has a transaction open
        sealer = rotated._parts.masters.scopes.sealer("/secrets")
        for key, record in txn.scan(Table.OBJECTS, b"s"):
            assert sealer.open(Table.OBJECTS, key, record)
    with rotated._parts.store.read() as txn:
        key, _record = next(txn.scan(Table.OBJECTS, b"s"))
    with pytest.raises(Tampered):
        sealer.open(Table.OBJECTS, key, record)


def in_threads(*works: Callable[[], object]) -> None:
    """Do several things at once; none may fail."""
    failed: list[BaseException] = []

    def do(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=do, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_another_open_vault_follows(path: Path, token: bytes) -> None:
    """One that reads, one that writes first, and one that slept through three rotations; nothing is cached wrongly."""
    with opened(path) as first, opened(path) as reader, opened(path) as writer, opened(path) as sleeper:
        assert_readable(reader, token)
        break_off(first, 2)
        assert_readable(reader, token)
        writer.secrets.set("by-writer", "while unfinished")
        first.rotate_master_key()
        assert_readable(reader, token)
        writer.secrets.set("by-writer", "afterwards")
        assert epochs(first) == {1}
        for _ in range(2):
            first.rotate_master_key()
        sleeper.secrets.set("by-sleeper", "awake")
        assert sleeper.secrets.get("by-writer").value == "afterwards"
        assert sleeper.slots.list() == first.slots.list()
        assert epochs(first) == {3}
        assert_readable(sleeper, token)


def test_what_others_fold_late_is_not_left_behind(
    path: Path, token: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that meets no record before it seals is below the new master key too, behind where the walk has been."""
    few_at_once(monkeypatch, 1)
    with opened(path) as first, opened(path) as other:
        with pytest.raises(SecretNotFound):
            other.secrets.get("nothing")

        def past_the_journal(done: int, total: int) -> None:
            with first._parts.store.read() as txn:
                place = read_place(Records(txn, first._parts.rotation._sealers))
            if place is not None and place.table > Table.JOURNAL:
                raise Broken

        with pytest.raises(Broken):
            first.rotate_master_key(past_the_journal)
        other._parts.journal.fold()
        first.rotate_master_key()
        assert epochs(first) == {1}
        assert_readable(first, token)
        first.audit.verify()


def test_the_memory_of_keys_and_names_survives(rotated: Vault, token: bytes) -> None:
    """Blind names do not change, so every object is found where it was."""
    index = rotated._parts.masters.index
    before = index.blind(b"s", "secret-1")
    rotated.rotate_master_key()
    assert rotated._parts.masters.index is index
    with opened(rotated.path) as other:
        assert other._parts.masters.index.blind(b"s", "secret-1") == before


def test_broken_off_it_is_resumed(path: Path, token: bytes) -> None:
    """By another process, which reads and writes normally before that; status tells how far it came."""
    with opened(path) as vault:
        assert vault.status()["master_key"] == {"generation": 0, "unfinished_rotation": None}
        break_off(vault, 2)
    with opened(path) as vault:
        status = vault.status()["master_key"]
        assert status["generation"] == 1
        assert 0 < status["unfinished_rotation"] < 1
        assert_readable(vault, token)
        vault.secrets.set("meanwhile", "x")
        assert epochs(vault) == {0, 1}
        made = vault.rotate_master_key()
        assert (made.generation, made.resumed) == (1, True)
        assert epochs(vault) == {1}
        assert vault.status()["master_key"] == {"generation": 1, "unfinished_rotation": None}
        assert_readable(vault, token)


def test_two_that_rotate_at_once_finish_one_rotation_or_two(path: Path, token: bytes) -> None:
    """Whoever comes second helps the first, and neither does what the other has done."""
    with opened(path) as one, opened(path) as other:
        break_off(one, 1)
        in_threads(one.rotate_master_key, other.rotate_master_key, other.rotate_master_key)
        assert one.status()["master_key"]["unfinished_rotation"] is None
        assert len(epochs(one)) == 1
        assert_readable(other, token)


@pytest.mark.parametrize("way", ["backup", "compact"])
def test_a_copy_made_in_the_middle_is_resumed(rotated: Vault, token: bytes, tmp_path: Path, way: str) -> None:
    """It opens, has everything, and its rotation goes on by itself."""
    break_off(rotated, 2)
    getattr(rotated, way)(tmp_path / "copy")
    rotated.rotate_master_key()
    with opened(tmp_path / "copy") as copy:
        assert_readable(copy, token)
        assert copy.rotate_master_key().resumed
        assert epochs(copy) == {1}
        assert_readable(copy, token)


def test_a_read_only_vault_in_the_middle_reads(path: Path, token: bytes) -> None:
    """It needs the old master key for some and the new one for others."""
    with opened(path) as vault:
        break_off(vault, 2)
    with opened(path, read_only=True) as vault:
        assert {name: vault.secrets.get(name).value for name in SECRETS} == SECRETS
        assert vault.crypto("orders").open(token) == b"4711"


def test_backups_of_objects_made_before_restore_after(rotated: Vault) -> None:
    """Here by the vault itself, and in another vault by the recovery key, whichever side of a rotation they are of."""
    blobs = [rotated.secrets.backup("secret-1")]
    for _ in range(2):
        rotated.rotate_master_key()
        blobs.append(rotated.secrets.backup("secret-1"))
    for blob in blobs:
        rotated.secrets.delete("secret-1")
        rotated.secrets.purge("secret-1")
        rotated.secrets.restore(blob)
        assert rotated.secrets.get("secret-1").value == SECRETS["secret-1"]


def test_it_waits_for_a_batch_of_another_thread(rotated: Vault, token: bytes) -> None:
    """What the batch writes is sealed below one master key or the other, and all of it is there."""
    begun, going_on = threading.Event(), threading.Event()

    def write() -> None:
        with rotated.batch():
            rotated.secrets.set("in-batch", "one")
            begun.set()
            going_on.wait(10)
            rotated.secrets.set("in-batch", "two")

    thread = threading.Thread(target=write)
    thread.start()
    begun.wait(10)
    rotation = threading.Thread(target=rotated.rotate_master_key)
    rotation.start()
    going_on.set()
    for each in (thread, rotation):
        each.join()
    assert rotated.secrets.get("in-batch").value == "two"
    assert epochs(rotated) == {1}
    assert_readable(rotated, token)


@pytest.mark.parametrize(("limit", "value"), [("AT_ONCE", 1), ("BYTES_AT_ONCE", 1)])
def test_one_record_may_be_all_that_a_transaction_takes(
    rotated: Vault, token: bytes, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    """However long it is, and wherever in its table it stands, the walk goes on behind it."""
    monkeypatch.setattr(master_rotation, limit, value)
    monkeypatch.setattr(master_rotation, "_LOOKED_AT", 1)
    steps: list[int] = []
    made = rotated.rotate_master_key(lambda done, total: steps.append(done))
    assert made.records <= len(steps) <= made.records + 10
    assert epochs(rotated) == {1}
    assert_readable(rotated, token)


def test_inside_a_batch_it_is_refused(rotated: Vault) -> None:
    """It takes many transactions, and there is one."""
    with rotated.batch(), pytest.raises(BadParameter):
        rotated.rotate_master_key()
    assert rotated._parts.masters.generation == 0


def test_a_process_whose_slot_is_gone_is_told(path: Path, token: bytes) -> None:
    """With what to do; nothing is written below the old master key."""
    with opened(path) as owner, opened(path) as guest:
        owner.slots.change_passphrase("rotate", "another")
        guest.secrets.set("still", "works")
        owner.rotate_master_key()
        with pytest.raises(UnlockFailed, match="new master key") as failed:
            guest.secrets.set("too", "late")
        assert "open it again" in str(failed.value.hint)
        with pytest.raises(UnlockFailed, match="new master key"):
            guest.secrets.get("secret-3")
        with pytest.raises(SecretNotFound):
            owner.secrets.get("too")
        assert epochs(owner) == {1}


def push_master_key(vault: Vault, leaked: MasterKey, old: Header) -> None:
    """Put a master key of their own in, as somebody could who has a former one, a header of then, and the folder."""
    stranger = MasterKey.generate()
    with vault._parts.store.write() as txn:
        now = read_header(txn)
        generation, made = now.generation + 1, []
        for slot in old.slots:
            kept = slots.attributes_of(slot, old.vault_id, leaked)
            assert kept.public is not None
            binding = slots._exchange_binding(now.vault_id, slot, generation)
            body = slot.kdf_part + slots.wrap_for(kept.public, binding, stranger.key)
            sealed = slots._seal_attributes(now.vault_id, stranger, slot, kept)
            made.append(slot._replace(body=body, attributes=sealed))
        # Of the transfer keys they have that of the leaked master key, and may put it in any place.
        proofs = proofs_of(stranger, now.vault_id, generation, [leaked.derive(TRANSFER)] * generation)
        pushed = now._replace(generation=generation, oldest=now.generation, proofs=proofs)
        txn.put(VAULT, HEADER_KEY, pushed.signed(stranger, tuple(made)).encode())
        keyring = Keyring(leaked.derive(INDEX), (), Locked.random(32)).encode()
        scopes = Scopes(stranger, now.vault_id, generation=generation)
        txn.put(VAULT, KEYRING_KEY, scopes.sealer("/").seal(VAULT, KEYRING_KEY, keyring.view()))


def test_a_master_key_pushed_by_who_has_a_former_one_is_not_followed(path: Path, token: bytes) -> None:
    """Its slots open by the public keys they know; no open vault seals below it, nor lets it into a rotation."""
    with opened(path) as vault:
        leaked = MasterKey(Locked.of(bytes(vault._parts.masters.master.key.view())))
        old = header_of(vault)
        vault.rotate_master_key()
        good = header_of(vault)
        with vault._parts.store.read() as txn:
            keyring = txn.get(VAULT, KEYRING_KEY)
        assert keyring is not None
        push_master_key(vault, leaked, old)
        for act in (lambda: vault.secrets.set("new", "value"), vault.rotate_master_key):
            with pytest.raises(Tampered, match="nobody made"):
                act()
        assert vault._parts.masters.generation == 1
        with vault._parts.store.write() as txn:
            txn.put(VAULT, HEADER_KEY, good.encode())
            txn.put(VAULT, KEYRING_KEY, keyring)
        assert vault.rotate_master_key().generation == 2
        assert_readable(vault, token)


def test_who_comes_second_goes_on_with_the_rotation_of_the_first(
    path: Path, token: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it had looked just before the other began."""
    begin = MasterRotation._begin
    with opened(path) as first, opened(path) as second:
        quicker = [first]

        def begin_late(self: MasterRotation, total: int) -> bool:
            while quicker:
                break_off(quicker.pop())
            return begin(self, total)

        monkeypatch.setattr(MasterRotation, "_begin", begin_late)
        told = second.rotate_master_key()
        assert (told.generation, told.resumed) == (1, True)
        assert_readable(second, token)


def test_an_altered_record_leaves_it_unfinished(rotated: Vault, token: bytes) -> None:
    """Nothing is lost: put right, the record is sealed again and the rotation ends."""
    with rotated._parts.store.read() as txn:
        key, record = next(txn.scan(Table.VERSIONS))
    with rotated._parts.store.write() as txn:
        txn.put(Table.VERSIONS, key, record[:-1] + bytes([record[-1] ^ 1]))
    with pytest.raises(Tampered):
        rotated.rotate_master_key()
    with rotated._parts.store.write() as txn:
        txn.put(Table.VERSIONS, key, record)
    assert rotated.rotate_master_key().resumed
    assert_readable(rotated, token)


def test_a_full_disk_leaves_it_unfinished(
    rotated: Vault, token: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever of its transactions; with room it goes on."""
    commit, left = LmdbWriteTxn._commit, 0

    def full(txn: LmdbWriteTxn) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise StoreFull("no space left")
        commit(txn)

    monkeypatch.setattr(LmdbWriteTxn, "_commit", full)
    failed = 0
    while failed < 60:
        left = 2  # one transaction succeeds, and the next does not
        try:
            rotated.rotate_master_key()
        except StoreFull:
            failed += 1
            left = 0
            assert {name: rotated.secrets.get(name).value for name in SECRETS} == SECRETS
        else:
            break
    assert failed > 3
    assert epochs(rotated) == {1}
    left = 0
    assert_readable(rotated, token)


def test_a_lost_place_begins_the_walk_anew(rotated: Vault, token: bytes) -> None:
    """Whoever removes the place from the folder ends nothing early."""
    break_off(rotated, 3)
    with rotated._parts.store.write() as txn:
        txn.delete(VAULT, b"rotation")
    rotated.rotate_master_key()
    assert epochs(rotated) == {1}
    assert {name: rotated.secrets.get(name).value for name in SECRETS} == SECRETS


def test_without_its_keyring_a_vault_does_not_open(path: Path, token: bytes) -> None:
    """Nor with another's: what outlives a master key is not guessed."""
    with opened(path) as vault:
        vault.rotate_master_key()
        with vault._parts.store.write() as txn:
            record = txn.get(VAULT, KEYRING_KEY)
            txn.delete(VAULT, KEYRING_KEY)
    assert record is not None
    with pytest.raises(localvault.Damaged):
        opened(path)


def test_a_data_file_from_before_is_refused(path: Path, token: bytes, tmp_path: Path) -> None:
    """Although its header is authentic: the note beside it is of a later master key."""
    shutil.copy(path / "data.mdb", tmp_path / "older")
    with opened(path) as vault:
        vault.rotate_master_key()
    shutil.copy(tmp_path / "older", path / "data.mdb")
    with pytest.raises(Tampered, match="older than its last use"):
        opened(path)
    (path / "head").unlink()
    with opened(path) as vault:
        assert {name: vault.secrets.get(name).value for name in SECRETS} == SECRETS


def test_a_damaged_epoch_of_the_note_accuses_nobody(path: Path, token: bytes) -> None:
    """One flipped bit makes no later master key."""
    note = bytearray((path / "head").read_bytes())
    note[2 + 7] ^= 4
    (path / "head").write_bytes(note)
    with opened(path) as vault:
        assert vault.secrets.get("secret-1").value == SECRETS["secret-1"]


def test_a_spool_begun_before_is_folded_after(path: Path, token: bytes) -> None:
    """Its process never noticed; of the old keys only that file's stays, and only while there is the file."""
    with opened(path) as vault, opened(path) as other:
        with pytest.raises(SecretNotFound):
            other.secrets.get("nothing")
        vault.rotate_master_key()
        with pytest.raises(SecretNotFound):
            other.secrets.get("nothing-again")
        kept = vault._parts.masters.spool_keys.kept
        assert {file.spool_id for file, _end in other._parts.journal._spool.files()} <= kept
        told = [event.target for event in vault.audit.events(operation="SecretGet", result="Failure")]
        assert told == ["/secrets/nothing", "/secrets/nothing-again"]
    opened(path).close()
    with opened(path) as vault:
        assert vault._parts.masters.spool_keys.kept == set()
        assert vault.check() == []


def vault_of_format_1(folder: Path) -> Path:
    """A vault as an earlier localvault left it."""
    folder.mkdir(mode=0o700)
    for name, content in (
        ("data.mdb", gzip.decompress(base64.b64decode(VECTOR["data_gzip_base64"]))),
        ("head", bytes.fromhex(VECTOR["head"])),
    ):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    return folder


def test_a_vault_of_format_1_opens_and_is_rotated(path: Path) -> None:
    """By the slot whose secret is at hand; reading alone changes nothing of its format."""
    vault_of_format_1(path)
    with localvault.open(path, passphrase=VECTOR["passphrase"], allow_weak=True) as vault:
        assert header_of(vault).written_as == 1
        assert vault.rotate_master_key().generation == 1
        assert header_of(vault).written_as == 2
    with localvault.open(path, passphrase=VECTOR["passphrase"], allow_weak=True) as vault:
        assert [vault.secrets.get("db", v.version).value for v in vault.secrets.versions("db")] == [
            "one",
            "two",
        ]
        assert vault.crypto("orders").open(bytes.fromhex(VECTOR["token"])) == b"4711"
        vault.secrets.delete("db")
        vault.secrets.purge("db")
        vault.secrets.restore(bytes.fromhex(VECTOR["backup"]))
        assert vault.secrets.get("db").value == "two"
        assert vault.check() == []


def test_a_slot_of_format_1_that_nobody_is_at_hand_for_is_named(path: Path, tmp_path: Path) -> None:
    """The rotation is refused before anything is changed; with its passphrase changed it takes part."""
    vault_of_format_1(path)
    with localvault.open(path, passphrase=VECTOR["passphrase"], allow_weak=True) as vault:
        old = vault.slots.list()[0].id
        vault.slots.add_keyfile(tmp_path / "key")
        assert header_of(vault).written_as == 2
    with localvault.open(path, keyfile=tmp_path / "key") as vault:
        with pytest.raises(Conflict, match=old):
            vault.rotate_master_key()
        assert vault._parts.masters.generation == 0
    with localvault.open(path, passphrase=VECTOR["passphrase"], allow_weak=True) as vault:
        vault.slots.change_passphrase(VECTOR["passphrase"], "new")
    with localvault.open(path, keyfile=tmp_path / "key") as vault:
        assert vault.rotate_master_key().generation == 1
    with localvault.open(path, passphrase="new", allow_weak=True) as vault:
        assert vault.secrets.get("db").value == "two"


def test_after_close_nothing_of_it_is_left(path: Path, token: bytes) -> None:
    """Master key, private key, keyring and scope keys are wiped."""
    vault = opened(path)
    vault.rotate_master_key()
    masters = vault._parts.masters
    vault.close()
    for key in (masters.master.key, masters.way.exchange, masters._keyring.index):
        with pytest.raises(VaultClosed):
            key.view()
    with pytest.raises(VaultClosed):
        vault.rotate_master_key()


def test_the_header_never_holds_a_key_in_the_clear(rotated: Vault) -> None:
    """Neither master key stands in the store as it is, in the middle or at the end."""
    keys = [bytes(rotated._parts.master.key.view())]
    break_off(rotated, 2)
    keys.append(bytes(rotated._parts.master.key.view()))
    content = (rotated.path / "data.mdb").read_bytes()
    rotated.rotate_master_key()
    content += (rotated.path / "data.mdb").read_bytes()
    assert HEADER_KEY in content
    assert not any(key in content for key in keys)
