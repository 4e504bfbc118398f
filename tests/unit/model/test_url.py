"""Key Vault URLs: what Azure's own library reads is read alike, and what nobody should write is refused."""

from __future__ import annotations

import itertools
import time

import pytest
from azure.keyvault.keys import KeyVaultKeyIdentifier
from hypothesis import given
from hypothesis import strategies as st

from localvault import Vault
from localvault.errors import BadParameter
from localvault.model.names import base_url
from localvault.model.url import LENGTH_MAX, KeyVaultUrl

VERSION = "0123456789abcdef0123456789abcdef"
KEY = f"https://app.vault.azure.net/keys/orders/{VERSION}"

VAULTS = st.from_regex(r"[a-z](-?[0-9a-z]){2,11}", fullmatch=True)
SUFFIXES = st.sampled_from(
    [
        "vault.azure.net",
        "managedhsm.azure.net",
        "vault.usgovcloudapi.net",
        "vault.azure.cn",
        "vault.localhost",
        "vault.localhost:8443",
    ]
)
COLLECTIONS = st.sampled_from(["keys", "secrets", "certificates"])
NAMES = st.from_regex(r"[0-9A-Za-z-]{1,127}", fullmatch=True)
VERSIONS = st.none() | st.from_regex(r"[0-9a-f]{32}", fullmatch=True)


@given(VAULTS, SUFFIXES, COLLECTIONS, NAMES, VERSIONS)
def test_a_url_says_what_azures_library_reads_in_it(
    vault: str, suffix: str, collection: str, name: str, version: str | None
) -> None:
    """The vault's URL, the name and the version are those that azure-keyvault-keys finds, and it prints as it was."""
    text = f"https://{vault}.{suffix}/{collection}/{name}" + (f"/{version}" if version else "")
    ours, theirs = KeyVaultUrl.parse(text), KeyVaultKeyIdentifier(text)
    assert (ours.vault_url, ours.name, ours.version) == (theirs.vault_url, theirs.name, theirs.version)
    assert (ours.vault, ours.suffix, ours.collection) == (vault, suffix, collection)
    assert str(ours) == text


@given(st.sampled_from([KEY, "https://a1b.managedhsm.azure.net/secrets/Db-1"]), st.data())
def test_a_changed_character_is_refused_or_read_as_azures_library_does(
    text: str, data: st.DataObject
) -> None:
    """What is accepted all the same prints to what reads back equal, and has only the letters URLs have here."""
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from("/.:-aZ0@?#%\\é\n ") | st.characters()) + text[at + 1 :]
    try:
        url = KeyVaultUrl.parse(changed)
    except BadParameter:
        return
    theirs = KeyVaultKeyIdentifier(changed)
    assert (url.vault_url, url.name) == (theirs.vault_url, theirs.name)
    assert url.version == (theirs.version and theirs.version.lower())
    assert KeyVaultUrl.parse(str(url)) == url
    assert set(str(url)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./:")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://app.vault.azure.net", "https://app.vault.azure.net"),
        ("https://app.vault.azure.net/", "https://app.vault.azure.net"),
        ("https://app.vault.azure.net:443/", "https://app.vault.azure.net"),
        ("https://app.vault.azure.net/keys/orders/", "https://app.vault.azure.net/keys/orders"),
        (KEY + "/", KEY),
        (
            f"HTTPS://App.Vault.Azure.NET/Keys/Orders/{VERSION.upper()}",
            f"https://app.vault.azure.net/keys/Orders/{VERSION}",
        ),
        ("https://app.vault.localhost:8443/secrets/a", "https://app.vault.localhost:8443/secrets/a"),
        ("https://app.vault.azure.net/deletedKeys/a", "https://app.vault.azure.net/deletedkeys/a"),
        ("https://app.vault.azure.net/certificates/a", "https://app.vault.azure.net/certificates/a"),
    ],
)
def test_a_url_has_one_canonical_form(text: str, canonical: str) -> None:
    """Case, the port that https has anyway, and a `/` at the end do not count; a name keeps its case."""
    url = KeyVaultUrl.parse(text)
    assert str(url) == canonical
    assert repr(url) == f"KeyVaultUrl('{canonical}')"
    assert KeyVaultUrl.parse(canonical) == url


def test_urls_of_one_thing_are_equal() -> None:
    """Names compare without case; versions and collections tell things apart."""
    a, b = KeyVaultUrl.parse(KEY), KeyVaultUrl.parse(KEY.replace("orders", "Orders"))
    assert a == b
    assert len({a, b}) == 1
    assert a != KeyVaultUrl.parse(KEY.removesuffix("/" + VERSION))
    assert a != KeyVaultUrl.parse(KEY.replace("/keys/", "/secrets/"))
    assert a != KEY


HOSTILE = {
    "nothing": "",
    "a name": "orders",
    "http": KEY.replace("https", "http"),
    "another scheme": KEY.replace("https", "file"),
    "no scheme": KEY.removeprefix("https:"),
    "a user": KEY.replace("app.", "app.vault.azure.net@evil."),
    "a user and a word": KEY.replace("app.", "me:hunter2@app."),
    "a query": KEY + "?sig=hunter2",
    "an empty query": KEY + "?",
    "a fragment": KEY + "#x",
    "dots up": "https://app.vault.azure.net/secrets/../keys/orders",
    "dots up at the end": KEY + "/..",
    "a dot": "https://app.vault.azure.net/keys/./orders",
    "an encoded slash": "https://app.vault.azure.net/keys/a%2forders",
    "an encoded letter": "https://app.vault.azure.net/keys/%6frders",
    "an encoded host": "https://app%2evault.azure.net/keys/orders",
    "a backslash": "https://app.vault.azure.net\\@evil.example/keys/orders",
    "an empty segment": "https://app.vault.azure.net/keys//orders",
    "two at the end": KEY + "//",
    "one segment more": KEY + "/sign",
    "a version that is none": "https://app.vault.azure.net/keys/orders/latest",
    "a version of a deleted key": KEY.replace("/keys/", "/deletedkeys/"),
    "no name": "https://app.vault.azure.net/keys",
    "no name after a slash": "https://app.vault.azure.net/keys/",
    "another collection": "https://app.vault.azure.net/storage/orders",
    "a name too long": "https://app.vault.azure.net/keys/" + "a" * 128,
    "a line end": KEY + "\n",
    "a line end inside": KEY.replace("keys", "ke\nys"),
    "a tab before": "\t" + KEY,
    "a NUL": KEY.replace("orders", "ord\0ers"),
    "a letter that looks alike": KEY.replace("app.", "аpp."),
    "a Kelvin sign": KEY.replace("/keys/", "/\u212aeys/"),
    "a long s": KEY.replace("https", "http\u017f"),
    "a full stop of another script": KEY.replace("azure.net", "azure\u3002net"),
    "punycode": KEY.replace("app.", "xn--pp-ela."),
    "no suffix": "https://app/keys/orders",
    "an address": "https://127.0.0.1/keys/orders",
    "an address of six": "https://[::1]/keys/orders",
    "a vault's name too short": "https://ab.vault.azure.net/keys/orders",
    "a port there is not": "https://app.vault.azure.net:65536/keys/orders",
    "port 0": "https://app.vault.azure.net:0/keys/orders",
    "a port of letters": "https://app.vault.azure.net:hunter2/keys/orders",
    "no port": "https://app.vault.azure.net:/keys/orders",
    "a space": KEY.replace("/keys", " /keys"),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_nobody_should_write_is_refused_and_not_shown(text: str) -> None:
    """`BadParameter` that says how a URL is made, and shows nothing of what may hold a credential."""
    with pytest.raises(BadParameter, match="this is not a Key Vault URL: ") as refused:
        KeyVaultUrl.parse(text)
    assert "hunter2" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("value", [None, 7, KEY.encode(), [KEY]])
def test_what_is_no_text_is_refused(value: object) -> None:
    """Its type is named."""
    with pytest.raises(BadParameter, match=type(value).__name__):
        KeyVaultUrl.parse(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("part", ["a", "/", "-", "a.", "https://", "/keys/a", "é", "a-"])
def test_a_text_of_ten_million_characters_is_refused_at_once(part: str) -> None:
    """Nothing is searched in what is too long to be a URL."""
    text = KEY + part * (10_000_000 // len(part))
    started = time.process_time()
    with pytest.raises(BadParameter, match=f"more than {LENGTH_MAX} characters"):
        KeyVaultUrl.parse(text)
    assert time.process_time() - started < 0.05


def test_every_id_a_vault_hands_out_reads_as_itself(vault: Vault) -> None:
    """Of keys, secrets and deleted ones, whatever the vault's suffix and the case of the names."""
    for suffix, name in itertools.product(
        ["vault.localhost", "vault.azure.net:443", "a:1", "x.y:65535"], ["Db-1", "z"]
    ):
        vault.configure(suffix=suffix)
        key, secret = vault.keys.create(name, "oct"), vault.secrets.set(name, "v")
        urls = [vault.url, key.id, secret.id, vault.secrets.delete(name).recovery_id]
        urls += [each.id for each in vault.keys.list()]
        assert [str(KeyVaultUrl.parse(url)) for url in urls] == urls
        assert KeyVaultUrl.parse(key.id).version == key.version
        vault.secrets.purge(name)


@given(VAULTS, st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?(:[1-9][0-9]{0,3})?", fullmatch=True))
def test_every_url_a_vault_can_have_reads_as_itself(name: str, suffix: str) -> None:
    """Whatever suffix the settings accept."""
    assert str(KeyVaultUrl.parse(base_url(name, suffix))) == base_url(name, suffix)
