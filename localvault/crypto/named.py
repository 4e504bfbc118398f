"""The version ids that tokens and sealed files name, read from what they begin with.

Relies on `native.prefixes` for many at once. Promises: nothing is opened; an item that names nothing is counted as such
and ends nothing; a long row of items needs the memory of some of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from localvault.crypto.source import Place, Source, reading
from localvault.errors import DecryptionFailed, NewerFormat
from localvault.model.packed import Packed
from localvault.native.prefixes import count_prefixes
from localvault.sealing import filehead, token

_ROUND = 10_000  # tokens of a list that are packed at once

Named = dict[bytes, int]


def by_tokens(tokens: Packed | Iterable[bytes]) -> tuple[Named, int]:
    """Return how many tokens name each version id, and how many items are no token or one of a newer format."""
    named, invalid = Named(), 0
    for part in _packed(tokens):
        prefixes, short = count_prefixes(part, token.OVERHEAD)
        invalid += short
        for prefix, count in prefixes.items():
            try:
                version_id = token.parse_prefix(prefix)
            except (DecryptionFailed, NewerFormat):
                invalid += count
            else:
                named[version_id] = named.get(version_id, 0) + count
    return named, invalid


def by_files(paths: Iterable[Place]) -> tuple[Named, int]:
    """As `by_tokens`, for sealed files.

    Raises:
        BadParameter: a file cannot be read, or is a folder.
        VaultError: the disk failed.
    """
    named, invalid = Named(), 0
    for path in paths:
        with reading(path) as source:
            try:
                version_id = of_file(source)
            except (DecryptionFailed, NewerFormat):
                invalid += 1
            else:
                named[version_id] = named.get(version_id, 0) + 1
    return named, invalid


def of_file(source: Source) -> bytes:
    """Return the version id that a sealed file names.

    Raises:
        DecryptionFailed: not a sealed file, or not so much as the beginning of one.
        NewerFormat: sealed by a newer localvault.
        VaultError: the disk failed.
    """
    beginning = bytearray(filehead.HEADER_SIZE)
    size = source.read(memoryview(beginning))
    return filehead.parse(bytes(beginning[:size])).version_id


def _packed(tokens: Packed | Iterable[bytes]) -> Iterator[Packed]:
    """Yield the tokens as they are, or packed so many at a time that a long row of them needs little memory."""
    if isinstance(tokens, Packed):
        yield tokens
        return
    rest = iter(tokens)
    while part := list(islice(rest, _ROUND)):
        yield Packed.of(part)
