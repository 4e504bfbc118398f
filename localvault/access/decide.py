"""May this principal do this operation on this scope?

Relies on rows of `operations` (by their data action alone) and on role assignments. Promises: what no assignment
allows is refused with `AccessDenied`; a role's right on a scope covers everything below it and nothing beside it.

One principal exists so far, the owner: whoever unlocks a slot of the master key. The rule below is already the general
one, so that principals and roles to come add rows and change no decision.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import NamedTuple

from localvault.errors import AccessDenied

OWNER = "owner"


class Role(NamedTuple):
    """A named set of data actions; `*` stands for any run of characters, as in Azure's role definitions."""

    name: str
    data_actions: tuple[str, ...]


class Assignment(NamedTuple):
    """A principal given a role on a scope and on all below it."""

    principal: str
    role: Role
    scope: str


OWNER_ROLE = Role("Owner", ("*",))


class Access:
    """The decisions for one open vault, each computed once."""

    def __init__(self, assignments: tuple[Assignment, ...] = (Assignment(OWNER, OWNER_ROLE, "/"),)) -> None:
        self._assignments = assignments
        self._everywhere: set[tuple[str, str]] = set()

    def require(self, principal: str, data_action: str, scope: str) -> None:
        """Return if `principal` holds `data_action` on `scope`.

        Raises:
            AccessDenied: no assignment allows it.
        """
        if (principal, data_action) in self._everywhere:
            return
        for assignment in self._assignments:
            if assignment.principal == principal and _allows(assignment.role, data_action):
                if assignment.scope == "/":
                    # Only a right on the whole vault may be remembered without its scope.
                    self._everywhere.add((principal, data_action))
                    return
                if scope == assignment.scope or scope.startswith(assignment.scope + "/"):
                    return
        raise AccessDenied(
            f"{principal} may not {data_action} on {scope}", hint="ask an owner for a role that allows it"
        )


def _allows(role: Role, data_action: str) -> bool:
    return any(fnmatchcase(data_action, pattern) for pattern in role.data_actions)
