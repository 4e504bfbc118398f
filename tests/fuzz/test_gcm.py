"""Chance against the native core's sealing: against a slow reference under sanitizers, and against `cryptography`.

In C, an input is a sequence of calls (tests/fuzz/gcm/fuzz_gcm.c). `make fuzz` gives it to libFuzzer where clang has
that, and to a loop of our own where not; the short form runs the corpus and a few changes of it. In Python,
hypothesis draws the calls.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault.native.core import ffi, lib
from tests.support.native import CSRC, NATIVE, SUPPORT, build
from tests.vectors.test_native_gcm import LEVELS, gcm_key, open_sealed, seal, xaes_key

HERE = Path(__file__).parent
CORPUS = sorted((HERE / "corpus" / "gcm").iterdir())
FILES = [HERE / "gcm" / "fuzz_gcm.c", *(NATIVE / name for name in SUPPORT)]
SECONDS = 300
LIBFUZZER = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]


def _drive(folder: Path, count: int) -> None:
    program = build([*FILES, HERE / "gcm" / "driver.c"], "address", folder / "driver")
    command = [program, "1", str(count), *map(str, CORPUS)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=7200)
    assert done.returncode == 0, f"{done.stderr}\nthe input is {folder / 'last-input'}"


def test_the_corpus_and_changes_of_it_hold(tmp_path: Path) -> None:
    """Sequences of calls that reached something new once, and some that are like them."""
    assert len(CORPUS) >= 10
    _drive(tmp_path, 100)


def _with_libfuzzer(folder: Path) -> Path | None:
    """The target under libFuzzer; None if there is no clang that has it."""
    clang, program, slow = shutil.which("clang"), folder / "fuzz", folder / "reference.o"
    if clang is None:
        return None
    base = [clang, "-std=c11", "-g", f"-I{CSRC / 'include'}", f"-I{CSRC}"]
    own = [str(file) for file in FILES if file.name != "reference.c"]
    core = [str(file) for file in sorted(CSRC.rglob("*.c"))]
    commands = [
        [*base, "-O2", "-c", str(NATIVE / "reference.c"), "-o", str(slow)],
        [*base, "-O1", *LIBFUZZER, *own, *core, str(slow), "-o", str(program), "-lpthread"],
    ]
    done = [subprocess.run(command, capture_output=True, check=False) for command in commands]
    return None if any(each.returncode for each in done) else program


@pytest.mark.fuzz
def test_many_sequences_of_calls_hold(tmp_path: Path) -> None:
    """Minutes of libFuzzer, which looks for new paths by itself; or of our own loop."""
    program = _with_libfuzzer(tmp_path)
    if program is None:
        _drive(tmp_path, 20_000)
        return
    found = tmp_path / "found"
    found.mkdir()
    options = [f"-max_total_time={SECONDS}", "-max_len=600", "-timeout=60", str(found)]
    command = [program, *options, str(HERE / "corpus" / "gcm")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-8000:]


# ---- against cryptography --------------------------------------------------------------------------------------------

SIZES = st.one_of(
    st.integers(0, 130), st.sampled_from([255, 256, 496, 511, 512, 560, 1535]), st.integers(0, 5000)
)


@st.composite
def inputs(draw: st.DrawFn, key_sizes: tuple[int, ...], nonce_size: int) -> tuple[bytes, bytes, bytes, bytes]:
    """Return a key, a nonce, associated data and a plaintext; long ones from a short seed."""
    key = draw(st.binary(min_size=max(key_sizes), max_size=max(key_sizes)))[
        : draw(st.sampled_from(key_sizes))
    ]
    nonce = draw(st.binary(min_size=nonce_size, max_size=nonce_size))
    seed = draw(st.binary(min_size=1, max_size=8)) * 700
    return key, nonce, seed[: draw(SIZES) % 700], seed[: draw(SIZES)]


def oracle(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """XAES-256-GCM by NIST SP 800-108 in counter mode over CMAC, and AES-GCM."""
    derived = b""
    for counter in (1, 2):
        mac = CMAC(AES(key))
        mac.update(counter.to_bytes(2) + b"X\0" + nonce[:12])
        derived += mac.finalize()
    return AESGCM(derived).encrypt(nonce[12:], plaintext, aad)


def _gcm_agrees(drawn: tuple[bytes, bytes, bytes, bytes], bit: int) -> None:
    key, nonce, aad, plaintext = drawn
    expected = AESGCM(key).encrypt(nonce, plaintext, aad)
    damaged = bytearray(expected)
    damaged[bit // 8 % len(damaged)] ^= 1 << bit % 8
    for level in LEVELS.values():
        with gcm_key(level, key) as gcm:
            assert seal(lib.lv_gcm_seal, gcm, nonce, aad, plaintext) == expected
            assert open_sealed(lib.lv_gcm_open, gcm, nonce, aad, expected) == plaintext
            assert open_sealed(lib.lv_gcm_open, gcm, nonce, aad, bytes(damaged)) is None


def _xaes_agrees(drawn: tuple[bytes, bytes, bytes, bytes], bit: int) -> None:
    key, nonce, aad, plaintext = drawn
    expected = oracle(key, nonce, plaintext, aad)
    damaged = bytearray(expected)
    damaged[bit // 8 % len(damaged)] ^= 1 << bit % 8
    for level in LEVELS.values():
        with xaes_key(level, key) as xaes:
            assert seal(lib.lv_xaes_seal, xaes, nonce, aad, plaintext) == expected
            assert open_sealed(lib.lv_xaes_open, xaes, nonce, aad, expected) == plaintext
            assert open_sealed(lib.lv_xaes_open, xaes, nonce, aad, bytes(damaged)) is None


def _offsets(items: list[bytes]) -> Any:
    made = ffi.new("int64_t[]", len(items) + 1)
    for index, item in enumerate(items):
        made[index + 1] = made[index] + len(item)
    return made


def _open_many(xaes: Any, prefix: bytes, context: bytes, records: list[bytes]) -> list[bytes | None]:
    """Each record's plaintext, or None; a record that failed has nothing but zeros in its room."""
    ring, aad = ffi.new("lv_ring **"), prefix + context
    assert lib.lv_ring_new(len(prefix), ring) == lib.LV_OK
    held = ffi.from_buffer(aad)
    assert lib.lv_ring_add(ring[0], prefix, xaes, held, len(aad)) == lib.LV_OK
    out, outcomes = bytearray(sum(map(len, records)) + 1), bytearray(b"\2" * (len(records) + 1))
    ends, counts = ffi.new("int64_t[]", len(records) + 1), ffi.new("size_t[2]")
    status = lib.lv_xaes_open_many(
        ring[0],
        b"".join(records),
        _offsets(records),
        len(records),
        ffi.from_buffer(out),
        ends,
        ffi.from_buffer(outcomes),
        counts,
        counts + 1,
    )
    lib.lv_ring_free(ring[0])
    assert status == lib.LV_OK
    opened = [bytes(out[ends[i] : ends[i + 1]]) for i in range(len(records))]
    assert [outcomes.count(1), 0] == list(counts)
    assert not any(any(item) for item, what in zip(opened, outcomes, strict=False) if what == lib.LV_FAILED)
    return [item if what == lib.LV_OPENED else None for item, what in zip(opened, outcomes, strict=False)]


def _many_agree(
    key: bytes, nonce: bytes, prefix: bytes, context: bytes, plaintexts: list[bytes], bit: int
) -> None:
    counter = int.from_bytes(nonce[20:]) % (1 << 31)
    nonces = [nonce[:20] + (counter + i).to_bytes(4) for i in range(len(plaintexts))]
    aad = prefix + context
    expected = [prefix + n + oracle(key, n, p, aad) for n, p in zip(nonces, plaintexts, strict=True)]
    damaged = [bytearray(record) for record in expected]
    for record in damaged[:: 1 + bit % 3]:
        room = len(record) - len(prefix)
        record[len(prefix) + bit // 8 % room] ^= 1 << bit % 8
    intact = [p if bytes(d) == e else None for p, d, e in zip(plaintexts, damaged, expected, strict=True)]
    for level in LEVELS.values():
        with xaes_key(level, key) as xaes:
            assert _seal_each(xaes, nonces, prefix, aad, plaintexts) == expected
            assert _open_many(xaes, prefix, context, expected) == plaintexts
            assert _open_many(xaes, prefix, context, [bytes(record) for record in damaged]) == intact


def _seal_each(
    xaes: Any, nonces: list[bytes], prefix: bytes, aad: bytes, plaintexts: list[bytes]
) -> list[bytes]:
    out = bytearray(sum(map(len, plaintexts)) + len(plaintexts) * (len(prefix) + 40) + 1)
    ends = ffi.new("int64_t[]", len(plaintexts) + 1)
    status = lib.lv_xaes_seal_each(
        xaes,
        b"".join(nonces),
        prefix,
        len(prefix),
        aad,
        len(aad),
        b"".join(plaintexts),
        _offsets(plaintexts),
        len(plaintexts),
        ffi.from_buffer(out),
        ends,
    )
    assert status == lib.LV_OK
    return [bytes(out[ends[i] : ends[i + 1]]) for i in range(len(plaintexts))]


BITS = st.integers(0, 1 << 16)
NONCES = st.binary(min_size=24, max_size=24)


def _campaign(examples: int) -> None:
    loosely = settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    loosely(given(inputs((16, 24, 32), 12), BITS)(_gcm_agrees))()
    loosely(given(inputs((32,), 24), BITS)(_xaes_agrees))()
    loosely(
        given(
            st.binary(min_size=32, max_size=32),
            NONCES,
            st.binary(min_size=8, max_size=64),
            st.binary(max_size=20),
            st.lists(st.binary(max_size=60), max_size=70),
            BITS,
        )(_many_agree)
    )()


def test_the_core_agrees_with_cryptography() -> None:
    """A hundred of each, at every level this machine can use."""
    _campaign(100)


@pytest.mark.fuzz
def test_the_core_agrees_with_cryptography_at_length() -> None:
    """Twenty thousand of each."""
    _campaign(20_000)
