"""Argon2id (RFC 9106, version 1.3) from locked memory into locked memory.

Relies on argon2's low-level context, because every call above it copies the passphrase into memory nobody wipes; the
rejected alternative, `cryptography`'s Argon2id, is missing where that was built without OpenSSL 3.2. Promises: no copy
of the passphrase or the output is left; Argon2's working memory is wiped by Argon2 itself, but may have been swapped.
"""

from __future__ import annotations

from typing import Final

from argon2.low_level import ARGON2_VERSION, Type, core, error_to_str, ffi

from localvault.native.memory import Locked
from localvault.sealing.profiles import KdfProfile

SALT_SIZE: Final = 16  # RFC 9106 section 3.1
_OUTPUT_SIZE = 32
_OK, _THREAD_FAIL = 0, -33  # ARGON2_OK, ARGON2_THREAD_FAIL of argon2.h


def stretch(passphrase: Locked, salt: bytes, profile: KdfProfile) -> Locked:
    """32 bytes from a passphrase; takes `profile`'s memory, and releases the GIL. Check the profile before.

    Raises:
        MemoryError: the system does not have the memory.
        VaultClosed, VaultForked: the passphrase is gone.
    """
    output = Locked.zero(_OUTPUT_SIZE)
    secret, out = passphrase.view(), output.view()
    context = ffi.new("argon2_context *")
    context.pwd, context.pwdlen = ffi.from_buffer("uint8_t[]", secret), len(secret)
    context.out, context.outlen = ffi.from_buffer("uint8_t[]", out), _OUTPUT_SIZE
    context.salt, context.saltlen = ffi.from_buffer("uint8_t[]", salt), len(salt)
    context.t_cost, context.m_cost = profile.time_cost, profile.memory_kib
    context.lanes = context.threads = profile.parallelism
    context.version = ARGON2_VERSION
    result = core(context, Type.ID.value)
    if result == _THREAD_FAIL:
        # No more threads to be had: one computes the same, only slower.
        context.threads = 1
        result = core(context, Type.ID.value)
    if result != _OK:
        raise MemoryError(f"{profile.text} could not be computed: {error_to_str(result)}")
    return output
