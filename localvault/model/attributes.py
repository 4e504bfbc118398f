"""The changeable part of one version, as it is stored and checked.

Source: Key Vault's limits (15 tags; names and values of tags at most 256 characters on keys, 512 on secrets; content
type at most 255). Promises: an `Attributes` list that left `new` or `changed` is within the limits.

Attributes travel as a plain list, `[enabled, not_before, expires_on, created, updated, content_type, tags]`, times in
microseconds: the form msgpack reads and writes without a copy, on the path of every `secrets.get`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

from localvault.errors import BadParameter
from localvault.model.clock import EARLIEST, LATEST

Attributes = list[Any]
ENABLED, NOT_BEFORE, EXPIRES_ON, CREATED, UPDATED, CONTENT_TYPE, TAGS = range(7)
CONTENT_TYPE_MAX = 255


class Unset:
    """The type of `UNSET`, which tells "leave it" from "set it to nothing" in `update`."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()


def new(
    now: int,
    *,
    enabled: bool,
    not_before: int | None,
    expires_on: int | None,
    content_type: str | None,
    tags: Mapping[str, str] | None,
    max_tags: int,
    tag_length: int,
) -> Attributes:
    """Return checked attributes of a version made at `now` (µs).

    Raises:
        BadParameter: too many or too long tags, a content type over 255 characters, or an expiry before the start.
    """
    checked = _check_tags(tags, max_tags, tag_length) if tags else None
    _check_content_type(content_type)
    _check_dates(not_before, expires_on)
    return [_flag(enabled), not_before, expires_on, now, now, content_type, checked]


def changed(
    attributes: Attributes,
    now: int,
    *,
    enabled: bool | Unset,
    not_before: int | Unset | None,
    expires_on: int | Unset | None,
    content_type: str | Unset | None,
    tags: Mapping[str, str] | Unset | None,
    max_tags: int,
    tag_length: int,
) -> Attributes:
    """Return a copy of `attributes` with what is set replaced and `updated` moved past its old value.

    Raises:
        BadParameter: as for `new`.
    """
    result = list(attributes)
    if not isinstance(enabled, Unset):
        result[ENABLED] = _flag(enabled)
    if not isinstance(not_before, Unset):
        result[NOT_BEFORE] = not_before
    if not isinstance(expires_on, Unset):
        result[EXPIRES_ON] = expires_on
    if not isinstance(content_type, Unset):
        _check_content_type(content_type)
        result[CONTENT_TYPE] = content_type
    if not isinstance(tags, Unset):
        result[TAGS] = _check_tags(tags, max_tags, tag_length) if tags else None
    _check_dates(result[NOT_BEFORE], result[EXPIRES_ON])
    # `updated` must change with every update (Key Vault's own tests compare it), also when the clock stood still.
    result[UPDATED] = max(now, attributes[UPDATED] + 1)
    return result


def renewed(attributes: Attributes, now: int) -> Attributes:
    """Return the attributes of the version that replaces one with `attributes` at `now` (µs).

    As in Key Vault the tags stay and the new version is enabled; it lives as long as the old one was made to live.
    """
    expires_on = attributes[EXPIRES_ON]
    if expires_on is not None:
        # "Never" is often said as the last day of the year 9999, and no `datetime` lies after that.
        expires_on = min(now + expires_on - attributes[CREATED], LATEST)
    return [True, None, expires_on, now, now, attributes[CONTENT_TYPE], attributes[TAGS]]


def are_whole(attributes: object) -> bool:
    """Whether `attributes`, which came from elsewhere, have the form `new` gives them; limits are the vault's own."""
    if not isinstance(attributes, list) or len(attributes) != TAGS + 1:
        return False
    enabled, not_before, expires_on, created, updated, content_type, tags = attributes
    return (
        isinstance(enabled, bool)
        and all(_is_moment(moment) for moment in (created, updated))
        and all(moment is None or _is_moment(moment) for moment in (not_before, expires_on))
        and isinstance(content_type, str | None)
        and (
            tags is None
            or (isinstance(tags, dict) and all(isinstance(text, str) for text in chain(*tags.items())))
        )
    )


def _is_moment(micros: object) -> bool:
    return isinstance(micros, int) and not isinstance(micros, bool) and EARLIEST <= micros <= LATEST


def _flag(enabled: object) -> bool:
    if not isinstance(enabled, bool):
        # None would disable and "false" enable: neither is what was meant.
        raise BadParameter(f"enabled is True or False, not {type(enabled).__name__}")
    return enabled


def _check_tags(tags: Mapping[str, str], max_tags: int, tag_length: int) -> dict[str, str]:
    given: object = tags  # whatever a caller without types handed in
    if not isinstance(given, Mapping):
        raise BadParameter(f"tags are a mapping of names to values, not {type(given).__name__}")
    if len(tags) > max_tags:
        raise BadParameter(
            f"{len(tags)} tags are more than the {max_tags} an object may have",
            hint="the vault's setting max_tags raises the limit",
        )
    pairs: Iterable[tuple[object, object]] = tags.items()  # untyped likewise
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadParameter("a tag's name and value are both text")
        if not 1 <= len(name) <= tag_length or len(value) > tag_length:
            raise BadParameter(
                f"a tag's name (1 to {tag_length}) or value (0 to {tag_length} characters) is too long"
            )
        _check_text(name, "a tag's name")
        _check_text(value, "a tag's value")
    return dict(tags)


def _check_content_type(content_type: object) -> None:
    if content_type is None:
        return
    if not isinstance(content_type, str) or len(content_type) > CONTENT_TYPE_MAX:
        raise BadParameter(f"a content type is text of at most {CONTENT_TYPE_MAX} characters")
    _check_text(content_type, "a content type")


def _check_text(text: str, what: str) -> None:
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadParameter(f"{what} holds half of a surrogate pair, which UTF-8 cannot carry") from None


def _check_dates(not_before: int | None, expires_on: int | None) -> None:
    if not_before is not None and expires_on is not None and expires_on <= not_before:
        raise BadParameter("expires_on must lie after not_before")
