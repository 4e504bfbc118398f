"""Which version of its key a token or sealed file names; and of how many, so that a version's retirement can be proved.

Relies on `named`. Promises: nothing is opened, and no key is needed, to tell what is named;
counting is one authorised and journalled operation that holds no transaction while it counts; whatever the items hold,
each is counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from localvault.calls import Apart, Call
from localvault.crypto.named import Named, by_files, by_tokens, of_file
from localvault.crypto.source import Place, reading
from localvault.crypto.use import KeyUse
from localvault.model.packed import Packed
from localvault.model.version_counts import VersionCounts
from localvault.operations import KEY_COUNT_VERSIONS
from localvault.records import Records
from localvault.sealing.token import parse


def token_version(token: bytes) -> str:
    """Return the version of its key that a token names, 32 hex digits.

    Nothing is authenticated: only opening it tells that it is a token of that version.

    Raises:
        DecryptionFailed: no token, or one cut short.
        NewerFormat: a token made by a newer localvault.
    """
    return parse(bytes(token)).hex()


def file_version(path: Place) -> str:
    """Return the version of its key that a sealed file names, 32 hex digits; as for `token_version`.

    Raises:
        DecryptionFailed: not a sealed file, or not so much as the beginning of one.
        NewerFormat: sealed by a newer localvault.
        BadParameter: it cannot be read, or is a folder.
        VaultError: the disk failed.
    """
    with reading(path) as source:
        return of_file(source).hex()


class VersionVerbs(KeyUse):
    """Count which versions of one key are named."""

    def count_versions(self, tokens: Packed | Iterable[bytes]) -> VersionCounts:
        """Count which versions of the key tokens name; millions a second for a `Packed`.

        Args:
            tokens: what `seal` or `seal_many` made; other items are counted as such.

        Raises:
            KeyNotFound: no such key.
            BadParameter: not a name an object can have.
        """
        return self._counted(lambda: by_tokens(tokens))

    def count_file_versions(self, paths: Iterable[Place]) -> VersionCounts:
        """As `count_versions`, for sealed files; reads no more than the beginning of each.

        Raises:
            KeyNotFound: no such key.
            BadParameter: a file cannot be read, or is a folder; or not a name an object can have.
            VaultError: the disk failed.
        """
        return self._counted(lambda: by_files(paths))

    def _counted(self, count: Callable[[], tuple[Named, int]]) -> VersionCounts:
        with self._ground.door.apart(KEY_COUNT_VERSIONS, self._target) as apart:
            # What is not there says so before it counts.
            apart.look(lambda call, records: self._keys.require(records, self._name))
            named, invalid = count()
            counts = self._sorted_out(apart, named, invalid)
            apart.call.count = counts.total
            apart.call.details = {
                "versions": len(counts.counts),
                "unknown": sum(counts.unknown.values()),
                "invalid": invalid,
            }
            apart.tell()
        return counts

    def _sorted_out(self, apart: Apart, named: Named, invalid: int) -> VersionCounts:
        def look(call: Call, records: Records) -> tuple[str, set[bytes]]:
            return self._keys.known(records, self._name, named)

        name, known = apart.look(look)
        counts = {each.hex(): named[each] for each in sorted(named) if each in known}
        unknown = {each.hex(): named[each] for each in sorted(named) if each not in known}
        return VersionCounts(name, counts, unknown, invalid)
