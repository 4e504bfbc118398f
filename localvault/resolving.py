"""From a URL to what it names: `localvault.resolve`, and `register` for vaults that are opened when first needed.

Relies on `opening` and on the list of open vaults. Promises: a URL leads to the one vault whose own URL it names, or
for which the application registered that very URL, or to an error; never to a vault that is merely called alike. What
is done there then passes that vault's door like everything else.

Only whole URLs count, on purpose. A URL often comes out of data, the footer of a Parquet file or a blob's metadata,
and `app.vault.azure.net` and `app.vault.azure.cn` are two vaults of two owners. Were the first label enough, whoever
writes the data could choose under which of somebody's keys it is opened or sealed. So a vault that stands in for
another says so: by its setting `suffix`, in its own folder, or by `urls=`, in the application.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Container, Iterable
from pathlib import Path

from localvault import openvaults
from localvault.crypto.client import Crypto
from localvault.errors import BadParameter, Conflict, NotFound
from localvault.lifecycle.key import Key
from localvault.model.hidden import Hidden
from localvault.model.names import check_vault_name
from localvault.model.secret import Secret
from localvault.model.url import KeyVaultUrl
from localvault.opening import open as open_vault
from localvault.vault import Vault

Opener = Callable[[], Vault]


class Resolved:
    """What a URL names, in the vault it was found in."""

    __slots__ = ("url", "vault")

    def __init__(self, vault: Vault, url: KeyVaultUrl) -> None:
        self.vault = vault
        self.url = url

    @property
    def collection(self) -> str | None:
        """`keys`, `secrets` or `certificates`, or one of them after `deleted`; None for the URL of a vault."""
        return self.url.collection

    @property
    def name(self) -> str | None:
        """The object's name as the URL has it; None for the URL of a vault."""
        return self.url.name

    @property
    def version(self) -> str | None:
        """The version the URL names, 32 hex digits; None if it means the current one."""
        return self.url.version

    def crypto(self) -> Crypto:
        """Return the crypto verbs of the key, or of the version, that the URL names; looked up at each call.

        Raises:
            BadParameter: it is not the URL of a key.
        """
        return self.vault.crypto(self._named("keys"), self.version)

    def key(self) -> Key:
        """Return the key, or the version of it, that the URL names.

        Raises:
            BadParameter: it is not the URL of a key.
            KeyNotFound: there is no such key or version.
        """
        return self.vault.keys.get(self._named("keys"), self.version)

    def secret(self) -> Secret:
        """Return the secret, or the version of it, that the URL names, with its value.

        Raises:
            BadParameter: it is not the URL of a secret.
            SecretNotFound: there is no such secret or version.
            SecretDisabled: the version is disabled.
        """
        return self.vault.secrets.get(self._named("secrets"), self.version)

    def _named(self, collection: str) -> str:
        if self.url.collection != collection or self.url.name is None:
            raise BadParameter(f"{self.url} is not under /{collection}/")
        return self.url.name

    def __repr__(self) -> str:
        return f"<Resolved {self.url} in the vault at {self.vault.path}>"


class _Registration(Hidden):
    """A vault that is opened when it is first needed, and again if it was closed meanwhile."""

    __slots__ = ("_lock", "_made_here", "_opener", "_vault", "name", "path", "urls")

    def __init__(
        self, path: Path, opener: Opener, vault: Vault | None, name: str | None, urls: frozenset[str]
    ) -> None:
        self.path = path
        self.name = name
        self.urls = urls
        self._opener = opener
        self._vault = vault
        self._made_here = False
        self._lock = (
            threading.RLock()
        )  # an opener that needs its own vault fails, and does not wait for itself

    def vault(self) -> Vault:
        """Return the vault, open; threads that come at the same time wait for the one that opens it.

        A vault that the application has open itself is used as it is, and stays the application's to close.
        """
        with self._lock:
            if self._vault is None or not openvaults.is_open(self._vault):
                self._vault = openvaults.at(self.path)
                self._made_here = self._vault is None
            if self._vault is None:
                self._vault = self._opener()
            return self._vault

    def close(self) -> None:
        """Forget what opens the vault, and close it if it was opened here."""
        with self._lock:
            if self._made_here and self._vault is not None:
                self._vault.close()
            self._vault = None
            self._opener = _gone  # also for a thread that has looked this registration up already

    def forked(self) -> None:
        """Start anew in a forked child: what the parent had open is of no use there."""
        self._lock = threading.RLock()
        self._vault = None


_registered: dict[Path, _Registration] = {}
_lock = threading.Lock()


def register(
    vault: str | Path | Vault,
    *,
    passphrase: str | bytes | None = None,
    keyfile: str | Path | None = None,
    opener: Opener | None = None,
    name: str | None = None,
    urls: Iterable[str] = (),
) -> None:
    """Let `resolve` find a vault that is not open yet, or one under further URLs.

    Args:
        vault: the vault's folder: it is opened when a URL first needs it and stays open until `unregister`; or an open
            vault, which is then held on to and stays the caller's to close.
        passphrase: of a slot; it stays in this process's memory, since the vault may have to be opened again; or
        keyfile: a key file's path; or
        opener: a function that returns the vault, open, and may ask a person or a keyring. One of the three is needed
            with a folder, none with an open vault.
        name: what the vault is called, which is sealed and cannot be seen from outside; the folder's name unless given.
            A name that is wrong is harmless: nothing but the vault's own URL counts once it is open.
        urls: further base URLs this vault answers to, such as `https://app.vault.azure.net`.

    Raises:
        BadParameter: not one of the three, a name no vault can have, or a URL that is not one of a vault.
        Conflict: the folder, or one of the URLs, is registered already.
    """
    if isinstance(vault, Vault):
        if (passphrase, keyfile, opener, name) != (None, None, None, None):
            raise BadParameter("a vault that is open needs nothing but urls to be registered")
        path, opened, opens = vault.path.resolve(), vault, _gone
    else:
        path, opened, opens = Path(vault).resolve(), None, _opener(vault, passphrase, keyfile, opener)
    aliases = frozenset(map(_base_url, urls))
    called = None if opened is not None else _name(path, name, needed=not aliases)
    with _lock:
        if path in _registered:
            raise Conflict(f"the vault at {path} is registered already", hint="unregister it first")
        for other in _registered.values():
            if taken := other.urls & aliases:
                raise Conflict(f"{min(taken)} is registered already, for the vault at {other.path}")
        _registered[path] = _Registration(path, opens, opened, called, aliases)


def unregister(vault: str | Path | Vault) -> None:
    """Forget a vault that was registered, and what opens it; close it if it was opened for that.

    Raises:
        NotFound: it is not registered.
    """
    path = (vault.path if isinstance(vault, Vault) else Path(vault)).resolve()
    with _lock:
        registration = _registered.pop(path, None)
    if registration is None:
        raise NotFound(f"no vault at {path} is registered")
    registration.close()


def resolve(url: str | KeyVaultUrl) -> Resolved:
    """Find what a URL names in a vault that is open in this process, or registered.

    Whether the object is there, and may be used, shows when it is.

    Raises:
        BadParameter: it is not a Key Vault URL (see `KeyVaultUrl.parse`).
        NotFound: no open or registered vault has this URL.
        Conflict: more than one has.
        LocalVaultError: a registered vault cannot be opened: as `localvault.open` says it.
    """
    wanted = url if isinstance(url, KeyVaultUrl) else KeyVaultUrl.parse(url)
    found = openvaults.known_as(wanted.vault_url)
    found |= _registered_for(wanted, besides=found)
    if not found:
        found = openvaults.renamed_to(wanted.vault_url)
    if not found:
        raise NotFound(
            f"no vault with the URL {wanted.vault_url} is open or registered in this process",
            hint="open it, or name it by localvault.register(path, …)",
        )
    if len(found) > 1:
        places = " and ".join(sorted(map(str, found)))
        raise Conflict(f"{wanted.vault_url} is the URL of more than one vault: {places}")
    (vault,) = found.values()
    return Resolved(vault, wanted)


def _registered_for(wanted: KeyVaultUrl, *, besides: Container[Path]) -> dict[Path, Vault]:
    """Return the registered vaults that `wanted` names, open, but for those that were found already."""
    with _lock:
        registered = [each for each in _registered.values() if each.path not in besides]
    found = {each.path: each.vault() for each in registered if wanted.vault_url in each.urls}
    for each in registered:
        if each.path not in found and each.name == wanted.vault:
            vault = each.vault()
            if openvaults.url_of(vault) == wanted.vault_url:
                found[each.path] = vault
    return found


def _opener(
    path: str | Path, passphrase: str | bytes | None, keyfile: str | Path | None, opener: Opener | None
) -> Opener:
    if sum(way is not None for way in (passphrase, keyfile, opener)) != 1:
        raise BadParameter("a folder is registered with one of passphrase, keyfile and opener")
    if opener is not None:
        return opener
    # Where they are now, whatever the working folder is when they are needed.
    folder, file = Path(path).absolute(), None if keyfile is None else Path(keyfile).absolute()
    return lambda: open_vault(folder, passphrase=passphrase, keyfile=file)


def _name(path: Path, name: str | None, *, needed: bool) -> str | None:
    """Return the name a folder's vault has, as far as can be known before it is open."""
    if name is not None:
        return check_vault_name(name).lower()
    try:
        return check_vault_name(path.stem).lower()
    except BadParameter:
        if not needed:
            return None  # it is found by the URLs it was given
        raise BadParameter(
            f"the folder's name {path.stem[:60]!r} cannot name a vault",
            hint="give the vault's name: name='…'",
        ) from None


def _gone() -> Vault:
    raise NotFound(
        "the vault was closed or unregistered", hint="register its folder, so that it can be opened again"
    )


def _base_url(url: str) -> str:
    parsed = KeyVaultUrl.parse(url)
    if parsed.collection is not None:
        raise BadParameter(f"{parsed} is not the URL of a vault", hint=f"{parsed.vault_url} is")
    return parsed.vault_url


def _after_fork_in_child() -> None:
    global _lock
    _lock = threading.Lock()
    for registration in _registered.values():
        registration.forked()


os.register_at_fork(after_in_child=_after_fork_in_child)
