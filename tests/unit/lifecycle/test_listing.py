"""Lists: complete, page by page, resumable, and steady while others write."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import localvault
from localvault import BadParameter, SecretNotFound, Vault
from localvault.lifecycle.listing import Listing
from localvault.testing.clock import FixedClock
from tests.support import life
from tests.support.refusals import events, refused, size

SIZES = [1, 2, 3, 6, 7, 8, 1000, 100_000]
NAMES = [f"name-{number}" for number in range(7)]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """A vault for tests that only read: seven secrets, one of seven versions, seven deleted ones, seven keys."""
    with life.create(tmp_path_factory.mktemp("listing") / "v") as vault:
        vault.secrets.set_many(dict.fromkeys(NAMES, "v"))
        vault.secrets.set_many({f"gone-{name}": "v" for name in NAMES})
        vault.secrets.set_many([("name-0", str(number)) for number in range(6)])
        with vault.batch():
            for name in NAMES:
                vault.secrets.delete(f"gone-{name}")
                vault.keys.create(name, "oct")
        yield vault


LISTS: dict[str, tuple[str, str, Callable[..., Listing[Any]]]] = {
    "secrets": ("SecretList", "/secrets", lambda vault, **more: vault.secrets.list(**more)),
    "deleted": ("SecretListDeleted", "/secrets", lambda vault, **more: vault.secrets.list_deleted(**more)),
    "keys": ("KeyList", "/keys", lambda vault, **more: vault.keys.list(**more)),
    "versions": (
        "SecretListVersions",
        "/secrets/name-0",
        lambda vault, **more: vault.secrets.versions("name-0", **more),
    ),
}
every_list = pytest.mark.parametrize(("operation", "target", "listed"), LISTS.values(), ids=LISTS)


def keys_of(items: Any) -> list[Any]:
    """What tells the items of any list apart."""
    return [(item.name, getattr(item, "version", None), getattr(item, "deleted_on", None)) for item in items]


@every_list
@pytest.mark.parametrize("page_size", SIZES)
def test_every_item_comes_once_whatever_the_page(
    full: Vault, operation: str, target: str, listed: Callable[..., Listing[Any]], page_size: int
) -> None:
    """In one order; each page is full but the last, one journalled operation, and counts its items."""
    everything = keys_of(listed(full))
    assert len(everything) == len(set(everything)) == 7
    start = size(full)
    pages = list(listed(full, page_size=page_size).by_page())
    assert [item for page in pages for item in keys_of(page)] == everything
    assert all(len(page) == page_size for page in pages[:-1])
    assert 0 < len(pages[-1]) <= page_size
    assert [page.continuation is None for page in pages] == [False] * (len(pages) - 1) + [True]
    told = [(event.operation, event.target, event.count) for event in events(full, start)]
    assert told == [(operation, target, len(page)) for page in pages]
    assert keys_of(listed(full, page_size=page_size)) == everything


@every_list
def test_a_list_goes_on_from_a_page(
    full: Vault, operation: str, target: str, listed: Callable[..., Listing[Any]]
) -> None:
    """From its continuation, with any page size, also in another process."""
    everything = keys_of(listed(full))
    with life.reopen(full.path) as other:
        for taken in range(1, 7):
            continuation = next(listed(full, page_size=taken).by_page()).continuation
            for vault, page_size in ((full, 2), (other, 5)):
                rest = listed(vault, page_size=page_size).by_page(continuation)
                assert [item for page in rest for item in keys_of(page)] == everything[taken:]


@every_list
def test_an_empty_list_is_one_empty_page(
    vault: Vault, operation: str, target: str, listed: Callable[..., Listing[Any]]
) -> None:
    """Also where everything has gone."""
    if operation == "SecretListVersions":
        with refused(vault, SecretNotFound, operation, target=target):
            list(listed(vault))
        return
    assert list(listed(vault)) == []
    (page,) = listed(vault).by_page()
    assert (page, page.continuation) == ([], None)


@every_list
@pytest.mark.parametrize("page_size", [0, -1, 100_001])
def test_a_page_has_a_size(
    vault: Vault, operation: str, target: str, listed: Callable[..., Listing[Any]], page_size: int
) -> None:
    """1 to 100,000; refused before anything is read."""
    with pytest.raises(BadParameter):
        listed(vault, page_size=page_size)


@every_list
def test_a_list_reads_nothing_until_it_is_asked(
    full: Vault, operation: str, target: str, listed: Callable[..., Listing[Any]]
) -> None:
    """Then one page at a time; it can be gone through again."""
    start = size(full)
    listing = listed(full, page_size=2)
    assert events(full, start) == []
    items = iter(listing)
    next(items), next(items)
    assert len(events(full, start)) == 1
    next(items)
    assert len(events(full, start)) == 2
    assert keys_of(listing) == keys_of(listing)


FOREIGN: dict[str, str] = {"nothing": "", "no hex": "zz", "half a byte": "abc", "too long": "73" * 18}


@every_list
@pytest.mark.parametrize("whose", [*LISTS, *FOREIGN])
def test_a_continuation_belongs_to_its_list(
    full: Vault, operation: str, target: str, listed: Callable[..., Listing[Any]], whose: str
) -> None:
    """In another list it would look like the end, or begin anew: it is refused."""
    continuation = FOREIGN.get(whose)
    if continuation is None:
        continuation = next(LISTS[whose][2](full, page_size=3).by_page()).continuation
    pages = listed(full).by_page(continuation)
    if LISTS.get(whose, ("",))[0] == operation:
        assert len(next(pages)) == 4
        return
    with pytest.raises(BadParameter):
        next(pages)


def test_objects_are_listed_without_a_version(full: Vault) -> None:
    """Their id names the object; properties are those of the current version."""
    for listed in full.secrets.list():
        assert listed.version is None
        assert listed.id == f"https://life.vault.localhost/secrets/{listed.name}"
    for version in full.secrets.versions("name-0"):
        assert version.id.endswith(f"/secrets/name-0/{version.version}")


def test_a_list_tells_the_current_version_properties(vault: Vault, clock: FixedClock) -> None:
    """Also after an update, a new version, and a recovery."""
    vault.secrets.set("a", "1", tags={"n": "1"})
    vault.secrets.set("a", "2", tags={"n": "2"}, enabled=False, content_type="c")

    def only() -> tuple[dict[str, str], bool]:
        (listed,) = vault.secrets.list()
        return listed.tags, listed.enabled

    assert only() == ({"n": "2"}, False)
    vault.secrets.update("a", enabled=True, tags={"n": "3"})
    assert only() == ({"n": "3"}, True)
    vault.secrets.delete("a")
    vault.secrets.recover("a")
    assert only() == ({"n": "3"}, True)


@pytest.mark.parametrize("seed", range(3))
def test_what_others_do_not_touch_comes_once(vault: Vault, seed: int) -> None:
    """While others set, delete, recover and purge between two pages, nothing is repeated, nothing skipped."""
    dice = random.Random(seed)
    steady = {f"steady-{number}" for number in range(40)}
    moving = [f"moving-{number}" for number in range(20)]
    vault.secrets.set_many(dict.fromkeys([*steady, *moving[:10]], "v"))
    with localvault.open(vault.path, passphrase="unit", allow_weak=True) as other:
        seen: list[str] = []
        for page in vault.secrets.list(page_size=3).by_page():
            seen += [listed.name for listed in page]
            disturb(other, dice.choice(moving))
    assert len(seen) == len(set(seen))
    assert steady <= set(seen) <= steady | set(moving)


def disturb(vault: Vault, name: str) -> None:
    """Make the secret if it is not there, delete it if it is, purge or recover it if it is deleted."""
    if name in {gone.name for gone in vault.secrets.list_deleted()}:
        (vault.secrets.purge if len(name) % 2 else vault.secrets.recover)(name)
    elif name in {listed.name for listed in vault.secrets.list()}:
        vault.secrets.delete(name)
    else:
        vault.secrets.set(name, "v")


def test_a_page_whose_first_item_has_gone_goes_on_after_it(vault: Vault) -> None:
    """The place stays a place, although nothing stands there any more."""
    vault.secrets.set_many(dict.fromkeys(NAMES, "v"))
    names = [listed.name for listed in vault.secrets.list()]
    pages = vault.secrets.list(page_size=3).by_page()
    assert [listed.name for listed in next(pages)] == names[:3]
    vault.secrets.delete(names[3])
    assert [listed.name for listed in next(pages)] == names[4:7]


def test_versions_made_while_they_are_listed_come_at_the_end(vault: Vault) -> None:
    """They sort last, so a list that goes on finds them."""
    made = [vault.secrets.set("a", str(number)).version for number in range(4)]
    versions: Iterator[Any] = iter(vault.secrets.versions("a", page_size=2))
    seen = [next(versions).version]
    made.append(vault.secrets.set("a", "new").version)
    assert seen + [version.version for version in versions] == made


def test_versions_of_an_object_deleted_meanwhile_are_not_found(vault: Vault) -> None:
    """Half a list is not passed off as a whole one."""
    vault.secrets.set_many([("a", str(number)) for number in range(4)])
    versions = iter(vault.secrets.versions("a", page_size=2))
    next(versions), next(versions)
    vault.secrets.delete("a")
    with pytest.raises(SecretNotFound):
        next(versions)


def test_objects_and_versions_with_kin_keys_are_told_apart(vault: Vault) -> None:
    """Names that begin alike, secrets and keys of one name: each list has its own only."""
    for name in ("a", "ab", "a-b"):
        vault.secrets.set_many([(name, "1"), (name, "2")])
        vault.keys.create(name, "oct")
    for name in ("a", "ab", "a-b"):
        assert [version.name for version in vault.secrets.versions(name)] == [name] * 2
        assert [version.name for version in vault.keys.versions(name)] == [name]
    assert len(list(vault.secrets.list())) == len(list(vault.keys.list())) == 3
