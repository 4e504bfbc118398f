"""Scope keys down the tree, their epochs, and which records a scope's sealer opens."""

from __future__ import annotations

import threading

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, Tampered, VaultClosed, VaultForked
from localvault.native.memory import Locked
from localvault.sealing import scopes as module
from localvault.sealing.master import MasterKey
from localvault.sealing.record import RecordSealer
from localvault.sealing.scopes import Epochs, Scopes
from tests.support.forking import in_child

VAULT_ID = b"v" * 16
NAME_ID = bytes(range(16))
OBJECT = "/secrets/" + NAME_ID.hex()
KEY = b"s" + NAME_ID + b"version-id......"
TABLE = 3
PATHS = ["/", "/secrets", "/keys", "/journal", OBJECT, "/keys/" + NAME_ID.hex(), "/secrets/" + "0" * 32]


def scopes(epochs: dict[str, Epochs] | None = None) -> Scopes:
    """The scopes of one and the same vault, always."""
    return Scopes(MasterKey(Locked.of(b"m" * 32)), VAULT_ID, epochs)


def expand(key: bytes, info: bytes) -> bytes:
    """HKDF-Expand, for checking."""
    return HKDFExpand(SHA256(), 32, info).derive(key)


def test_keys_are_derived_down_the_tree() -> None:
    """As format.md section 3.3 has it, written once more."""
    epochs = {"/secrets": Epochs(7), OBJECT: Epochs(9, (7,))}
    root = expand(expand(b"m" * 32, b"localvault/master/v1 scope root"), b"localvault/scope/v1 \0\0\0\0/")
    collection = expand(root, b"localvault/scope/v1 \0\0\0\x07secrets")
    own = expand(collection, b"localvault/scope/v1 \0\0\0\x09" + NAME_ID.hex().encode())
    assert scopes().scope_key("/").equals(root)
    assert scopes(epochs).scope_key("/secrets").equals(collection)
    assert scopes(epochs).scope_key(OBJECT).equals(own)


def test_no_two_scopes_share_a_key() -> None:
    """Nor two epochs of one."""
    keys = [bytes(scopes().scope_key(path).view()) for path in PATHS]
    keys += [bytes(scopes({path: Epochs(1)}).scope_key(path).view()) for path in PATHS]
    assert len(set(keys)) == 2 * len(PATHS)


def test_raising_a_parents_epoch_changes_what_is_below() -> None:
    """Whoever was handed the object's key below the old parent cannot derive the new one."""
    raised = {"/secrets": Epochs(1), OBJECT: Epochs(1, (1,))}
    assert not scopes(raised).scope_key(OBJECT).equals(scopes({OBJECT: Epochs(1)}).scope_key(OBJECT))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "secrets",
        "/secrets/",
        "//",
        "/Secrets",
        "/secrets/x",
        OBJECT + "/a",
        "/a b",
        "/secrets/" + "F" * 32,
    ],
)
def test_other_paths_are_refused(path: str) -> None:
    """One spelling for each scope, or two keys would stand for one."""
    with pytest.raises(BadParameter):
        scopes().scope_key(path)


@pytest.mark.parametrize("epochs", [Epochs(-1), Epochs(2**32), Epochs(0, ()), Epochs(2**32 - 1, (0, 0))])
def test_epochs_out_of_range_are_refused(epochs: Epochs) -> None:
    """A record has 32 bits for them."""
    with pytest.raises(BadParameter):
        scopes({"/secrets": epochs})


def test_a_sealer_is_made_once() -> None:
    """Also when many threads ask for it at the same time."""
    shared = scopes()
    found: list[RecordSealer] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        found.append(shared.sealer("/secrets"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert shared.sealer("/secrets") is found[0]


@pytest.mark.parametrize(("path", "depth"), [("/", 0), ("/secrets", 1), (OBJECT, 2)])
def test_a_record_tells_its_depth_and_epoch(path: str, depth: int) -> None:
    """Bytes 1 and 4 to 7, so that later grants and revocations change no format."""
    record = scopes({path: Epochs(5)}).sealer(path).seal(TABLE, KEY, b"x")
    assert record[:8] == bytes([1, depth, 0, 1, 0, 0, 0, 5])


def test_a_collection_opens_its_objects_own_records() -> None:
    """One sealer reads all of a collection, whether or not an object has a key of its own; a batch's too."""
    own = scopes().object_sealer("/secrets", NAME_ID)
    for record in (own.seal(TABLE, KEY, b"x"), own.batch().seal(TABLE, KEY, b"x")):
        assert record[1] == 2
        assert scopes().sealer("/secrets").open(TABLE, KEY, record) == b"x"


def test_an_objects_key_opens_that_object_alone() -> None:
    """The name id in the store key picks the key, so a record cannot claim another object's."""
    own = scopes().object_sealer("/secrets", NAME_ID)
    elsewhere = b"s" + bytes(16) + KEY[17:]
    for key in (elsewhere, b"short"):
        with pytest.raises(Tampered):
            scopes().sealer("/secrets").open(TABLE, key, own.seal(TABLE, key, b"x"))


def test_an_objects_sealer_does_not_open_the_collections_records() -> None:
    """What was granted is one object."""
    record = scopes().sealer("/secrets").seal(TABLE, KEY, b"x")
    with pytest.raises(Tampered):
        scopes().object_sealer("/secrets", NAME_ID).open(TABLE, KEY, record)


def test_one_collection_does_not_open_anothers_records() -> None:
    """Nor the root's, whose depth is another."""
    for path in ("/keys", "/"):
        record = scopes().sealer(path).seal(TABLE, KEY, b"x")
        with pytest.raises(Tampered):
            scopes().sealer("/secrets").open(TABLE, KEY, record)


@given(st.integers(0, 5), st.integers(0, 5), st.integers(1, 3))
def test_only_readable_epochs_open(sealed_at: int, oldest: int, readable: int) -> None:
    """Old and new while records are being sealed again; afterwards the old key seals nothing that is believed."""
    record = scopes({"/secrets": Epochs(sealed_at)}).sealer("/secrets").seal(TABLE, KEY, b"x")
    now = scopes({"/secrets": Epochs(oldest, (0,) * readable)})
    if oldest <= sealed_at < oldest + readable:
        assert now.sealer("/secrets").open(TABLE, KEY, record) == b"x"
    else:
        with pytest.raises(Tampered):
            now.sealer("/secrets").open(TABLE, KEY, record)


def test_new_records_are_sealed_at_the_current_epoch() -> None:
    """The last of the readable ones."""
    now = scopes({"/secrets": Epochs(3, (0, 0, 0))})
    assert now.sealer("/secrets").epoch == 5


def test_an_object_stays_readable_while_its_parent_changes_keys() -> None:
    """Each epoch of the object remembers the parent's epoch it was derived from."""
    before = scopes({OBJECT: Epochs(0, (0,))})
    record = before.object_sealer("/secrets", NAME_ID).seal(TABLE, KEY, b"x")
    between = scopes({"/secrets": Epochs(0, (0, 0)), OBJECT: Epochs(0, (0, 1))})
    assert between.sealer("/secrets").open(TABLE, KEY, record) == b"x"
    resealed = between.object_sealer("/secrets", NAME_ID).seal(TABLE, KEY, b"x")
    after = scopes({"/secrets": Epochs(1), OBJECT: Epochs(1, (1,))})
    assert after.sealer("/secrets").open(TABLE, KEY, resealed) == b"x"
    with pytest.raises(Tampered):
        after.sealer("/secrets").open(TABLE, KEY, record)


def test_a_record_below_an_epoch_that_is_gone_is_tampered() -> None:
    """An object nobody re-keyed cannot be below the collection's first key once that is no longer readable."""
    record = scopes().object_sealer("/secrets", NAME_ID).seal(TABLE, KEY, b"x")
    now = scopes({"/secrets": Epochs(1)})
    with pytest.raises(Tampered):
        now.sealer("/secrets").open(TABLE, KEY, record)


def test_an_epoch_that_is_not_readable_has_no_key() -> None:
    """`BadParameter` for whoever asks for it."""
    with pytest.raises(BadParameter):
        scopes().scope_key("/secrets", 1)
    with pytest.raises(BadParameter):
        scopes().sealer("/secrets", 1)


def test_many_objects_of_their_own_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bounded number of keys is kept; sealers in use and those of collections stay usable."""
    monkeypatch.setattr(module, "_SEALERS_REMEMBERED", 4)
    shared = scopes()
    collection, first = shared.sealer("/secrets"), shared.object_sealer("/secrets", NAME_ID)
    for number in range(20):
        shared.object_sealer("/secrets", bytes([number]) * 16)
    assert len(shared._sealers) == 1 + 4
    assert shared.sealer("/secrets") is collection
    assert collection.open(TABLE, KEY, first.seal(TABLE, KEY, b"x")) == b"x"


def test_after_a_wipe_nothing_opens() -> None:
    """Neither sealers handed out before nor new ones."""
    shared = scopes()
    sealer = shared.sealer("/secrets")
    record = sealer.seal(TABLE, KEY, b"x")
    _sealer, key = shared._sealers["/secrets", 0]
    shared.wipe()
    for use in (
        key.view,
        lambda: sealer.open(TABLE, KEY, record),
        lambda: sealer.seal(TABLE, KEY, b"x"),
        lambda: sealer.batch(),
        lambda: shared.sealer("/keys"),
    ):
        with pytest.raises(VaultClosed):
            use()


def test_a_forked_child_opens_nothing() -> None:
    """`VaultForked`, with the parent none the worse."""
    shared = scopes()
    sealer = shared.sealer("/secrets")
    record = sealer.seal(TABLE, KEY, b"x")
    assert in_child(lambda: sealer.open(TABLE, KEY, record)) == VaultForked.__name__
    assert in_child(lambda: shared.sealer("/keys")) == VaultForked.__name__
    assert sealer.open(TABLE, KEY, record) == b"x"


NEW = MasterKey(Locked.of(b"n" * 32))


def test_sealers_in_use_go_on_to_a_new_master_key() -> None:
    """The very same objects seal below it and open both, old records until they are given up."""
    shared = scopes()
    sealers = {path: shared.sealer(path) for path in ("/", "/secrets", "/journal")}
    old = {path: sealer.seal(TABLE, KEY, b"old") for path, sealer in sealers.items()}
    opener = sealers["/secrets"].opener(TABLE)
    shared.adopt(1, NEW)
    fresh = Scopes(NEW, VAULT_ID, generation=1)
    for path, sealer in sealers.items():
        assert shared.sealer(path) is sealer
        assert sealer.epoch == 1
        assert sealer.open(TABLE, KEY, old[path]) == b"old"
        assert sealer.open_locked(TABLE, KEY, old[path]).equals(b"old")
        for record in (sealer.seal(TABLE, KEY, b"new"), sealer.batch().seal(TABLE, KEY, b"new")):
            assert fresh.sealer(path).open(TABLE, KEY, record) == b"new"
            assert sealer.open(TABLE, KEY, record) == b"new"
    assert opener(KEY, old["/secrets"]) == b"old"
    assert opener(KEY, sealers["/secrets"].seal(TABLE, KEY, b"new")) == b"new"
    shared.forget_before(1, lambda: False)
    for path, sealer in sealers.items():
        with pytest.raises(Tampered):
            sealer.open(TABLE, KEY, old[path])


def test_what_a_snapshot_still_sees_stays_readable() -> None:
    """Until the transactions from before have ended, and no longer."""
    shared, reading = scopes(), [True]
    sealer = shared.sealer("/secrets")
    record = sealer.seal(TABLE, KEY, b"old")
    shared.adopt(1, NEW)
    shared.forget_before(1, lambda: reading[0])
    assert sealer.open(TABLE, KEY, record) == b"old"
    reading[0] = False
    with pytest.raises(Tampered):
        sealer.open(TABLE, KEY, record)


def test_a_record_of_a_newer_master_key_makes_it_look_for_one() -> None:
    """And opens if there is one; else it is refused as any other."""
    shared = scopes()
    sealer = shared.sealer("/secrets")
    record = Scopes(NEW, VAULT_ID, generation=1).sealer("/secrets").seal(TABLE, KEY, b"new")
    looked: list[int] = []
    shared.watch = lambda: looked.append(1)
    with pytest.raises(Tampered):
        sealer.open(TABLE, KEY, record)
    shared.watch = lambda: shared.adopt(1, NEW)
    assert sealer.open(TABLE, KEY, record) == b"new"
    assert looked == [1]


def test_an_object_of_its_own_follows_too() -> None:
    """Its key is derived below the new master key; the old record is read with the old one."""
    shared = scopes()
    collection = shared.sealer("/secrets")
    old = shared.object_sealer("/secrets", NAME_ID).seal(TABLE, KEY, b"old")
    shared.adopt(1, NEW)
    new = shared.object_sealer("/secrets", NAME_ID).seal(TABLE, KEY, b"new")
    assert (collection.open(TABLE, KEY, old), collection.open(TABLE, KEY, new)) == (b"old", b"new")


def test_threads_that_read_and_write_notice_nothing_of_a_new_master_key() -> None:
    """Each record opens, whichever moment the keys change at."""
    shared = scopes()
    sealer, wrong = shared.sealer("/secrets"), []
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            record = sealer.seal(TABLE, KEY, b"x")
            other = sealer.batch().seal(TABLE, KEY, b"y")
            try:
                if (sealer.open(TABLE, KEY, record), sealer.open(TABLE, KEY, other)) != (b"x", b"y"):
                    wrong.append("another plaintext")
            except Exception as error:
                wrong.append(repr(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for generation in range(1, 60):
        shared.adopt(generation, MasterKey.generate())
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
