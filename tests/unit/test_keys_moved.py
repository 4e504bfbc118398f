"""Keys that come in and go out: imported in every form, shown in public, exported when they may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

import localvault
from localvault import BadParameter, KeyDisabled, KeyNotExportable, KeyNotFound, Vault
from localvault.algorithms.asymmetric import AsymmetricKey
from localvault.model.key_access import KEY_ACCESS
from tests.support.keys import KINDS, key
from tests.support.offered import ASYMMETRIC, OFFERED, OPERATIONS
from tests.support.refusals import events, refused, size, unchanged


def private(name: str) -> Any:
    """The private key of that name, as `cryptography` has it."""
    own = key(name)
    assert isinstance(own, AsymmetricKey)
    return own.private()


FORMS: dict[str, Callable[[Any], bytes]] = {
    "PKCS8 PEM": lambda own: own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    "PKCS8 DER": lambda own: own.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    "old PEM": lambda own: own.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ASYMMETRIC)
def test_a_private_key_is_imported_from_pem_and_der(vault: Vault, name: str, form: str) -> None:
    """As bytes and, PEM, as text; it is that very key."""
    if form == "old PEM" and KINDS[name][0] == "OKP":
        form = "PKCS8 PEM"  # the only form there is of these
    data = FORMS[form](private(name))
    made = vault.keys.import_("in", data)
    assert made.public_der() == key(name).public_der()
    assert (made.properties.kty, made.properties.size, made.properties.curve) == KINDS[name]
    assert made.properties.operations == OPERATIONS[name]
    assert not made.properties.exportable
    if "PEM" in form:
        assert vault.keys.import_("in", data.decode()).public_der() == made.public_der()


@pytest.mark.parametrize("name", OFFERED)
def test_a_key_is_imported_from_a_json_web_key(vault: Vault, name: str) -> None:
    """As a mapping, as text and as bytes; what it can do shows that it is that very key."""
    jwk = key(name).private_jwk()
    for number, form in enumerate((jwk, json.dumps(jwk), json.dumps(jwk).encode())):
        made = vault.keys.import_(f"in-{number}", form, exportable=True)
        assert (made.properties.kty, made.properties.size, made.properties.curve) == KINDS[name]
        if name.startswith("oct"):
            assert vault.keys.export(made.name, access=KEY_ACCESS) == jwk
        else:
            assert made.public_der() == key(name).public_der()
            pem = vault.keys.export(made.name, access=KEY_ACCESS)
            assert isinstance(pem, str)
            assert FORMS["PKCS8 DER"](load_pem_private_key(pem.encode(), None)) == FORMS["PKCS8 DER"](
                private(name)
            )


@pytest.mark.parametrize("form", [Encoding.PEM, Encoding.DER], ids=["PEM", "DER"])
def test_an_encrypted_key_is_imported_with_its_password(vault: Vault, form: Encoding) -> None:
    """As text or bytes; a wrong one, none, and an empty one are refused."""
    data = private("EC-P-256").private_bytes(
        form, PrivateFormat.PKCS8, BestAvailableEncryption("é!".encode())
    )
    for right in ("é!", "é!".encode()):
        assert vault.keys.import_("in", data, password=right).public_der() == key("EC-P-256").public_der()
    for wrong in ("e!", None, "", b""):
        with unchanged(vault), pytest.raises(BadParameter):
            vault.keys.import_("in", data, password=wrong)


@pytest.mark.parametrize(
    "material",
    [
        b"",
        "",
        b"\x30",
        "-----BEGIN PRIVATE KEY-----\n",
        "{}",
        {},
        {"kty": "oct"},
        {"kty": "oct", "k": "A"},
        {"kty": "oct", "k": "AAAA"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA"},
        b"x" * 70_000,
        5,
        None,
    ],
    ids=repr,
)
def test_what_is_no_key_is_not_imported(vault: Vault, material: Any) -> None:
    """With `BadParameter`, whatever it is, and the key there was left alone."""
    vault.keys.create("in", "oct")
    with unchanged(vault), pytest.raises(BadParameter):
        vault.keys.import_("in", material)


@pytest.mark.parametrize("name", ["EC-P-256", "OKP-Ed25519", "RSA-2048"])
def test_a_public_key_is_permitted_only_what_it_can_do(vault: Vault, name: str) -> None:
    """Without its private part it neither signs nor decrypts, so it may not be given those operations."""
    public = key(name).public_key()
    assert public is not None
    possible = tuple(each for each in OPERATIONS[name] if each in ("encrypt", "verify", "wrapKey"))
    assert vault.keys.import_("in", public.pem()).properties.operations == possible
    with unchanged(vault):
        with pytest.raises(BadParameter):
            vault.keys.import_("in", public.der(), operations=["sign", "verify"])
        with pytest.raises(BadParameter):
            vault.keys.update("in", operations=["sign"])
    assert vault.keys.update("in", operations=["verify"]).operations == ("verify",)


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_the_public_part_opens_elsewhere(vault: Vault, name: str) -> None:
    """DER and PEM are read by `cryptography` as the same key, and the JSON Web Key has no private member."""
    made = vault.keys.import_("in", key(name).private_jwk())
    expected = private(name).public_key()
    assert load_der_public_key(made.public_der()) == expected
    assert load_pem_public_key(made.public_pem().encode()) == expected
    jwk = made.public_jwk()
    assert jwk["kid"] == made.id
    assert jwk["key_ops"] == list(OPERATIONS[name])
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(jwk)
    described = {member: value for member, value in jwk.items() if member not in ("kid", "key_ops")}
    assert vault.keys.import_("again", described).public_der() == made.public_der()
    assert made.to_dict()["jwk"] == jwk


def test_an_oct_key_has_no_public_part(vault: Vault) -> None:
    """Asking for one is refused, and nothing it tells holds the key."""
    made = vault.keys.import_("in", key("oct-256").private_jwk())
    for ask in (made.public_der, made.public_pem, made.public_jwk):
        with pytest.raises(BadParameter):
            ask()
    assert made.to_dict()["jwk"] is None
    assert key("oct-256").private_jwk()["k"] not in json.dumps(made.to_dict())


@pytest.mark.parametrize("name", ASYMMETRIC)
def test_an_exportable_key_leaves_as_pem(vault: Vault, name: str) -> None:
    """It is that very key, and a version can be named."""
    version = vault.keys.import_("out", key(name).private_jwk(), exportable=True).version
    vault.keys.create("out", "oct")
    pem = vault.keys.export("out", version, access=KEY_ACCESS)
    assert isinstance(pem, str)
    loaded = load_pem_private_key(pem.encode(), None)
    assert FORMS["PKCS8 DER"](loaded) == FORMS["PKCS8 DER"](private(name))


def test_an_exported_key_may_be_encrypted(vault: Vault) -> None:
    """It opens with its password only; an oct key takes none."""
    vault.keys.import_("out", key("EC-P-256").private_jwk(), exportable=True)
    pem = vault.keys.export("out", access=KEY_ACCESS, password="right")
    assert isinstance(pem, str)
    assert load_pem_private_key(pem.encode(), b"right").key_size == 256
    with pytest.raises(BadParameter):
        vault.keys.import_("in", pem, password="wrong")
    assert vault.keys.import_("in", pem, password="right").public_der() == key("EC-P-256").public_der()
    vault.keys.create("flat", "oct", exportable=True)
    with refused(vault, BadParameter, "KeyExport", target="/keys/flat"):
        vault.keys.export("flat", access=KEY_ACCESS, password="right")


def test_export_is_one_event(vault: Vault) -> None:
    """Of its own name, with the version that left."""
    version = vault.keys.create("out", "oct", exportable=True).version
    start = size(vault)
    vault.keys.export("out", access=KEY_ACCESS)
    assert [(e.operation, e.target, e.version, e.result) for e in events(vault, start)] == [
        ("KeyExport", "/keys/out", version, "Success")
    ]


def test_a_key_leaves_only_if_it_may(vault: Vault) -> None:
    """Not one that was not made exportable, not one that is disabled, deleted or not there."""
    vault.keys.create("in", "EC")
    with refused(vault, KeyNotExportable, "KeyExport", target="/keys/in"):
        vault.keys.export("in", access=KEY_ACCESS)
    vault.keys.create("off", "EC", exportable=True, enabled=False)
    with refused(vault, KeyDisabled, "KeyExport", target="/keys/off"):
        vault.keys.export("off", access=KEY_ACCESS)
    vault.keys.create("gone", "EC", exportable=True)
    vault.keys.delete("gone")
    with refused(vault, KeyNotFound, "KeyExport", target="/keys/gone"):
        vault.keys.export("gone", access=KEY_ACCESS)


@pytest.mark.parametrize("access", [None, True, "KEY_ACCESS", object()], ids=repr)
def test_a_key_leaves_only_for_the_token(vault: Vault, access: Any) -> None:
    """Anything else in its place is a programming mistake, and so is leaving it out."""
    vault.keys.create("out", "oct", exportable=True)
    with pytest.raises(TypeError):
        vault.keys.export("out", access=access)
    export: Any = vault.keys.export
    with pytest.raises(TypeError):
        export("out")


def test_the_token_is_not_among_the_public_names() -> None:
    """Nobody gets it by importing everything."""
    assert "KEY_ACCESS" not in dir(localvault)
    assert not hasattr(localvault, "KEY_ACCESS")


def test_export_goes_with_the_version_and_not_with_the_name(vault: Vault) -> None:
    """An exportable version before or after does not make the others so, and rotation keeps it as it was."""
    closed = vault.keys.create("a", "oct").version
    opened = vault.keys.create("a", "oct", exportable=True).version
    rotated = vault.keys.rotate("a").version
    for version in (opened, rotated):
        assert vault.keys.export("a", version, access=KEY_ACCESS)
    with pytest.raises(KeyNotExportable):
        vault.keys.export("a", closed, access=KEY_ACCESS)
