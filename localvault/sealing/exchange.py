"""A slot's key pair: what lets a new master key be wrapped for a slot whose secret is not at hand.

Relies on X25519 (RFC 7748), HKDF and wrap.py. Promises: who knows the public key can wrap for the slot and unwrap
nothing; what is wrapped is tied to everything in `binding` and to both public keys. docs/format.md, section 2.5.

    private key = expand(secret, "localvault/slot exchange/v1 private " | binding)
    exchanged   = ephemeral public key (32) | wrapped (104)
    wrapping    = HKDF-SHA256(salt: none, X25519(ephemeral, slot),
                              "localvault/slot exchange/v1 wrapping " | ephemeral | slot's public key | binding)

The rejected alternative, a second symmetric key for each slot that the vault keeps sealed under the master key, would
be in the hands of whoever has the old master key and a copy of the folder: it would unwrap the new one. A private key
is kept nowhere. What remains: with an old master key, which opens the public keys, a quantum computer could solve for
private ones; without any master key not even that, since a public key never stands in the clear.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from localvault.errors import Tampered
from localvault.native.memory import Locked, wipe_bytes
from localvault.sealing.hkdf import KEY_SIZE, expand, extract_and_expand
from localvault.sealing.wrap import WRAPPED_SIZE, unwrap, wrap

PUBLIC_SIZE: Final = 32
EXCHANGED_SIZE: Final = PUBLIC_SIZE + WRAPPED_SIZE

# Neither label is the beginning of the other, nor of those of wrap.py, which use the same secret.
_PRIVATE = b"localvault/slot exchange/v1 private "
_WRAPPING = b"localvault/slot exchange/v1 wrapping "


def private_key(secret: Locked, binding: bytes) -> Locked:
    """The 32 bytes of a slot's private key, from its stretched secret (32 bytes, uniformly random).

    Any 32 bytes are a private key of X25519 (RFC 7748, section 5). The slot is in `binding`, so two slots with one
    secret have nothing in common.
    """
    return expand(secret, _PRIVATE + binding)


def public_key(private: Locked) -> bytes:
    """The 32 bytes that belong to a private key."""
    return _loaded(private).public_key().public_bytes_raw()


def wrap_for(public: bytes, binding: bytes, key: Locked) -> bytes:
    """136 bytes that hold `key` (32 bytes) for whoever has the private key of `public` (32 bytes).

    The ephemeral key is new for each call and forgotten with it, so not even its maker can unwrap afterwards.

    Raises:
        Tampered: `public` is not a slot's.
        VaultClosed, VaultForked: the key is gone.
    """
    # The ephemeral private key passes from the system's generator through locked memory into OpenSSL, which wipes it.
    ephemeral = Locked.random(KEY_SIZE)
    try:
        ours = public_key(ephemeral)
        wrapping = _wrapping(ephemeral, public, ours + public + binding)
    finally:
        ephemeral.wipe()
    try:
        return ours + wrap(wrapping, binding, key)
    finally:
        wrapping.wipe()


def unwrap_with(private: Locked, binding: bytes, exchanged: bytes) -> Locked | None:
    """The key that `wrap_for` put into these 136 bytes; None if the private key or `binding` is another.

    Raises:
        Tampered: the private key is right and the wrapped key was altered, or what stands there is no public key.
        VaultClosed, VaultForked: the private key is gone.
    """
    theirs, wrapped = exchanged[:PUBLIC_SIZE], exchanged[PUBLIC_SIZE:]
    wrapping = _wrapping(private, theirs, theirs + public_key(private) + binding)
    try:
        return unwrap(wrapping, binding, wrapped)
    finally:
        wrapping.wipe()


def _wrapping(private: Locked, public: bytes, context: bytes) -> Locked:
    try:
        shared = _loaded(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        # A point of low order gives zero whatever the private key (RFC 7748, section 6.1): nobody honest sends one.
        raise Tampered("a slot's public key is not one that a vault makes") from None
    try:
        # Both public keys go into the derivation, as in every key encapsulation of this kind (RFC 9180, section 4.1):
        # without them two pairs could give one shared value, and one body could open under several secrets.
        return extract_and_expand(memoryview(shared), _WRAPPING + context)
    finally:
        wipe_bytes(shared)


def _loaded(private: Locked) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(private.view())
