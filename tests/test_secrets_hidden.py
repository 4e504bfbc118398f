"""Nothing secret is shown: not by the types that carry it, not by errors, not by events, not in the folder.

Every type that can carry a secret is made with a marker and pushed through everything Python offers to show, copy or
store an object; every verb that takes a secret is made to fail with the marker in its hands. Then the marker is
searched for, in the clear, in hex, and in base64 at each of its three alignments.
"""

from __future__ import annotations

import base64
import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import localvault
from localvault import Generator, LocalVaultError, Packed, Vault
from localvault.lifecycle.backup import dump
from localvault.model.key_access import KEY_ACCESS
from localvault.sealing import datakey
from localvault.testing.profiles import CHEAPEST
from tests.support import life

MARKER = "marker-of-a-secret-value-in-test"  # 32 bytes, so that it can be a key, too
RAW = MARKER.encode()
JWK = {"kty": "oct", "k": base64.urlsafe_b64encode(RAW).decode().rstrip("=")}


def forms() -> dict[str, bytes]:
    """How the marker looks in the clear, in hex and in base64, whatever stands before it."""
    found = {"clear": RAW, "hex": RAW.hex().encode(), "HEX": RAW.hex().upper().encode()}
    for shift in range(3):
        # The first and last characters mix with what stands around: they are left out.
        encoded = base64.b64encode(b"\0" * shift + RAW)
        found[f"base64, {shift} before"] = encoded[4 if shift else 0 : -4]
    return found


def search(shown: object) -> list[str]:
    """In which forms the marker is in `shown`: text or bytes."""
    data = shown if isinstance(shown, bytes) else str(shown).encode(errors="surrogatepass")
    return [name for name, form in forms().items() if form in data]


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """One vault for all tests, holding the marker as a secret in text and bytes, as a key and as a token."""
    with life.create(tmp_path_factory.mktemp("hidden") / "v", MARKER) as vault:
        blobs: Any = vault._parts.ground.blobs
        blobs._kdf = CHEAPEST
        vault.secrets.set("text", MARKER)
        vault.secrets.set("bytes", RAW)
        vault.secrets.set("gone", MARKER)
        vault.secrets.delete("gone")
        vault.keys.import_("key", JWK, exportable=True)
        vault.keys.create("rsa", "RSA", size=2048)
        vault.keys.create("ec", "EC", exportable=True)
        vault.keys.create("okp", "OKP")
        yield vault


@pytest.mark.parametrize("around", [b"", b"x", b"xy", b"\0" * 4])
def test_the_search_finds_it(around: bytes) -> None:
    """In every form it looks for, or the other tests would prove nothing."""
    data = around + RAW + around
    assert "clear" in search(data)
    for encoded in (
        data.hex(),
        base64.b64encode(data),
        base64.urlsafe_b64encode(data),
        repr(data),
        data.decode(),
    ):
        assert search(encoded)
    assert search(b"nothing of it: " + RAW[:20]) == []


BEARERS: dict[str, Callable[[Vault], Any]] = {
    "a secret in text": lambda vault: vault.secrets.get("text"),
    "a secret in bytes": lambda vault: vault.secrets.get("bytes"),
    "a secret just set": lambda vault: vault.secrets.set("set", MARKER),
    "a secret just made": lambda vault: _made(vault),
    "a notice": lambda vault: _notice(vault),
    "its properties": lambda vault: vault.secrets.get("text").properties,
    "properties of many": lambda vault: vault.secrets.set_many({"many": MARKER})[0],
    "a deleted secret": lambda vault: vault.secrets.get_deleted("gone"),
    "a page": lambda vault: next(vault.secrets.list().by_page()),
    "a list": lambda vault: vault.secrets.list(),
    "a key": lambda vault: vault.keys.get("key"),
    "a key just imported": lambda vault: vault.keys.import_("imported", JWK),
    "a key's properties": lambda vault: vault.keys.get("key").properties,
    "what decrypt opened": lambda vault: _decrypted(vault),
    "what unwrap_key opened": lambda vault: vault.crypto("rsa").unwrap_key(
        "RSA-OAEP", vault.crypto("rsa").wrap_key("RSA-OAEP", RAW).encrypted_key
    ),
    "what encrypt made": lambda vault: vault.crypto("key").encrypt("A256GCM", RAW),
    "what wrap_key made": lambda vault: vault.crypto("key").wrap_key("A256KW", RAW),
    "what sign made": lambda vault: vault.crypto("key").sign("HS256", RAW),
    "a token": lambda vault: vault.crypto("key").seal(RAW),
    "a data key": lambda vault: _data_key(vault),
    "data keys": lambda vault: [_data_key(vault)],
    "a backup": lambda vault: vault.secrets.backup("text", passphrase=MARKER),
    "a key's backup": lambda vault: vault.keys.backup("key", passphrase=MARKER),
    "many as one buffer": lambda vault: Packed.of([RAW, RAW]),
    "the crypto verbs": lambda vault: vault.crypto("key"),
    "a key made ready": lambda vault: _loaded(vault),
    "its material": lambda vault: _loaded(vault).material,
    "the slots": lambda vault: vault.slots.list(),
    "the agenda": lambda vault: vault.agenda.upcoming(),
    "the events": lambda vault: list(vault.audit.events()),
    "the settings": lambda vault: vault.settings,
    "the vault": lambda vault: vault,
    "its parts": lambda vault: [vault.secrets, vault.keys, vault.slots, vault.agenda, vault.audit],
}


def _decrypted(vault: Vault) -> Any:
    crypto = vault.crypto("key")
    made = crypto.encrypt("A256GCM", RAW)
    return crypto.decrypt("A256GCM", made.ciphertext, iv=made.iv, authentication_tag=made.authentication_tag)


def _data_key(vault: Vault) -> Any:
    version = vault.keys.get("key").version
    assert version is not None
    prefix = datakey.prefix(datakey.AES_KW, bytes.fromhex(version))
    wrapped = vault.crypto("key").wrap_key("A256KW", RAW).encrypted_key
    opened = vault.crypto("key").open_data_key(
        prefix + wrapped + datakey.binding(memoryview(RAW), prefix, b"")
    )
    opened.seal(b"")
    return opened


def _loaded(vault: Vault) -> Any:
    vault.crypto("key").seal(b"")
    version = vault.keys.get("key").version
    assert version is not None
    return next(
        ready
        for key, (_, ready) in vault._loaded._memo.entries.items()
        if key.endswith(bytes.fromhex(version))
    )


def _logged(bearer: object) -> str:
    stream = io.StringIO()
    logger = logging.Logger("hidden")
    logger.addHandler(logging.StreamHandler(stream))
    logger.warning("%s and %r and %s", bearer, bearer, {"in": [bearer]})
    return stream.getvalue()


def _raised(bearer: object) -> str:
    try:
        raise RuntimeError(bearer, {"in": bearer})
    except RuntimeError as error:
        return "".join(traceback.format_exception(error))


SHOWS: dict[str, Callable[[Any], object]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "format with a width": lambda bearer: f"{bearer!s:>300}{bearer!r:^300}",
    "within others": lambda bearer: f"{[bearer]}{(bearer,)}{ {'in': bearer} }",
    "pprint": pprint.pformat,
    "logging": _logged,
    "a traceback": _raised,
    "vars": lambda bearer: repr(vars(bearer)),
    "asdict": lambda bearer: repr(dataclasses.asdict(bearer)),
    "to_dict": lambda bearer: repr(bearer.to_dict()),
    "json": json.dumps,
    "json by str": lambda bearer: json.dumps(bearer, default=str),
    "json by vars": lambda bearer: json.dumps(bearer, default=vars),
    **{f"pickle {protocol}": lambda bearer, p=protocol: pickle.dumps(bearer, p) for protocol in (0, 2, 5)},
    "a copy": lambda bearer: repr(copy.copy(bearer)),
    "a deep copy": lambda bearer: repr(copy.deepcopy(bearer)),
}
# What these have no way to do is refused; any other error would be a defect of ours.
REFUSALS = (TypeError, AttributeError, pickle.PicklingError, ValueError)


@pytest.mark.parametrize("how", SHOWS)
@pytest.mark.parametrize("bearer", BEARERS)
def test_no_type_shows_what_it_carries(vault: Vault, bearer: str, how: str) -> None:
    """Whatever it is pushed through: the marker is in no output, and not in a refusal either."""
    carrying = BEARERS[bearer](vault)
    try:
        shown = SHOWS[how](carrying)
    except REFUSALS as refusal:
        shown = f"{refusal!r} {refusal}"
        assert how not in (
            "repr",
            "str",
            "ascii",
            "format",
            "within others",
            "pprint",
            "logging",
            "a traceback",
        )
    assert search(shown) == []


@pytest.mark.parametrize(
    "bearer",
    ["a secret in text", "a secret in bytes", "what decrypt opened", "its material", "a data key"],
)
@pytest.mark.parametrize("how", ["pickle 0", "pickle 5", "a copy", "a deep copy", "asdict", "json", "vars"])
def test_what_carries_a_secret_is_not_copied_at_all(vault: Vault, bearer: str, how: str) -> None:
    """Not even where the output would show nothing: a copy is one more to look after."""
    with pytest.raises(TypeError):
        SHOWS[how](BEARERS[bearer](vault))


def test_the_secret_is_there_all_the_same(vault: Vault) -> None:
    """By the attribute or verb that names it, or the tests above would have searched empty things."""
    assert vault.secrets.get("text").value == MARKER
    assert vault.secrets.get("bytes").value == RAW
    assert _decrypted(vault).plaintext == RAW
    assert BEARERS["what unwrap_key opened"](vault).key == RAW
    assert vault.keys.export("key", access=KEY_ACCESS) == JWK
    assert _loaded(vault).material.private_jwk() == JWK
    assert _data_key(vault).export(access=KEY_ACCESS) == RAW
    assert bytes(Packed.of([RAW]).data) == RAW


LONG = MARKER * 1000
BROKEN = MARKER + "\ud800"
PEM = f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(RAW * 4).decode()}\n-----END PRIVATE KEY-----\n"


def _blob(vault: Vault, **more: Any) -> bytes:
    return vault.secrets.backup("text", **more)


def _made(vault: Vault, maker: Any = lambda name, properties: MARKER) -> Any:
    vault.secrets.register("maker", maker)
    return vault.secrets.generate("made", Generator.named("maker"))


def _notice(vault: Vault) -> Any:
    notices: list[Any] = []
    with vault.on("SecretNewVersionCreated", notices.append):
        vault.secrets.set("noticed", MARKER)
    return notices[0]


def _encrypted_pem(vault: Vault) -> Any:
    return vault.keys.export("ec", access=KEY_ACCESS, password="another")


# `Any`, because many hand in what no type allows.
FAILURES: dict[str, Callable[[Any, Path], object]] = {
    "set too long": lambda vault, path: vault.secrets.set("a", LONG),
    "set half a pair": lambda vault, path: vault.secrets.set("a", BROKEN),
    "set of another type": lambda vault, path: vault.secrets.set("a", bytearray(RAW)),
    "set of a list": lambda vault, path: vault.secrets.set("a", [MARKER]),
    "set on a bad name": lambda vault, path: vault.secrets.set("a_b", MARKER),
    "set on a deleted name": lambda vault, path: vault.secrets.set("gone", MARKER),
    "set with bad tags": lambda vault, path: vault.secrets.set("a", MARKER, tags={"": MARKER}),
    "set with long tags": lambda vault, path: vault.secrets.set("a", MARKER, tags={"a": LONG}),
    "set with a tag of half a pair": lambda vault, path: vault.secrets.set("a", "", tags={"a": BROKEN}),
    "set with a long content type": lambda vault, path: vault.secrets.set("a", MARKER, content_type=LONG),
    "update with long tags": lambda vault, path: vault.secrets.update("text", tags={MARKER: LONG}),
    "set_many too long": lambda vault, path: vault.secrets.set_many({"a": MARKER, "b": LONG}),
    "set_many half a pair": lambda vault, path: vault.secrets.set_many({"a": MARKER, "b": BROKEN}),
    "set_many on a deleted name": lambda vault, path: vault.secrets.set_many(
        [("a", MARKER), ("gone", MARKER)]
    ),
    "generate by who raises it": lambda vault, path: _made(vault, lambda name, properties: {}[MARKER]),
    "generate too long": lambda vault, path: _made(vault, lambda name, properties: LONG),
    "generate half a pair": lambda vault, path: _made(vault, lambda name, properties: BROKEN),
    "generate of another type": lambda vault, path: _made(vault, lambda name, properties: [MARKER]),
    "generate by a command that fails": lambda vault, path: vault.secrets.generate(
        "a", Generator.command(["sh", "-c", f"echo {MARKER}; echo {MARKER} >&2; exit 1"])
    ),
    "generate by a command without end": lambda vault, path: vault.secrets.generate(
        "a", Generator.command(["yes", MARKER])
    ),
    "set_many of no pairs": lambda vault, path: vault.secrets.set_many([MARKER]),
    "import PEM": lambda vault, path: vault.keys.import_("a", PEM),
    "import DER": lambda vault, path: vault.keys.import_("a", b"\x30\x82\x01\x00" + RAW * 8),
    "import text": lambda vault, path: vault.keys.import_("a", MARKER),
    "import a bad JSON Web Key": lambda vault, path: vault.keys.import_("a", JWK | {"k": JWK["k"] + "="}),
    "import a long JSON Web Key": lambda vault, path: vault.keys.import_("a", JWK | {"k": JWK["k"] * 2}),
    "import an EC key out of its curve": lambda vault, path: vault.keys.import_(
        "a", {"kty": "EC", "crv": "P-256", "x": JWK["k"], "y": JWK["k"], "d": JWK["k"]}
    ),
    "import an RSA key that is none": lambda vault, path: vault.keys.import_(
        "a", {"kty": "RSA", "n": JWK["k"], "e": "AQAB", "d": JWK["k"], "p": JWK["k"], "q": JWK["k"]}
    ),
    "import broken JSON": lambda vault, path: vault.keys.import_("a", json.dumps(JWK)[:-1]),
    "import JSON with a member twice": lambda vault, path: vault.keys.import_(
        "a", f'{{"kty": "oct", "k": "{JWK["k"]}", "k": "{JWK["k"]}"}}'
    ),
    "import on a bad name": lambda vault, path: vault.keys.import_("a_b", JWK),
    "import with a wrong password": lambda vault, path: vault.keys.import_(
        "a", _encrypted_pem(vault), password=MARKER
    ),
    "import with a password of half a pair": lambda vault, path: vault.keys.import_(
        "a", _encrypted_pem(vault), password=BROKEN
    ),
    "import with a password not needed": lambda vault, path: vault.keys.import_("a", JWK, password=BROKEN),
    "export with a password of half a pair": lambda vault, path: vault.keys.export(
        "ec", access=KEY_ACCESS, password=BROKEN
    ),
    "export of an oct key with a password": lambda vault, path: vault.keys.export(
        "key", access=KEY_ACCESS, password=MARKER
    ),
    "export for the wrong token": lambda vault, path: vault.keys.export("key", access=MARKER),
    "back up with half a pair": lambda vault, path: _blob(vault, passphrase=BROKEN),
    "back up with a long passphrase": lambda vault, path: _blob(vault, passphrase=LONG),
    "restore over itself": lambda vault, path: vault.secrets.restore(_blob(vault), passphrase=MARKER),
    "restore of nothing": lambda vault, path: vault.secrets.restore(RAW, passphrase=MARKER),
    "restore with no recovery key": lambda vault, path: vault.secrets.restore(
        _blob(vault), recovery_key=MARKER
    ),
    "restore with half a pair": lambda vault, path: vault.secrets.restore(_blob(vault), passphrase=BROKEN),
    "restore of another kind": lambda vault, path: vault.keys.restore(_blob(vault), passphrase=MARKER),
    "encrypt too much": lambda vault, path: vault.crypto("rsa").encrypt("RSA-OAEP", LONG.encode()),
    "encrypt by no algorithm": lambda vault, path: vault.crypto("key").encrypt("A128GCM", RAW),
    "encrypt text": lambda vault, path: vault.crypto("key").encrypt("A256GCM", MARKER),
    "encrypt with an iv": lambda vault, path: vault.crypto("key").encrypt("A256GCM", RAW, iv=RAW),
    "encrypt with a key that cannot": lambda vault, path: vault.crypto("ec").encrypt("A256GCM", RAW),
    "decrypt": lambda vault, path: vault.crypto("rsa").decrypt("RSA-OAEP", RAW * 8),
    "wrap too much": lambda vault, path: vault.crypto("rsa").wrap_key("RSA-OAEP", LONG.encode()),
    "wrap an odd length": lambda vault, path: vault.crypto("key").wrap_key("A256KW", RAW + b"x"),
    "unwrap": lambda vault, path: vault.crypto("key").unwrap_key("A256KW", RAW),
    "unwrap many": lambda vault, path: vault.crypto("key").unwrap_many("A256KW", [RAW, RAW]),
    "sign a digest too long": lambda vault, path: vault.crypto("ec").sign("ES256", RAW + b"x"),
    "sign many": lambda vault, path: vault.crypto("ec").sign_many("ES256", [RAW, RAW + b"x"]),
    "verify": lambda vault, path: vault.crypto("ec").verify("ES256", RAW, RAW * 2),
    "verify a MAC": lambda vault, path: vault.crypto("key").verify("HS256", RAW, RAW),
    "verify many": lambda vault, path: vault.crypto("ec").verify_many("ES256", [RAW], [RAW * 2]),
    "open a data key": lambda vault, path: vault.crypto("key").open_data_key(RAW * 3),
    "wrap many": lambda vault, path: vault.crypto("key").wrap_many("A256KW", [RAW, RAW + b"x"]),
    "export a data key for the wrong token": lambda vault, path: _data_key(vault).export(access=MARKER),
    "seal under no oct key": lambda vault, path: vault.crypto("ec").seal(RAW),
    "seal under no key": lambda vault, path: vault.crypto("none").seal_many([RAW]),
    "seal text": lambda vault, path: vault.crypto("key").seal(MARKER),
    "open": lambda vault, path: vault.crypto("key").open(RAW * 4),
    "open in another context": lambda vault, path: vault.crypto("key").open(
        vault.crypto("key").seal(RAW), context=RAW
    ),
    "open many": lambda vault, path: vault.crypto("key").open_many([RAW * 4, RAW]),
    "rewrap": lambda vault, path: vault.crypto("key").rewrap(RAW * 4),
    "add a long passphrase": lambda vault, path: vault.slots.add_passphrase(LONG),
    "add a passphrase of half a pair": lambda vault, path: vault.slots.add_passphrase(BROKEN, kdf=CHEAPEST),
    "change a wrong passphrase": lambda vault, path: vault.slots.change_passphrase(MARKER + "x", MARKER),
    "change to half a pair": lambda vault, path: vault.slots.change_passphrase(MARKER, BROKEN),
    "open the vault with a wrong one": lambda vault, path: localvault.open(
        vault.path, passphrase=MARKER + "x", allow_weak=True
    ),
    "open the vault with no recovery key": lambda vault, path: localvault.open(
        vault.path, recovery_key=MARKER, allow_weak=True
    ),
    "open the vault with two": lambda vault, path: localvault.open(
        vault.path, passphrase=MARKER, recovery_key=MARKER
    ),
    "open no vault": lambda vault, path: localvault.open(path / "none", passphrase=MARKER),
    "create over something": lambda vault, path: localvault.create(
        vault.path, passphrase=MARKER, name="unit"
    ),
    "create with a bad name": lambda vault, path: localvault.create(path / "w", passphrase=MARKER, name="-"),
    "create with half a pair": lambda vault, path: localvault.create(
        path / "w", passphrase=BROKEN, name="unit", kdf=CHEAPEST, allow_weak=True
    ),
    "register with two": lambda vault, path: localvault.register(path, passphrase=MARKER, keyfile=path),
    "read a URL with a user": lambda vault, path: localvault.KeyVaultUrl.parse(f"https://me:{MARKER}@a.b/"),
    "find a URL with a query": lambda vault, path: localvault.resolve(f"{vault.url}/keys/key?sig={MARKER}"),
    "pack text": lambda vault, path: Packed.of([MARKER]),
    "pack with bad offsets": lambda vault, path: Packed(RAW, [0, 99]),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_no_error_shows_what_was_handed_in(
    vault: Vault, tmp_path: Path, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither its sentence nor its hint, nor anything made of it; nor the event that tells of it."""
    with pytest.raises((LocalVaultError, TypeError, ValueError)) as refused:
        FAILURES[failure](vault, tmp_path)
    error = refused.value
    logging.getLogger("hidden").error("it failed", exc_info=error)
    shown = [
        repr(error),
        str(error),
        repr(error.args),
        repr(vars(error)),
        "".join(traceback.format_exception(error)),
        "".join(traceback.format_exception_only(error)),
        pickle.dumps(error),
        caplog.text,
        repr([event.to_dict() for event in vault.audit.events(limit=3, reverse=True)]),
    ]
    assert [search(each) for each in shown] == [[]] * len(shown)


def test_nothing_of_it_is_in_the_folder(vault: Vault) -> None:
    """Not in the data file, not in a spool, not in a name; not even the names of the secrets."""
    vault.secrets.get("text")
    files = [path for path in vault.path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    for path in files:
        assert search(path.read_bytes()) == search(path.name) == []


def test_a_payload_holds_what_the_blob_does_not_show(vault: Vault) -> None:
    """The marker is in what a backup seals, so its absence from the blob is the sealing's doing."""
    ground = vault._parts.ground
    payload = ground.door.read(
        localvault.OPERATIONS["SecretBackup"], "/secrets/text", dump, vault.secrets._objects, "text"
    )
    assert search(payload) == ["clear"]
