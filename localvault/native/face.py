"""What every room calls to seal and open: one record at a time, or many in packed buffers.

Relies on the core's kernels (`gcm`, `xaes`, `many`, `reseal`) where this machine has a level of them, else on
`cryptography` (`fallback`, `loops`, `reseal_loop`); callers cannot tell but by the clock. The signatures are the
fallback's.

Promises: XAES-256-GCM as in C2SP (c2sp.org/XAES-256-GCM); nothing unauthenticated is ever returned; a key
that was wiped raises `VaultClosed` and one inherited through fork `VaultForked`, and neither is silently
replaced by zeros. XAES-256-GCM does not commit to its key: where an attacker may choose among keys (slots,
backups) the caller adds a commitment.

    token = prefix | nonce (24 bytes) | ciphertext | tag (16 bytes)         sealed with AAD = prefix | context
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from localvault.errors import BadParameter, DecryptionFailed, InvalidSignature
from localvault.model.offsets import look_with
from localvault.model.packed import Packed
from localvault.native.fallback import KEY_SIZE, NONCE_SIZE, TAG_SIZE
from localvault.native.levels import CHOSEN
from localvault.native.offsets import look

if TYPE_CHECKING or CHOSEN is None:
    from localvault.native.fallback import GcmKey, XaesBatch, XaesKey
    from localvault.native.loops import open_many, rewrap_many, seal_many
    from localvault.native.reseal_loop import reseal_many
else:
    from localvault.native.gcm import GcmKey
    from localvault.native.many import open_many, rewrap_many, seal_many
    from localvault.native.reseal import reseal_many
    from localvault.native.xaes import XaesBatch, XaesKey

__all__ = [
    "KEY_SIZE",
    "NONCE_SIZE",
    "TAG_SIZE",
    "GcmKey",
    "XaesBatch",
    "XaesKey",
    "open_many",
    "reseal_many",
    "rewrap_many",
    "seal_many",
    "sign_many",
    "unwrap_many",
    "verify_many",
]

look_with(look)  # from now on: `model` may not import this room


def sign_many(sign: Callable[[memoryview], bytes], digests: Packed) -> Packed:
    """One signature for each digest; what `sign` raises ends the call."""
    return Packed.of(sign(digest) for digest in digests)


def verify_many(
    verify: Callable[[memoryview, memoryview], None], digests: Packed, signatures: Packed
) -> list[int]:
    """The indexes of the signatures for which `verify(digest, signature)` raises `InvalidSignature`.

    Raises `BadParameter` if there are not as many signatures as digests; what else `verify` raises ends the
    call.
    """
    if len(digests) != len(signatures):
        raise BadParameter(f"{len(digests)} digests and {len(signatures)} signatures do not pair up")
    failed = []
    for index, (digest, signature) in enumerate(zip(digests, signatures, strict=True)):
        try:
            verify(digest, signature)
        except InvalidSignature:
            failed.append(index)
    return failed


def unwrap_many(unwrap: Callable[[memoryview], bytes], wrapped: Packed) -> tuple[Packed, list[int]]:
    """Each unwrapped key, and the indexes where `unwrap` raised `DecryptionFailed`; theirs is empty."""
    keys, failed = [], []
    for index, item in enumerate(wrapped):
        try:
            keys.append(unwrap(item))
        except DecryptionFailed:
            keys.append(b"")
            failed.append(index)
    return Packed.of(keys), failed
