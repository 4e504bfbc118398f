"""What a secret's value may be: text or bytes, and no longer than the vault takes.

Relies on nothing. Promises: an error tells the value's size or type, and nothing else of it.
"""

from __future__ import annotations

from localvault.errors import BadParameter

Value = str | bytes


def check_value(value: Value, limit: int) -> None:
    """Return if `value` is text or bytes of at most `limit` bytes (in UTF-8).

    Raises:
        BadParameter: it is not.
    """
    if isinstance(value, str):
        size = len(value) if value.isascii() else _utf8_length(value)
    elif isinstance(value, bytes):
        size = len(value)
    else:
        raise BadParameter(f"a secret's value is text or bytes, not {type(value).__name__}")
    if size > limit:
        raise BadParameter(
            f"the value has {size} bytes, and this vault takes {limit}",
            hint="the vault's setting max_value_bytes raises the limit",
        )


def _utf8_length(value: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        raise BadParameter("the value holds half of a surrogate pair, which UTF-8 cannot carry") from None
