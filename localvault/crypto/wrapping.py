"""Data keys wrapped, opened and moved, many at a time, by whatever a key and a suite have for it.

Relies on `sealing.datakey` for the forms, on the native core for XAES-256-GCM and on `algorithms.bulk` for key wrap and
RSA. Promises: data keys stand in locked memory; what key wrap and RSA return as Python objects is copied there and
overwritten; one that does not open costs the others nothing.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from localvault.algorithms import bulk
from localvault.errors import DecryptionFailed, NewerFormat
from localvault.lifecycle.loaded import Loaded
from localvault.model.packed import Packed
from localvault.native import face
from localvault.native.face import XaesKey
from localvault.native.memory import Locked, equal, wipe_bytes
from localvault.sealing import datakey
from localvault.sealing.datakey import BINDING_SIZE, SIZES, XAES_256_GCM, Wrapped
from localvault.sealing.token import KEY_ID, PREFIX_LEN

Find = Callable[[bytes], Loaded | None]
"""The version of the key with this id, if it may do what is asked; None if there is none."""
_BYTES = tuple(size // 8 for size in SIZES)


class Place(NamedTuple):
    """Where in a piece of locked memory a data key stands."""

    at: int
    size: int


class Opened(NamedTuple):
    """Data keys in locked memory, and which of those asked for are not among them; their places have no size."""

    memory: Locked
    places: list[Place]
    wrong: list[int]


def wrap(loaded: Loaded, version_id: bytes, suite: int, secrets: Packed, context: bytes) -> Packed:
    """Wrap data keys under this version, as the suite has it.

    Raises:
        BadParameter: the key does not have that algorithm.
        VaultClosed, VaultForked: the key is gone.
    """
    prefix = datakey.prefix(suite, version_id)
    if suite == XAES_256_GCM:
        return face.seal_many(loaded.wraps, prefix, secrets, context)
    algorithm = datakey.algorithm_of(suite, loaded.material.size)
    wrapped = bulk.wrap_many(loaded.material, algorithm, secrets)
    return Packed.of(
        [
            b"".join((prefix, item, datakey.binding(secret, prefix, context)))
            for item, secret in zip(wrapped, secrets, strict=True)
        ]
    )


def xaes_keys(find: Find) -> Callable[[bytes], XaesKey]:
    """Return what finds the key that opens data keys sealed under a version."""

    def found(version_id: bytes) -> XaesKey:
        loaded = find(version_id)
        # An RSA key sealed none: such a prefix is another suite's or made up, and the tag of neither would fit.
        if loaded is None or loaded.material.kty != "oct":
            raise DecryptionFailed("the data key names a version this key does not have")
        return loaded.wraps

    return found


def open_all(find: Find, wrapped: Packed, context: bytes) -> Opened:
    """Open data keys of whatever versions and suites into one piece of locked memory, the caller's to wipe.

    Raises:
        KeyDisabled, KeyOperationForbidden, KeyNotFound: what `find` raises ends the call.
        VaultClosed, VaultForked: a key is gone.
    """
    memory = Locked.zero(wrapped.nbytes)
    try:
        window = memory.view()
        # All are taken for the usual suite first; the others do not open as that, since it has a key of its own.
        opened, rest = face.open_many(xaes_keys(find), PREFIX_LEN, KEY_ID, wrapped, context, window)
        ends = opened.offsets.tolist()
        places = [Place(at, end - at) for at, end in pairwise(ends)]
        wrong: list[int] = []
        end = ends[-1]
        for index, secret in zip(rest, _unwrapped(find, [wrapped[i] for i in rest], context), strict=True):
            if secret is None:
                wrong.append(index)
                continue
            # A data key is shorter than its wrapped form, so there is room for it behind the others.
            places[index] = Place(end, len(secret))
            window[end : end + len(secret)] = secret
            end += len(secret)
            wipe_bytes(secret)
    except BaseException:
        memory.wipe()
        raise
    return Opened(memory, places, wrong)


def move(find: Find, target: Loaded, version_id: bytes, wrapped: Packed, context: bytes) -> list[bytes]:
    """Wrap data keys again under the version `target`, by the same algorithm if it has that; empty where one fails.

    For those that the core's own rewrapping did not open.

    Raises:
        KeyDisabled, KeyOperationForbidden, VaultClosed, VaultForked: as for `open_all`.
    """
    opened = open_all(find, wrapped, context)
    moved = [b""] * len(wrapped)
    try:
        groups: dict[int, list[int]] = defaultdict(list)
        for index in sorted(set(range(len(wrapped))) - set(opened.wrong)):
            groups[_suite_after(wrapped[index][1], target)].append(index)
        for suite, indexes in groups.items():
            secrets = _gathered(opened, indexes)
            try:
                made = wrap(target, version_id, suite, _packed(secrets, opened, indexes), context).to_list()
            finally:
                secrets.wipe()
            for index, item in zip(indexes, made, strict=True):
                moved[index] = item
    finally:
        opened.memory.wipe()
    return moved


def _suite_after(suite: int, target: Loaded) -> int:
    kty, size = target.material.kty, target.material.size
    return suite if datakey.serves(suite, kty) else datakey.suite_of(None, kty, size)


def _gathered(opened: Opened, indexes: list[int]) -> Locked:
    memory = Locked.zero(sum(opened.places[index].size for index in indexes))
    source, window, end = opened.memory.view(), memory.view(), 0
    for at, size in (opened.places[index] for index in indexes):
        window[end : end + size] = source[at : at + size]
        end += size
    return memory


def _packed(secrets: Locked, opened: Opened, indexes: list[int]) -> Packed:
    sizes = (opened.places[index].size for index in indexes)
    return Packed.trusted(secrets.view(), array("q", accumulate(sizes, initial=0)))


def _unwrapped(find: Find, wrapped: list[memoryview], context: bytes) -> list[bytes | None]:
    """Return the data keys that key wrap or RSA wrapped, None where one does not open."""
    groups: dict[Wrapped, list[int]] = defaultdict(list)
    for index, item in enumerate(wrapped):
        said = _parsed(bytes(item))
        if said is not None and said.suite != XAES_256_GCM:
            groups[said].append(index)
    found: list[bytes | None] = [None] * len(wrapped)
    for said, indexes in groups.items():
        loaded = find(said.version_id)
        if loaded is None or not datakey.serves(said.suite, loaded.material.kty):
            continue
        secrets = _unwrapped_alike(loaded, said, [wrapped[i] for i in indexes], context)
        for index, secret in zip(indexes, secrets, strict=True):
            found[index] = secret
    return found


def _unwrapped_alike(
    loaded: Loaded, said: Wrapped, wrapped: Sequence[memoryview], context: bytes
) -> list[bytes | None]:
    prefix = datakey.prefix(*said)
    bodies = Packed.of([item[PREFIX_LEN:-BINDING_SIZE] for item in wrapped])
    keys, _ = bulk.unwrap_many(
        loaded.material, datakey.algorithm_of(said.suite, loaded.material.size), bodies
    )
    # One that does not open is empty here, and so no data key; which of the checks failed is told to nobody.
    found = [
        bytes(key)
        if len(key) in _BYTES and equal(datakey.binding(key, prefix, context), bytes(item[-BINDING_SIZE:]))
        else None
        for key, item in zip(keys, wrapped, strict=True)
    ]
    if isinstance(keys.data.obj, bytes):
        wipe_bytes(keys.data.obj)
    return found


def _parsed(wrapped: bytes) -> Wrapped | None:
    try:
        return datakey.parse(wrapped)
    except (DecryptionFailed, NewerFormat):
        return None
