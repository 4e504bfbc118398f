"""Hostile bytes against every parser of something that comes from outside: only our own errors, soon.

Each target gets valid input first, then that input mutated (bytes changed, cut, doubled, put in), and plain noise. The
short form runs with the other tests; `make fuzz` runs a hundred times as many.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localvault.algorithms.material import import_key
from localvault.errors import LocalVaultError
from localvault.native.face import XaesKey
from localvault.native.memory import Locked
from localvault.sealing import credentials, datakey, filehead, token, transfer
from localvault.sealing.header import Header
from localvault.sealing.master import MasterKey
from localvault.sealing.renewing import new_header
from localvault.sealing.scopes import Scopes
from localvault.testing.profiles import CHEAPEST
from tests.support.pieces import opened, sealed

SECONDS = 5.0  # for one input: far above what any takes, so that only a hang fails
ID = bytes(range(16))


def _master() -> MasterKey:
    return MasterKey(Locked.of(bytes(range(32))))


def _header() -> bytes:
    credential = credentials.passphrase("fuzz")
    return new_header(ID, _master(), credential, kdf=CHEAPEST, allow_weak=True).encode()


def _blob() -> bytes:
    return transfer.seal_blob(b"payload", header=Header.decode(_header()), master=_master())


def _open_record(record: bytes) -> None:
    Scopes(_master(), ID).sealer("/secrets").open(3, b"s" + ID, record)


def _record() -> bytes:
    return Scopes(_master(), ID).sealer("/secrets").seal(3, b"s" + ID, b"value")


def _file() -> bytes:
    return sealed(_file_key(), filehead.FileHeader(ID, 10, bytes(19)), bytes(1500))


def _file_key() -> XaesKey:
    return XaesKey(Locked.of(bytes(range(32))))


def _pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = ec.derive_private_key(7, ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _text(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda data: parse(data.decode("latin-1"))


TARGETS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "header": (Header.decode, _header()),
    "record": (_open_record, _record()),
    "token": (token.parse, token.prefix(ID) + bytes(40)),
    "wrapped data key": (datakey.parse, datakey.prefix(datakey.XAES_256_GCM, ID) + bytes(72)),
    "backup": (transfer.parse, _blob()),
    "sealed file": (lambda data: opened(_file_key(), data), _file()),
    "recovery key": (_text(credentials.recovery_key), credentials.new_recovery_key()[1].encode()),
    "private key": (import_key, _pem()),
    "private jwk": (import_key, b'{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw"}'),
}


@st.composite
def mutated(draw: st.DrawFn, valid: bytes) -> bytes:
    """Return `valid` with up to four changes, or noise of up to 300 bytes."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=300))
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=8))
        match draw(st.sampled_from(["change", "cut", "insert", "double"])):
            case "change":
                data[at : at + len(piece)] = piece
            case "cut":
                del data[at:]
            case "insert":
                data[at:at] = piece
            case "double":
                data += data[at : at + 64]
    return bytes(data)


def _campaign(name: str, examples: int) -> None:
    parse, valid = TARGETS[name]

    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(valid))
    def run(data: bytes) -> None:
        started = time.monotonic()
        with suppress(LocalVaultError):
            parse(data)
        assert time.monotonic() - started < SECONDS

    run()


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_valid_is_parsed(name: str) -> None:
    """The mutations start from input that reaches the end of the parser."""
    parse, valid = TARGETS[name]
    parse(valid)


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_input_gives_our_errors(name: str) -> None:
    """A few hundred inputs, every time the tests run."""
    _campaign(name, 200)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", TARGETS)
def test_much_hostile_input_gives_our_errors(name: str) -> None:
    """Twenty thousand inputs."""
    _campaign(name, 20_000)
