"""The native core's AES-GCM and XAES-256-GCM against NIST, Wycheproof and C2SP, at every level this machine can use.

tests/vectors/test_aes.py drives the same vectors through the package; here nothing stands between them and a level.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from localvault.native.core import ffi, lib
from tests.vectors.gcm_cases import SOURCES, Cases, Sealed, accumulated_hash, random_cases

NAMES = ("avx512", "avx2", "aesni", "arm64")
# How many cases are used, and how many are left out because their nonce or tag has another size.
EXPECTED = {"nist": (2250, 45000), "wycheproof": (197, 119), "c2sp": (4, 0)}
READ: dict[str, Cases] = {name: read() for name, read in SOURCES.items()}


def usable_levels() -> dict[str, int]:
    """The number of every level that this processor has and that passed its self-test, by name."""
    named = {}
    number = 0
    while (name := lib.lv_level_name(number)) != ffi.NULL:
        status = lib.lv_level_status(number)
        assert status in (lib.LV_OK, lib.LV_NO_LEVEL), f"{ffi.string(name)} fails its self-test"
        if status == lib.LV_OK:
            named[ffi.string(name).decode()] = number
        number += 1
    return named


LEVELS = usable_levels()


@pytest.fixture(params=NAMES)
def level(request: pytest.FixtureRequest) -> int:
    """One level; those that this processor has not are skipped, and said so."""
    if request.param not in LEVELS:
        pytest.skip(f"no level {request.param} on this processor")
    return LEVELS[request.param]


@contextmanager
def _made(make: Callable[..., int], free: Callable[[Any], None], kind: str, *args: object) -> Iterator[Any]:
    box = ffi.new(f"{kind} **")
    assert make(*args, box) == lib.LV_OK
    try:
        yield box[0]
    finally:
        free(box[0])


def gcm_key(level: int, key: bytes) -> Any:
    """An AES-GCM key at a level."""
    return _made(lib.lv_gcm_new, lib.lv_gcm_free, "lv_gcm", level, key, len(key))


def xaes_key(level: int, key: bytes) -> Any:
    """An XAES-256-GCM key at a level."""
    return _made(lib.lv_xaes_new, lib.lv_xaes_free, "lv_xaes", level, key)


def seal(call: Callable[..., int], key: Any, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    """Ciphertext and tag."""
    out = bytearray(len(plaintext) + 16)
    assert call(key, nonce, aad, len(aad), plaintext, len(plaintext), ffi.from_buffer(out)) == lib.LV_OK
    return bytes(out)


def open_sealed(call: Callable[..., int], key: Any, nonce: bytes, aad: bytes, sealed: bytes) -> bytes | None:
    """The plaintext; or None, with every byte of the room wiped."""
    size = len(sealed) - 16
    out = bytearray(b"\xa5" * (size + 16))
    status = call(key, nonce, aad, len(aad), sealed, size, ffi.from_buffer(out))
    assert out[size:] == b"\xa5" * 16
    if status == lib.LV_OK:
        return bytes(out[:size])
    assert status == lib.LV_WRONG
    assert out[:size] == bytes(size)
    return None


def check(level: int, case: Sealed) -> None:
    """A case opens to what was published or not at all, and what opens seals to the same bytes."""
    is_xaes = len(case.nonce) == 24
    make = xaes_key if is_xaes else gcm_key
    sealing, opening = (lib.lv_xaes_seal, lib.lv_xaes_open) if is_xaes else (lib.lv_gcm_seal, lib.lv_gcm_open)
    sealed = case.ciphertext + case.tag
    with make(level, case.key) as key:
        assert open_sealed(opening, key, case.nonce, case.aad, sealed) == case.plaintext, case.where
        if case.plaintext is not None:
            assert seal(sealing, key, case.nonce, case.aad, case.plaintext) == sealed, case.where


@pytest.mark.parametrize("source", SOURCES)
def test_published_cases_hold(level: int, source: str) -> None:
    """Every case of a source with our sizes of nonce and tag."""
    for case in READ[source].cases:
        check(level, case)


def test_all_published_cases_are_accounted_for() -> None:
    """What is used and what is left out, in numbers: other IVs and tags are not offered by the core."""
    assert {name: (len(read.cases), read.skipped) for name, read in READ.items()} == EXPECTED


def test_some_cases_open_and_some_do_not() -> None:
    """In each source both kinds occur."""
    for read in READ.values():
        assert {case.plaintext is None for case in read.cases} == {True, False}


def _accumulated(level: int, iterations: int) -> str:
    hashed = hashlib.shake_128()
    for key, nonce, plaintext, aad in random_cases(iterations):
        with xaes_key(level, key) as xaes:
            sealed = seal(lib.lv_xaes_seal, xaes, nonce, aad, plaintext)
            assert open_sealed(lib.lv_xaes_open, xaes, nonce, aad, sealed) == plaintext
        hashed.update(sealed)
    return hashed.hexdigest(32)


def test_10_000_random_cases_hash_to_the_published_value(level: int) -> None:
    """Any wrong byte in any of them would change it."""
    assert _accumulated(level, 10_000) == accumulated_hash(10_000)


@pytest.mark.soak
def test_1_000_000_random_cases_hash_to_the_published_value(level: int) -> None:
    """The same at length."""
    assert _accumulated(level, 1_000_000) == accumulated_hash(1_000_000)


def test_this_machine_has_a_level_where_its_processor_does() -> None:
    """On x86-64 with AES and carry-less multiplication a level must be usable, else all of the above was skipped."""
    names = (lib.lv_cpu_feature_name(bit) for bit in range(64))
    has = {
        ffi.string(name).decode()
        for bit, name in enumerate(names)
        if name != ffi.NULL and lib.lv_cpu_features() >> bit & 1
    }
    assert not {"aes", "pclmulqdq", "sse4.1"} <= has or "aesni" in LEVELS
