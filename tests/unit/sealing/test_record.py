"""Records: what was sealed for a place opens there, and nothing else ever does."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter, NewerFormat, Tampered, VaultClosed
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing.record import OVERHEAD, RecordSealer, digest

VAULT_ID = b"v" * 16
SCOPE = XaesKey(Locked.of(b"k" * 32))
TABLES = st.integers(0, 255)
KEYS = st.binary(max_size=60)
SCHEMAS = st.integers(0, 0xFFFF)
PLAIN = st.binary(max_size=200)
DEPTHS, EPOCHS = st.integers(0, 255), st.integers(0, 2**32 - 1)


def sealer(vault_id: bytes = VAULT_ID, key: XaesKey = SCOPE, depth: int = 1, epoch: int = 0) -> RecordSealer:
    """The sealer of the tests' scope, or of another."""
    return RecordSealer(vault_id, key, depth, epoch)


@given(TABLES, KEYS, PLAIN, SCHEMAS, DEPTHS, EPOCHS)
def test_what_is_sealed_opens(
    table: int, key: bytes, plaintext: bytes, schema: int, depth: int, epoch: int
) -> None:
    """Singly and in a batch, at any place, depth, epoch and schema."""
    at = sealer(depth=depth, epoch=epoch)
    for record in (at.seal(table, key, plaintext, schema), at.batch().seal(table, key, plaintext, schema)):
        assert at.open(table, key, record) == plaintext
        assert at.schema(record) == schema
        assert len(record) == len(plaintext) + OVERHEAD


@given(TABLES, KEYS, PLAIN, SCHEMAS, EPOCHS)
def test_a_record_is_what_the_format_says(
    table: int, key: bytes, plaintext: bytes, schema: int, epoch: int
) -> None:
    """Header, nonce, ciphertext, tag and associated data as in format.md section 4, put together by hand."""
    record = sealer(epoch=epoch).seal(table, key, plaintext, schema)
    head = b"\x01\x01" + schema.to_bytes(2) + epoch.to_bytes(4)
    assert record[:8] == head
    aad = b"lvrec1" + VAULT_ID + head + bytes([table]) + key
    assert SCOPE.open(record[8:32], record[32:], aad) == plaintext


@given(TABLES, KEYS, TABLES, KEYS)
def test_a_moved_record_does_not_open(table: int, key: bytes, to_table: int, to_key: bytes) -> None:
    """In another table, or at another key of the same one."""
    record = sealer().seal(table, key, b"value")
    if (table, key) != (to_table, to_key):
        with pytest.raises(Tampered):
            sealer().open(to_table, to_key, record)


@pytest.mark.parametrize(
    "other",
    [
        sealer(vault_id=b"w" * 16),
        sealer(key=XaesKey(Locked.of(b"l" * 32))),
        sealer(depth=2),
        sealer(epoch=1),
    ],
)
def test_a_record_of_another_scope_does_not_open(other: RecordSealer) -> None:
    """Another vault, key, depth or epoch, and not with the header made to fit either."""
    record = sealer().seal(3, b"key", b"value")
    with pytest.raises(Tampered):
        other.open(3, b"key", record)
    with pytest.raises(Tampered):
        other.open(3, b"key", other.seal(3, b"key", b"")[:8] + record[8:])


@pytest.mark.parametrize("schema", [1, 7])
def test_no_bit_can_be_changed(schema: int) -> None:
    """Every one, the header's included: `Tampered`, above all not `NewerFormat` for the version's."""
    record = sealer().seal(3, b"key", b"value", schema)
    for bit in range(len(record) * 8):
        changed = bytearray(record)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            sealer().open(3, b"key", bytes(changed))


def test_no_byte_can_be_cut_or_added() -> None:
    """Down to the empty record."""
    record = sealer().seal(3, b"key", b"value")
    for cut in [*(record[:size] for size in range(len(record))), record + b"\0", b"\0" + record]:
        with pytest.raises(Tampered):
            sealer().open(3, b"key", cut)


@given(st.binary(max_size=120))
def test_junk_does_not_open(junk: bytes) -> None:
    """`Tampered`, or `NewerFormat` where it claims one."""
    for record in (junk, bytes([1, 1, 0, 1, 0, 0, 0, 0]) + junk):
        with pytest.raises((Tampered, NewerFormat)):
            sealer().open(3, b"key", record)


def test_a_newer_version_is_said() -> None:
    """If nothing speaks against it."""
    with pytest.raises(NewerFormat):
        sealer().open(3, b"key", b"\x02" + bytes(100))


def test_a_batch_derives_one_key_and_repeats_no_nonce() -> None:
    """Its records share the first 160 bits of the nonce; all nonces differ, also from another batch's."""
    first, second = sealer().batch(), sealer().batch()
    records = [batch.seal(3, b"key", b"value") for _ in range(100) for batch in (first, second)]
    assert len({record[8:28] for record in records}) == 2
    assert len({record[8:32] for record in records}) == 200


def test_single_records_draw_new_nonces() -> None:
    """192 random bits each."""
    assert len({sealer().seal(3, b"key", b"value")[8:32] for _ in range(200)}) == 200


@given(PLAIN)
def test_a_digest_is_the_beginning_of_sha_256(record: bytes) -> None:
    """16 bytes."""
    assert digest(record) == hashlib.sha256(record).digest()[:16]


@pytest.mark.parametrize(("count", "size"), [(1000, 150), (600, 400), (4000, 200)])
def test_every_digest_of_a_batch_is_that_of_its_record(count: int, size: int) -> None:
    """However many threads seal it, and whichever of them is ahead: one at the border of two threads' work as well."""
    batch, keys = sealer().batch(), [number.to_bytes(17) for number in range(count)]
    for _ in range(20):
        records, digests = batch.seal_many(2, keys, [bytes(size)] * count)
        assert list(map(digest, records)) == digests


def test_sealers_can_be_told_apart() -> None:
    """Callers keep batches by sealer; the hash says nothing about the key."""
    assert len({sealer(), sealer()}) == 2


def test_a_wiped_batch_seals_no_more() -> None:
    """`VaultClosed`; the scope's sealer goes on."""
    scope = sealer()
    batch = scope.batch()
    batch.wipe()
    with pytest.raises(VaultClosed):
        batch.seal(3, b"key", b"value")
    assert scope.open(3, b"key", scope.seal(3, b"key", b"value")) == b"value"


@pytest.mark.parametrize("size", [0, 15, 17])
def test_a_vault_id_has_16_bytes(size: int) -> None:
    """Or two places could share their associated data."""
    with pytest.raises(BadParameter):
        sealer(vault_id=bytes(size))


def test_an_opener_opens_what_open_opens() -> None:
    """Records of any schema, singly sealed or in a batch; and refuses what `open` refuses."""
    at = sealer()
    opened = at.opener(3)
    for record in (
        at.seal(3, b"key", b"value"),
        at.batch().seal(3, b"key", b"value"),
        at.seal(3, b"key", b"value", 7),
    ):
        assert opened(b"key", record) == b"value"
        for place in range(len(record)):
            altered = record[:place] + bytes([record[place] ^ 1]) + record[place + 1 :]
            with pytest.raises(Tampered):
                opened(b"key", altered)
        with pytest.raises(Tampered):
            opened(b"yek", record)
        with pytest.raises(Tampered):
            at.opener(4)(b"key", record)
    for cut in (0, 8, 31, 47):
        with pytest.raises(Tampered):
            opened(b"key", at.seal(3, b"key", b"value")[:cut])


NEW_SCOPE = XaesKey(Locked.of(b"n" * 32))


@given(TABLES, st.lists(st.tuples(KEYS, PLAIN, SCHEMAS), max_size=8), DEPTHS, EPOCHS, EPOCHS)
def test_what_is_resealed_opens_at_its_place_under_the_new_key_alone(
    table: int, places: list[tuple[bytes, bytes, int]], depth: int, epoch: int, new_epoch: int
) -> None:
    """Whatever place, schema and epochs; with its digest, and of the same length."""
    old, new = sealer(depth=depth, epoch=epoch), sealer(key=NEW_SCOPE, depth=depth, epoch=new_epoch)
    keys = [key for key, *_ in places]
    records = [old.seal(table, *place) for place in places]
    made, digests = old.reseal_many(new.batch(), table, keys, records)
    assert digests == [digest(record) for record in made]
    assert [len(record) for record in made] == [len(record) for record in records]
    for (key, plaintext, schema), record in zip(places, made, strict=True):
        assert new.open(table, key, record) == plaintext
        assert (new.schema(record), record[:2]) == (schema, bytes((1, depth)))
        with pytest.raises(Tampered):
            old.open(table, key, record)


@pytest.mark.parametrize("schema", [1, 7])
def test_no_changed_bit_is_resealed(schema: int) -> None:
    """Nor is anything else of that call: `Tampered`, above all not `NewerFormat` for the version's."""
    old, new = sealer(), sealer(key=NEW_SCOPE, epoch=1)
    good, record = old.seal(3, b"good", b"good"), old.seal(3, b"key", b"value", schema)
    for bit in range(len(record) * 8):
        changed = bytearray(record)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            old.reseal_many(new.batch(), 3, [b"good", b"key"], [good, bytes(changed)])
    for cut in [*(record[:size] for size in range(len(record))), record + b"\0"]:
        with pytest.raises(Tampered):
            old.reseal_many(new.batch(), 3, [b"good", b"key"], [good, cut])
    for table, key in ((4, b"key"), (3, b"yek")):
        with pytest.raises(Tampered):
            old.reseal_many(new.batch(), table, [key], [record])


def test_a_newer_version_is_said_when_resealing() -> None:
    """If nothing speaks against it."""
    with pytest.raises(NewerFormat):
        sealer().reseal_many(sealer(epoch=1).batch(), 3, [b"key"], [b"\x02" + bytes(100)])


def test_records_of_other_epochs_are_resealed_by_what_opens_them() -> None:
    """Where `open` would find a sealer for one, so does this; all end under the one new key, in their order."""
    before = sealer(key=XaesKey(Locked.of(b"b" * 32)), epoch=3)
    asked: list[tuple[int, int, bytes]] = []

    def resolve(depth: int, epoch: int, key: bytes) -> RecordSealer | None:
        asked.append((depth, epoch, key))
        return before if (depth, epoch) == (1, 3) else None

    old, new = RecordSealer(VAULT_ID, SCOPE, 1, 4, resolve), sealer(key=NEW_SCOPE, epoch=5)
    keys = [b"%d" % number for number in range(6)]
    records = [(before if number % 3 == 1 else old).seal(3, key, key) for number, key in enumerate(keys)]
    made, digests = old.reseal_many(new.batch(), 3, keys, records)
    assert asked == [(1, 3, b"1"), (1, 3, b"4")]
    assert [new.open(3, key, record) for key, record in zip(keys, made, strict=True)] == keys
    assert digests == [digest(record) for record in made]
    assert len({record[8:32] for record in made}) == 6
    for depth, epoch in ((1, 2), (2, 3)):
        with pytest.raises(Tampered):
            old.reseal_many(new.batch(), 3, [b"key"], [sealer(depth=depth, epoch=epoch).seal(3, b"key", b"")])


def test_a_wiped_key_reseals_no_more() -> None:
    """`VaultClosed` for the old one as for the new one's batch."""
    own = XaesKey(Locked.of(b"o" * 32))
    old, batch = sealer(key=own), sealer(key=NEW_SCOPE, epoch=1).batch()
    record = old.seal(3, b"key", b"value")
    batch.wipe()
    with pytest.raises(VaultClosed):
        old.reseal_many(batch, 3, [b"key"], [record])
    old.wipe()
    with pytest.raises(VaultClosed):
        old.reseal_many(sealer(key=NEW_SCOPE, epoch=1).batch(), 3, [b"key"], [record])
