"""Who may do what: a right on a scope covers everything below it and nothing beside it, and nothing is assumed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault import AccessDenied
from localvault.access.decide import OWNER, OWNER_ROLE, Access, Assignment, Role
from localvault.operations import OPERATIONS

READER = Role("Reader", ("secrets/getSecret/action", "keys/*"))
SCOPES = ["/", "/secrets", "/secrets/db", "/secrets/db/x", "/secrets/db2", "/keys", "/keys/db", "/secretsdb"]


def allows(access: Access, principal: str, data_action: str, scope: str) -> bool:
    """Whether it returns instead of raising."""
    try:
        access.require(principal, data_action, scope)
    except AccessDenied:
        return False
    return True


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
def test_the_owner_may_do_everything_and_nobody_else_anything(operation: object) -> None:
    """Every operation on every scope; `Access()` is the owner's vault."""
    row = OPERATIONS[str(getattr(operation, "name", ""))]
    access = Access()
    for scope in SCOPES:
        assert allows(access, OWNER, row.data_action, scope)
        for stranger in ("", "Owner", "owner ", "someone"):
            assert not allows(access, stranger, row.data_action, scope)
        assert not allows(Access(()), OWNER, row.data_action, scope)


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("/", SCOPES),
        ("/secrets", ["/secrets", "/secrets/db", "/secrets/db/x", "/secrets/db2"]),
        ("/secrets/db", ["/secrets/db", "/secrets/db/x"]),
        ("/keys/none", []),
    ],
)
def test_a_right_covers_what_is_below_its_scope(scope: str, covered: list[str]) -> None:
    """Not what is beside or above it, nor what only begins alike; asked in any order, also a second time."""
    for order in (SCOPES, SCOPES[::-1]):
        access = Access((Assignment("ann", READER, scope),))
        for _ in range(2):
            allowed = [asked for asked in order if allows(access, "ann", "secrets/getSecret/action", asked)]
            assert sorted(allowed) == sorted(covered)


@pytest.mark.parametrize(
    ("data_action", "allowed"),
    [
        ("secrets/getSecret/action", True),
        ("secrets/getsecret/action", False),
        ("secrets/getSecret", False),
        ("secrets/setSecret/action", False),
        ("keys/read", True),
        ("keys/sign/action", True),
        ("localvault/keys/export/action", False),
        ("", False),
    ],
)
def test_a_role_allows_what_its_patterns_say(data_action: str, allowed: bool) -> None:
    """Letter by letter, a star for any run of characters, from the beginning to the end."""
    access = Access((Assignment("ann", READER, "/"),))
    assert allows(access, "ann", data_action, "/keys/db") == allowed


def test_what_was_allowed_once_is_remembered_for_that_alone() -> None:
    """A right on the whole vault for one principal and action says nothing of another principal or action."""
    access = Access((Assignment("ann", READER, "/"), Assignment("bob", READER, "/keys")))
    access.require("ann", "keys/read", "/keys/db")
    assert not allows(access, "bob", "keys/read", "/secrets")
    assert not allows(access, "ann", "secrets/setSecret/action", "/keys/db")
    assert allows(access, "bob", "keys/read", "/keys/db")
    assert not allows(access, "bob", "keys/read", "/")


def test_one_assignment_that_allows_is_enough() -> None:
    """Whatever stands before it does not matter."""
    none = Role("None", ())
    access = Access(
        (
            Assignment("ann", none, "/"),
            Assignment("ann", READER, "/keys/other"),
            Assignment("ann", READER, "/keys/db"),
        )
    )
    assert allows(access, "ann", "keys/read", "/keys/db")
    assert not allows(access, "ann", "keys/read", "/keys")


def test_a_refusal_says_who_what_and_where() -> None:
    """With Azure's code, and what can be done."""
    with pytest.raises(AccessDenied, match=r"ann may not keys/read on /keys/db") as denied:
        Access().require("ann", "keys/read", "/keys/db")
    assert denied.value.code == "ForbiddenByRbac"
    assert denied.value.hint


@given(st.text(max_size=40), st.sampled_from(SCOPES[1:]))
def test_no_text_widens_a_scope(name: str, scope: str) -> None:
    """A name with slashes, dots or stars in it is only ever below the collection it was asked in."""
    access = Access((Assignment("ann", OWNER_ROLE, scope),))
    asked = f"/certificates/{name}"
    assert not allows(access, "ann", "keys/read", asked)
    assert allows(access, "ann", "keys/read", f"{scope}/{name}")
