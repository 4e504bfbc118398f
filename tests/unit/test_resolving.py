"""A URL leads to the one vault it names, open or registered, and to no other."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest

import localvault
from localvault import (
    BadParameter,
    Conflict,
    KeyNotFound,
    KeyVaultUrl,
    NotFound,
    SecretNotFound,
    UnlockFailed,
    Vault,
    VaultClosed,
    openvaults,
)
from localvault.testing.profiles import CHEAPEST
from tests.support import children
from tests.support.processes import run_python

AZURE = "https://unit.vault.azure.net"
Make = Callable[..., Vault]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes vaults below the test's folder; what was registered of them is forgotten afterwards."""
    made: list[Vault] = []

    def make(folder: str, name: str = "unit", **settings: Any) -> Vault:
        (tmp_path / folder).parent.mkdir(exist_ok=True)
        settings |= {"kdf": CHEAPEST, "allow_weak": True}
        made.append(localvault.create(tmp_path / folder, passphrase="unit", name=name, **settings))
        return made[-1]

    yield make
    for vault in made:
        vault.close()
        try:
            localvault.unregister(vault)
        except NotFound:
            continue


def open_again(path: Path) -> Vault:
    """Unlock what `make` made."""
    return localvault.open(path, passphrase="unit", allow_weak=True)


def closed(vault: Vault) -> Path:
    """Close a vault and return where it is."""
    vault.close()
    return vault.path


def operations(vault: Vault) -> list[str]:
    """What its journal tells of, in order."""
    return [event.operation for event in vault.audit.events()]


# Open vaults


def test_a_keys_url_leads_to_the_key(vault: Vault) -> None:
    """To the current version, or the one named; its crypto verbs are those of that key."""
    first = vault.keys.create("Orders", "oct")
    second = vault.keys.rotate("orders")
    url = f"{vault.url}/keys/orders"
    found = localvault.resolve(url)
    assert found.vault is vault
    assert (found.collection, found.name, found.version) == ("keys", "orders", None)
    assert (found.key().id, localvault.resolve(first.id).key().id) == (second.id, first.id)
    assert vault.crypto("orders").open(found.crypto().seal(b"text")) == b"text"
    assert localvault.resolve(first.id).crypto().wrap_key("A256KW", bytes(32)).key_id == first.id
    assert localvault.resolve(KeyVaultUrl.parse(url)).vault is vault


def test_a_secrets_url_leads_to_the_secret(vault: Vault) -> None:
    """To its current value, or that of the version named; what is found shows no value."""
    first = vault.secrets.set("db", "marker-1")
    vault.secrets.set("db", "marker-2")
    found = localvault.resolve(f"{vault.url}/secrets/db")
    assert found.secret().value == "marker-2"
    assert localvault.resolve(first.id).secret().value == "marker-1"
    assert "marker" not in f"{found!r}{found}"


def test_what_a_url_does_not_name_is_refused(vault: Vault) -> None:
    """A secret is no key, a vault neither, and what is deleted is not there."""
    vault.keys.create("k", "oct")
    secret = localvault.resolve(f"{vault.url}/secrets/k")
    with pytest.raises(BadParameter, match="is not under /keys/"):
        secret.crypto()
    with pytest.raises(SecretNotFound):
        secret.secret()
    deleted = localvault.resolve(vault.keys.delete("k").recovery_id)
    for verb in (deleted.crypto, deleted.key, deleted.secret, localvault.resolve(vault.url).key):
        with pytest.raises(BadParameter, match="is not under"):
            verb()
    with pytest.raises(KeyNotFound):
        localvault.resolve(f"{vault.url}/keys/k").key()


def test_a_use_is_an_event_of_the_vault_found_and_of_no_other(make: Make) -> None:
    """Both the search and the use stand in its journal; a vault of another name is not even looked into."""
    vault, other = make("a"), make("b", "other")
    vault.secrets.set("db", "value")
    localvault.resolve(f"{vault.url}/secrets/db").secret()
    assert operations(vault)[-3:] == ["VaultGet", "SecretGet", "AuditRead"]
    assert operations(other) == ["VaultCreate", "AuditRead"]


def test_a_closed_vault_is_not_found(make: Make) -> None:
    """Neither is one that nobody holds any more; what was found before says that it is closed."""
    vault = make("a")
    key = vault.keys.create("k", "oct")
    found = localvault.resolve(key.id)
    vault.close()
    with pytest.raises(NotFound, match=r"no vault with the URL .* is open or registered"):
        localvault.resolve(key.id)
    with pytest.raises(VaultClosed):
        found.key()
    unheld = open_again(vault.path)
    assert localvault.resolve(key.id).vault is unheld
    del unheld, found
    gc.collect()
    with pytest.raises(NotFound):
        localvault.resolve(key.id)


def test_a_renamed_vault_has_its_new_url_alone(vault: Vault) -> None:
    """From the moment it is renamed, also by its suffix."""
    old = vault.keys.create("k", "oct").id
    vault.configure(name="renamed", suffix="vault.azure.net")
    with pytest.raises(NotFound):
        localvault.resolve(old)
    assert localvault.resolve("https://renamed.vault.azure.net/keys/k").key().name == "k"


def test_a_vault_renamed_by_another_process_is_found(make: Make) -> None:
    """By its new URL, and no longer by its old one, though nobody told this process."""
    vault = make("a")
    program = (
        "import sys, localvault\n"
        "with localvault.open(sys.argv[1], passphrase='unit', allow_weak=True) as vault:\n"
        "    vault.configure(name=sys.argv[2])\n"
    )
    run_python(program, vault.path, "second")
    assert localvault.resolve("https://second.vault.localhost/keys/k").vault is vault
    run_python(program, vault.path, "third")
    with pytest.raises(NotFound):
        localvault.resolve("https://second.vault.localhost/keys/k")


def test_two_vaults_of_one_url_are_a_conflict(make: Make) -> None:
    """The error names both folders; once one is closed the other is meant."""
    one, two = make("a"), make("b")
    with pytest.raises(Conflict, match="more than one vault") as refused:
        localvault.resolve(f"{one.url}/keys/k")
    assert str(one.path) in str(refused.value)
    assert str(two.path) in str(refused.value)
    one.close()
    assert localvault.resolve(f"{two.url}/keys/k").vault is two


def test_one_vault_opened_twice_is_no_conflict(make: Make) -> None:
    """It is the same folder; when the first is closed, the second is found."""
    vault = make("a")
    with open_again(vault.path) as again:
        assert localvault.resolve(vault.url).vault is vault
        vault.close()
        assert localvault.resolve(again.url).vault is again


# Registered vaults


def test_a_registered_vault_is_opened_when_first_needed(make: Make) -> None:
    """Not before, and once; it stays open, and is closed when it is unregistered."""
    vault = make("a")
    key = vault.keys.create("k", "oct")
    path = closed(vault)
    opened: list[Vault] = []

    def opener() -> Vault:
        opened.append(open_again(path))
        return opened[-1]

    localvault.register(path, opener=opener, name="Unit")
    assert opened == []
    assert localvault.resolve(key.id).key().id == key.id
    assert localvault.resolve(key.id).vault is opened[0]
    assert len(opened) == 1
    localvault.unregister(path)
    assert "closed" in repr(opened[0])
    with pytest.raises(NotFound):
        localvault.resolve(key.id)
    with pytest.raises(NotFound, match="registered"):
        localvault.unregister(path)


def test_a_registered_vault_that_was_closed_is_opened_again(make: Make) -> None:
    """Whoever closed it."""
    vault = make("a")
    localvault.register(closed(vault), opener=lambda: open_again(vault.path), name="unit")
    url = "https://unit.vault.localhost"
    first = localvault.resolve(url).vault
    first.close()
    second = localvault.resolve(url).vault
    assert second is not first
    assert second.name == "unit"


def test_threads_that_need_it_at_once_share_one_vault(make: Make) -> None:
    """The first opens it, the others wait for that one, and lookups of other vaults do not."""
    vault, other = make("a"), make("b", "other")
    path, going, count = closed(vault), threading.Event(), []

    def opener() -> Vault:
        count.append(1)
        assert going.wait(30)
        return open_again(path)

    localvault.register(path, opener=opener, name="unit")
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(localvault.resolve, "https://unit.vault.localhost") for _ in range(6)]
        assert pool.submit(localvault.resolve, other.url).result(30).vault is other
        going.set()
        assert len({id(each.result(30).vault) for each in waiting}) == 1
    assert len(count) == 1


def test_a_keyfile_or_a_passphrase_will_do(tmp_path: Path) -> None:
    """They open the vault as `localvault.open` does, with its errors."""
    localvault.create(tmp_path / "file", keyfile=tmp_path / "key").close()
    localvault.register(tmp_path / "file", keyfile=tmp_path / "key")
    assert localvault.resolve("https://file.vault.localhost").vault.name == "file"
    localvault.unregister(tmp_path / "file")
    localvault.register(tmp_path / "file", passphrase="wrong")
    with pytest.raises(UnlockFailed):
        localvault.resolve("https://file.vault.localhost")
    localvault.unregister(tmp_path / "file")


def test_a_registered_folder_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folder and key file are found though the working folder is another one by then."""
    monkeypatch.chdir(tmp_path)
    localvault.create("file", keyfile="key").close()
    localvault.register("file", keyfile="key")
    monkeypatch.chdir("/")
    assert localvault.resolve("https://file.vault.localhost").vault.name == "file"
    localvault.unregister(tmp_path / "file")


def test_a_registration_gives_no_name_away(make: Make) -> None:
    """A vault is registered under a name it does not have: it is opened, its own URL counts, and nothing is found."""
    vault = make("a", "other")
    localvault.register(closed(vault), opener=lambda: open_again(vault.path), name="unit")
    for url in ("https://unit.vault.localhost", "https://other.vault.localhost"):
        if url.startswith("https://unit"):
            with pytest.raises(NotFound):
                localvault.resolve(url)
        else:
            assert localvault.resolve(url).vault.name == "other"


def test_an_opener_that_needs_its_own_vault_fails(make: Make) -> None:
    """It does not wait for itself for ever."""
    vault = make("a")
    url = vault.url
    localvault.register(closed(vault), opener=lambda: localvault.resolve(url).vault, name="unit")
    with pytest.raises(RecursionError):
        localvault.resolve(url)


def test_what_is_unregistered_is_not_opened_any_more(make: Make) -> None:
    """Also not by a thread that was about to."""
    vault, going, waiting = make("a"), threading.Event(), threading.Event()
    path = closed(vault)

    def opener() -> Vault:
        waiting.set()
        assert going.wait(30)
        return open_again(path)

    localvault.register(path, opener=opener, name="unit")
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(localvault.resolve, "https://unit.vault.localhost")
        assert waiting.wait(30)
        forgetting = pool.submit(localvault.unregister, path)
        going.set()
        forgetting.result(30)
        with pytest.raises(VaultClosed):
            first.result(30).vault.secrets.set("a", "b")
    with pytest.raises(NotFound):
        localvault.resolve("https://unit.vault.localhost")


def test_only_urls_that_were_named_lead_elsewhere(make: Make) -> None:
    """A further URL is an exact one: another suffix, or the same in another cloud, is another vault."""
    vault = make("a")
    key = vault.keys.create("k", "oct")
    localvault.register(vault, urls=[AZURE + ":443/"])
    assert localvault.resolve(f"{AZURE}/keys/k").key().id == key.id
    assert operations(vault) == ["VaultCreate", "KeyCreate", "KeyGet", "AuditRead"]
    assert localvault.resolve(key.id).vault is vault
    for elsewhere in ("https://unit.vault.azure.cn", "https://unit.vault.azure.net.evil.example"):
        with pytest.raises(NotFound):
            localvault.resolve(f"{elsewhere}/keys/k")
    localvault.unregister(vault)
    assert vault.name == "unit", "an open vault stays the caller's"
    with pytest.raises(NotFound):
        localvault.resolve(f"{AZURE}/keys/k")


def test_a_further_url_that_is_another_vaults_own_is_a_conflict(make: Make) -> None:
    """No vault can be slipped under the URL of one that is open."""
    own, other = make("a", suffix="vault.azure.net"), make("b", "other")
    localvault.register(other, urls=[AZURE])
    with pytest.raises(Conflict, match="more than one vault"):
        localvault.resolve(f"{own.url}/keys/k")


def test_a_registered_vault_that_the_application_opens_itself_is_used_as_it_is(make: Make) -> None:
    """It is not opened a second time, and not closed by `unregister`."""
    vault = make("a")

    def opener() -> Vault:
        raise AssertionError("it is open")

    localvault.register(vault.path, opener=opener, name="unit", urls=[AZURE])
    assert localvault.resolve(AZURE).vault is vault
    localvault.unregister(vault.path)
    assert vault.name == "unit"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, BadParameter),
        ({"passphrase": "a", "keyfile": "b"}, BadParameter),
        ({"passphrase": "a", "name": "-"}, BadParameter),
        ({"passphrase": "a", "name": "unit", "urls": ["https://unit.vault.azure.net?"]}, BadParameter),
        ({"passphrase": "a", "urls": ["https://unit.vault.azure.net/keys/k"]}, BadParameter),
        ({"passphrase": "a", "urls": ["unit"]}, BadParameter),
    ],
)
def test_a_bad_registration_leaves_nothing(tmp_path: Path, arguments: dict[str, Any], error: type) -> None:
    """It is refused, and the folder can be registered after it."""
    with pytest.raises(error):
        localvault.register(tmp_path / "unit", **arguments)
    localvault.register(tmp_path / "unit", passphrase="a")
    localvault.unregister(tmp_path / "unit")


def test_a_folder_whose_name_cannot_be_a_vaults_needs_one(tmp_path: Path) -> None:
    """Or URLs to be found by; the hint says so."""
    with pytest.raises(BadParameter, match="cannot name a vault") as refused:
        localvault.register(tmp_path / "v", passphrase="a")
    assert refused.value.hint == "give the vault's name: name='…'"
    localvault.register(tmp_path / "v", passphrase="a", urls=[AZURE])
    localvault.unregister(tmp_path / "v")


def test_an_open_vault_takes_no_credentials(vault: Vault) -> None:
    """They would be kept for nothing."""
    with pytest.raises(BadParameter, match="needs nothing but urls"):
        localvault.register(vault, passphrase="unit")


def test_a_folder_and_a_url_are_registered_once(make: Make) -> None:
    """The second time is a conflict and changes nothing."""
    one, two = make("a"), make("b", "other")
    localvault.register(one, urls=[AZURE])
    with pytest.raises(Conflict, match="registered already"):
        localvault.register(one.path, passphrase="unit", name="unit")
    with pytest.raises(Conflict, match="registered already"):
        localvault.register(two, urls=[AZURE])
    assert localvault.resolve(AZURE).vault is one


def test_a_forked_child_opens_what_is_registered_for_itself(make: Make) -> None:
    """What the parent had open is of no use there; a vault that is merely open is not found."""
    vault, other = make("a"), make("b", "other")
    path = closed(vault)
    localvault.register(path, opener=lambda: open_again(path), name="unit")
    parents = localvault.resolve("https://unit.vault.localhost").vault

    def act(say: children.Say) -> None:
        childs = localvault.resolve("https://unit.vault.localhost").vault
        say([childs is parents, childs.name])
        with pytest.raises(NotFound):
            localvault.resolve("https://other.vault.localhost")

    assert children.run(act) == [[False, "unit"]]
    assert localvault.resolve(other.url).vault is other


def test_many_open_vaults_do_not_make_it_slow(vault: Vault) -> None:
    """A lookup asks the vault that had this URL last, not each of them."""
    asked: list[object] = []
    others = [_Other(asked) for _ in range(1000)]
    for other in others:
        openvaults.note(cast("Vault", other))
    started = time.process_time()
    for _ in range(20):
        localvault.resolve(vault.url)
    assert asked == []
    assert time.process_time() - started < 2
    del others, other


class _Other:
    """As much of an open vault as a lookup sees."""

    path = Path("other")

    class _parts:
        is_open = True

        class ground:
            class home:
                url = "https://other.vault.localhost"

    def __init__(self, asked: list[object]) -> None:
        self._asked = asked

    @property
    def url(self) -> str:
        """Note that it was asked."""
        self._asked.append(self)
        return "https://other.vault.localhost"
