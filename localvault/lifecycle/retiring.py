"""Retiring versions of a key: by a policy, by name with proof, and removing what nobody needs any more.

Relies on `minimum` for what a policy comes down to and on `trimming` for what goes. Promises: each public method is an
authorised and journalled operation; what holds from a call on holds for the next operation of every process; a version
that counted tokens name is neither retired by name nor trimmed.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, TypeVar

from localvault.calls import Call
from localvault.errors import BadParameter, Conflict
from localvault.lifecycle import trimming
from localvault.lifecycle.head import Head
from localvault.lifecycle.minimum import NO_MINIMUM, policy_of, with_policy
from localvault.lifecycle.trimming import Part
from localvault.lifecycle.verbs import ObjectVerbs
from localvault.model import attributes as attr
from localvault.model.attributes import UNSET
from localvault.model.names import version_bytes
from localvault.model.properties import Deleted, Properties
from localvault.model.version_counts import VersionCounts
from localvault.model.version_policy import VersionPolicy, check_number
from localvault.operations import (
    KEY_GET_VERSION_POLICY,
    KEY_LIST_VERSIONS,
    KEY_RETIRE,
    KEY_SET_VERSION_POLICY,
    KEY_TRIM,
)
from localvault.records import VERSIONS, Mutation, Records

P = TypeVar("P", bound=Properties)
D = TypeVar("D", bound=Deleted)
_Ids = list[str]  # named here because inside the class `list` is the verb
_SHOWN = 50  # versions told in an event with their counts


class RetiringVerbs(ObjectVerbs[P, D]):
    """The verbs that take versions of a key out of use."""

    def version_policy(self, name: str) -> VersionPolicy:
        """Return a key's version policy; `VersionPolicy()` where it has been given none.

        Raises:
            KeyNotFound: no such key.
            BadParameter: not a name an object can have.
        """

        def body(call: Call, records: Records) -> VersionPolicy:
            _, head = self._objects.find(records, name)
            return policy_of(head.settings)

        return self._ground.door.read(KEY_GET_VERSION_POLICY, self._objects.target(name), body)

    def set_version_policy(self, name: str, policy: VersionPolicy) -> VersionPolicy:
        """Give a key a version policy in the place of the one it has; returns it.

        From then on, in every process, a version older than the minimum decrypts, unwraps and opens nothing, and makes
        nothing new where it is asked for by name: `KeyVersionRetired`. It still verifies: a signature made in its time
        stays one, and to check it gives nothing away. A lower minimum brings versions back that were not trimmed.

        Raises:
            KeyNotFound: no such key, or no such version of it.
            BadParameter: not a name an object can have.
            Conflict: the current version is not the newest, as after restoring a backup that was put together so.
        """
        self._ground.door.write(
            KEY_SET_VERSION_POLICY, self._objects.target(name), self._set_version_policy, name, policy
        )
        return policy

    def retire(self, name: str, version: str, counts: VersionCounts) -> P:
        """Disable a version that no counted token needs any more; the counts go into the event, as the proof.

        Args:
            name: the key.
            version: 32 hex digits; not the current one.
            counts: of all tokens there are, from `Crypto.count_versions`, after what named the version was rewrapped.

        Returns:
            The version's properties; `update(name, version, enabled=True)` takes it back.

        Raises:
            Conflict: tokens name the version, or it is the current one; nothing was changed.
            KeyNotFound: no such key or version.
            BadParameter: counts of another key, or not a name or version there can be.
        """
        return self._ground.door.write(
            KEY_RETIRE, self._objects.target(name), self._retire, name, version, counts
        )

    def trim(
        self, name: str, needed: VersionCounts | None = None, *, keep: int = 1, dry_run: bool = False
    ) -> _Ids:
        """Remove for good the versions that the version policy has retired; returns their ids, the oldest first.

        What was sealed under them is lost, so count what there is before. Never removed are the current version and one
        that still opens. Ten thousand versions go in one transaction, more in several, the oldest first.

        Args:
            name: the key; without a minimum in its version policy nothing is removed.
            needed: counts of all tokens there are: if one names a version that would go, none goes.
            keep: how many of the newest versions stay in any case, if the policy does not say more.
            dry_run: remove nothing; returns what would be removed, and needs only the right to list versions.

        Raises:
            Conflict: tokens name a version that would go; the sentence has the numbers, and nothing was changed.
            PurgeProtected: the vault has purge protection, and nothing has been retired for the retention time.
            KeyNotFound: no such key.
            BadParameter: counts of another key, `keep` out of range, or not a name an object can have.
        """
        target = self._objects.target(name)
        if dry_run:
            return self._ground.door.read(KEY_LIST_VERSIONS, target, self._would_trim, name, needed, keep)
        return trimming.in_parts(
            lambda border: self._ground.door.write(KEY_TRIM, target, self._trim, name, needed, keep, border)
        )

    def _set_version_policy(self, call: Call, mutation: Mutation, name: str, policy: VersionPolicy) -> None:
        if not isinstance(policy, VersionPolicy):
            raise TypeError("a version policy is a localvault.VersionPolicy")
        key, head = self._objects.find(mutation, name)
        newest = next(self._objects.ids(mutation, key, reverse=True))
        if newest != head.current and policy != VersionPolicy():
            # Ids say which version is older; where they do not, no minimum could.
            raise Conflict(
                f"the current version of key {head.name} is not its newest, so none is older than another",
                hint="rotate the key first",
            )
        lowest, newer = self._resolved(mutation, key, head, policy)
        settings = with_policy(head.settings, policy, lowest, newer, call.now)
        changed = Head(head.name, head.current, head.attributes, head.traits, None, None, settings)
        self._objects.put_head(mutation, key, changed, head)
        call.details = policy.to_dict()

    def _resolved(self, records: Records, key: bytes, head: Head, policy: VersionPolicy) -> tuple[bytes, int]:
        """Return the oldest version that opens under `policy`, and where it moves, how many are newer."""
        if policy.minimum_open is not None:
            lowest = version_bytes(policy.minimum_open)
            if not records.exists(VERSIONS, key + lowest):
                raise self._objects.not_found(head.name, policy.minimum_open)
            return lowest, 0
        if policy.latest_minus is None:
            return NO_MINIMUM, 0
        opening = list(islice(self._objects.ids(records, key, reverse=True), policy.latest_minus + 1))
        return opening[-1], len(opening) - 1

    def _retire(self, call: Call, mutation: Mutation, name: str, version: str, counts: VersionCounts) -> P:
        head, found = self._objects.read_version(call, mutation, name, version)
        try:
            self._check_counts(head, counts)
            call.details = {"proof": _proof(counts)}
            if found.id == head.current:
                raise Conflict(
                    f"version {found.id.hex()} is the current one of key {head.name}, which seals",
                    hint="rotate the key, rewrap its tokens, and retire the version then",
                )
            if number := counts.of(version):
                raise Conflict(
                    f"{number} of {counts.total} counted tokens need version {found.id.hex()} of key {head.name}",
                    hint="rewrap them, count again, and retire it then",
                )
            found.attributes = attr.changed(
                found.attributes, call.now, enabled=False, not_before=UNSET, expires_on=UNSET,
                content_type=UNSET, tags=UNSET, max_tags=0, tag_length=self._kind.tag_length,
            )  # fmt: skip
            self._objects.change_version(mutation, head, found)
            return self._of_version(head, found)
        finally:
            found.wipe()

    def _trim(
        self,
        call: Call,
        mutation: Mutation,
        name: str,
        needed: VersionCounts | None,
        keep: int,
        border: bytes | None,
    ) -> Part:
        key, first = self._trim_border(call, mutation, name, needed, keep)
        # Later parts go no further than the first one looked: what is retired meanwhile is another call's.
        return trimming.remove(
            call, mutation, self._objects, key, first if border is None else min(first, border)
        )

    def _would_trim(
        self, call: Call, records: Records, name: str, needed: VersionCounts | None, keep: int
    ) -> _Ids:
        key, border = self._trim_border(call, records, name, needed, keep)
        ids = [each.hex() for each in trimming.before(self._objects, records, key, border)]
        call.count = len(ids)
        call.details = (call.details or {}) | {"would": "trim"}
        return ids

    def _trim_border(
        self, call: Call, records: Records, name: str, needed: VersionCounts | None, keep: int
    ) -> tuple[bytes, bytes]:
        """Return the key's place, and the id before which all of its versions may go.

        Raises:
            Conflict: one of them is needed.
        """
        key, head = self._objects.find(records, name)
        keep = max(check_number(keep, "keep", 1), policy_of(head.settings).keep)
        idle = trimming.idle_keys(head)
        if needed is not None:
            self._check_counts(head, needed)
        call.details = {"proof": None if needed is None else _proof(needed)}
        border = trimming.border_of(call, records, self._objects, key, head, idle, keep)
        if needed is not None:
            self._check_unneeded(records, key, head, needed, border)
        return key, border

    def _check_unneeded(
        self, records: Records, key: bytes, head: Head, needed: VersionCounts, border: bytes
    ) -> None:
        named = {version_bytes(version): count for version, count in needed.counts.items() if count}
        going = sorted(
            version_id
            for version_id in named
            if version_id < border and records.exists(VERSIONS, key + version_id)
        )
        if going:
            tokens = sum(named[version_id] for version_id in going)
            raise Conflict(
                f"{tokens} of {needed.total} counted tokens need {len(going)} of the versions of key {head.name} "
                f"that would go, {named[going[0]]} of them the oldest, {going[0].hex()}",
                hint="rewrap them, count again, and trim then",
            )

    def _check_counts(self, head: Head, counts: VersionCounts) -> None:
        if not isinstance(counts, VersionCounts):
            raise TypeError("counts are what Crypto.count_versions returned")
        if counts.key.lower() != head.name.lower():
            raise BadParameter(f"these are counts of key {counts.key}, and prove nothing of {head.name}")


def _proof(counts: VersionCounts) -> dict[str, Any]:
    """Return what an event tells of counts: the numbers, and those of single versions as far as there is room."""
    shown = dict(islice(counts.counts.items(), _SHOWN))
    proof = {
        "total": counts.total,
        "invalid": counts.invalid,
        "unknown": sum(counts.unknown.values()),
        "counts": shown,
    }
    left = len(counts.counts) - len(shown)
    return proof | ({"more_versions": left} if left else {})
