"""A report's order, table, JSON and picture, from rows made by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from localvault.model.clock import from_datetime
from localvault.model.report import Report, ReportRow

NOW = datetime(2026, 7, 1, tzinfo=UTC)
DAYS = st.integers(-4000, 4000).map(lambda days: NOW + timedelta(days=days))
PAST = st.integers(0, 4000).map(lambda days: NOW - timedelta(days=days))


def row(name: str = "orders", **told: object) -> ReportRow:
    """A key that is a year old, but for what is told."""
    made = NOW - timedelta(days=365)
    usual: dict[str, object] = {
        "kind": "key",
        "name": name,
        "id": f"https://shop.vault.localhost/keys/{name}",
        "enabled": True,
        "versions": 1,
        "created": made,
        "renewed": made,
        "age": NOW - made,
        "expires_on": None,
        "next_rotation": None,
        "last_use": None,
        "overdue": None,
        "made": (made,),
    }
    return ReportRow(**(usual | told))  # type: ignore[arg-type]  # names and types stand in the line above


def report(*rows: ReportRow) -> Report:
    """A report of these rows, made now."""
    at = from_datetime(NOW, "now")
    assert at is not None
    return Report("shop", at, list(rows))


ROWS = st.builds(
    row,
    name=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=127),
    kind=st.sampled_from(["key", "secret"]),
    versions=st.integers(1, 10_000),
    created=PAST,
    expires_on=st.none() | DAYS,
    next_rotation=st.none() | DAYS,
    last_use=st.none() | PAST,
    overdue=st.sampled_from([None, "expired", "rotation"]),
    made=st.lists(PAST, max_size=32).map(tuple),
)


def test_what_wants_attention_comes_first() -> None:
    """Overdue, then what is due soonest, then the oldest."""
    soon, later = NOW + timedelta(days=1), NOW + timedelta(days=9)
    rows = [
        row("young", renewed=NOW),
        row("old"),
        row("later", next_rotation=later),
        row("soon", expires_on=soon, next_rotation=later),
        row("late", overdue="rotation"),
    ]
    assert [each.name for each in report(*rows)] == ["late", "soon", "later", "old", "young"]
    assert [each.name for each in report(*rows).overdue] == ["late"]


def test_json_has_every_field_that_a_person_sees() -> None:
    """Times are ISO 8601, the age is in days, and the whole of it is JSON."""
    told = report(row(expires_on=NOW, overdue="expired")).to_dict()
    assert json.loads(json.dumps(told)) == told
    assert (told["vault"], told["at"], told["overdue"]) == ("shop", "2026-07-01T00:00:00Z", 1)
    assert told["objects"] == [
        {
            "kind": "key",
            "name": "orders",
            "id": "https://shop.vault.localhost/keys/orders",
            "enabled": True,
            "versions": 1,
            "created": "2025-07-01T00:00:00Z",
            "renewed": "2025-07-01T00:00:00Z",
            "age_days": 365.0,
            "expires_on": "2026-07-01T00:00:00Z",
            "next_rotation": None,
            "last_use": None,
            "overdue": "expired",
        }
    ]


def test_the_table_is_plain_text() -> None:
    """A line an object under a line of titles, columns under each other."""
    lines = str(report(row(last_use=NOW), row("db", kind="secret"))).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["key", "orders", "365", "d", "1", "2026-07-01"],
        ["secret", "db", "365", "d", "1", "never"],
    ]
    assert lines[0].index("age") == lines[1].index("365")


@given(rows=st.lists(ROWS, max_size=12), limit=st.integers(1, 12))
def test_a_picture_is_well_formed_and_stays_in_its_frame(rows: list[ReportRow], limit: int) -> None:
    """Whatever stands in a name and however far its dates: XML, no scripts, no links, nothing outside."""
    picture = report(*rows).to_svg(limit)
    root = ET.fromstring(picture)  # noqa: S314  our own text
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for element in root.iter():
        assert element.tag.removeprefix("{http://www.w3.org/2000/svg}") in {
            "svg", "title", "style", "text", "line", "circle", "path",
        }  # fmt: skip
        for side, most in (("x", width), ("cx", width), ("x1", width), ("x2", width), ("y", height)):
            assert 0 <= float(element.attrib.get(side, 0)) <= most
    names = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    for each in list(report(*rows))[:limit]:
        assert any(name is not None and each.name.startswith(name.rstrip("…")) for name in names)
    assert report(*rows).to_svg(limit) == picture
