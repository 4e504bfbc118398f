"""What every vector is driven through: the same few calls on the algorithms room and on an open vault.

`Verbs.key` imports key material and returns something that encrypts, decrypts, wraps, unwraps, signs and verifies by
the algorithm's name. RSA1_5 is always asked for here: whether it was is tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import localvault
from localvault.algorithms.material import KeyMaterial, import_key
from localvault.crypto.client import Crypto
from localvault.testing.profiles import CHEAPEST

Material = str | bytes | Mapping[str, Any]


class Made(NamedTuple):
    """What encrypting gives."""

    ciphertext: bytes
    iv: bytes | None
    tag: bytes | None


class Key(Protocol):
    """One imported key."""

    def encrypt(
        self, algorithm: str, plaintext: bytes, iv: bytes | None = None, aad: bytes | None = None
    ) -> Made:
        """Encrypt."""
        ...

    def decrypt(
        self,
        algorithm: str,
        ciphertext: bytes,
        iv: bytes | None = None,
        aad: bytes | None = None,
        tag: bytes | None = None,
    ) -> bytes:
        """Decrypt."""
        ...

    def wrap(self, algorithm: str, key: bytes) -> bytes:
        """Wrap a key."""
        ...

    def unwrap(self, algorithm: str, encrypted_key: bytes) -> bytes:
        """Unwrap a key."""
        ...

    def sign(self, algorithm: str, digest: bytes) -> bytes:
        """Sign a digest."""
        ...

    def verify(self, algorithm: str, digest: bytes, signature: bytes) -> None:
        """Check a signature."""
        ...

    def public_jwk(self) -> dict[str, Any]:
        """Return the public part."""
        ...


class Verbs(Protocol):
    """A way to drive vectors."""

    sample: int
    """How many cases of one file an ordinary run takes."""

    def key(self, material: Material, password: str | bytes | None = None) -> Key:
        """Import a key; the same material gives the same key again."""
        ...


class RoomKey:
    """A key of the algorithms room."""

    def __init__(self, material: KeyMaterial) -> None:
        self._material = material
        self.wrap, self.sign, self.verify = material.wrap, material.sign, material.verify

    def encrypt(
        self, algorithm: str, plaintext: bytes, iv: bytes | None = None, aad: bytes | None = None
    ) -> Made:
        """Encrypt."""
        return Made(*self._material.encrypt(algorithm, plaintext, iv, aad))

    def decrypt(
        self,
        algorithm: str,
        ciphertext: bytes,
        iv: bytes | None = None,
        aad: bytes | None = None,
        tag: bytes | None = None,
    ) -> bytes:
        """Decrypt."""
        return self._material.decrypt(algorithm, ciphertext, iv, aad, tag, allow_rsa1_5=algorithm == "RSA1_5")

    def unwrap(self, algorithm: str, encrypted_key: bytes) -> bytes:
        """Unwrap a key."""
        return self._material.unwrap(algorithm, encrypted_key, allow_rsa1_5=algorithm == "RSA1_5")

    def public_jwk(self) -> dict[str, Any]:
        """Return the public part."""
        public = self._material.public_key()
        assert public is not None
        return dict(public.jwk())


class RoomVerbs:
    """Vectors driven directly."""

    sample = 400

    def __init__(self) -> None:
        self._keys: dict[str, RoomKey] = {}

    def key(self, material: Material, password: str | bytes | None = None) -> RoomKey:
        """Import a key."""
        name = repr((material, password))
        if name not in self._keys:
            self._keys[name] = RoomKey(import_key(material, password=password))
        return self._keys[name]


class VaultKey:
    """A key in a vault."""

    def __init__(self, vault: localvault.Vault, name: str) -> None:
        self._vault = vault
        self._name = name
        self._crypto: Crypto = vault.crypto(name)

    def encrypt(
        self, algorithm: str, plaintext: bytes, iv: bytes | None = None, aad: bytes | None = None
    ) -> Made:
        """Encrypt."""
        made = self._crypto.encrypt(algorithm, plaintext, iv=iv, additional_authenticated_data=aad)
        return Made(made.ciphertext, made.iv, made.authentication_tag)

    def decrypt(
        self,
        algorithm: str,
        ciphertext: bytes,
        iv: bytes | None = None,
        aad: bytes | None = None,
        tag: bytes | None = None,
    ) -> bytes:
        """Decrypt."""
        return self._crypto.decrypt(
            algorithm,
            ciphertext,
            iv=iv,
            additional_authenticated_data=aad,
            authentication_tag=tag,
            allow_rsa1_5=algorithm == "RSA1_5",
        ).plaintext

    def wrap(self, algorithm: str, key: bytes) -> bytes:
        """Wrap a key."""
        return self._crypto.wrap_key(algorithm, key).encrypted_key

    def unwrap(self, algorithm: str, encrypted_key: bytes) -> bytes:
        """Unwrap a key."""
        return self._crypto.unwrap_key(algorithm, encrypted_key, allow_rsa1_5=algorithm == "RSA1_5").key

    def sign(self, algorithm: str, digest: bytes) -> bytes:
        """Sign a digest."""
        return self._crypto.sign(algorithm, digest).signature

    def verify(self, algorithm: str, digest: bytes, signature: bytes) -> None:
        """Check a signature."""
        self._crypto.verify(algorithm, digest, signature)

    def public_jwk(self) -> dict[str, Any]:
        """Return the public part, without what the vault adds to it."""
        members = self._vault.keys.get(self._name).public_jwk()
        return {name: value for name, value in members.items() if name not in ("kid", "key_ops")}


class VaultVerbs:
    """Vectors driven through a vault's public verbs: `keys.import_` and `crypto`."""

    sample = 60

    def __init__(self, folder: Path) -> None:
        self._vault = localvault.create(
            folder / "vectors.vault", passphrase="vectors", name="vectors", kdf=CHEAPEST, allow_weak=True
        )
        self._keys: dict[str, VaultKey] = {}

    def key(self, material: Material, password: str | bytes | None = None) -> VaultKey:
        """Import a key under a new name."""
        known = repr((material, password))
        if known not in self._keys:
            name = f"vector-{len(self._keys)}"
            self._vault.keys.import_(name, material, password=password)
            self._keys[known] = VaultKey(self._vault, name)
        return self._keys[known]

    def close(self) -> None:
        """Verify the journal of all that was done, and close the vault."""
        self._vault.audit.verify()
        self._vault.close()
