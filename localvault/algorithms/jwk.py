"""JSON Web Keys (RFC 7517), read strictly: what is not exactly as specified is refused.

Relies on the standard library alone. Promises: any input, however hostile, gives members of the promised form or
`BadParameter`, in time linear in its length; no message shows a member's value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from localvault.errors import BadParameter

# The longest member is the modulus (or private exponent) of RSA-4096: 512 bytes, 683 characters. Some encoders put
# zero bytes in front (Key Vault's own tests do), so twice that is read and anything longer never becomes a number.
_MEMBER_MAX = 1366
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


def encode(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def encode_integer(value: int, width: int | None = None) -> str:
    """Return Base64urlUInt (RFC 7518, 2): big-endian, in `width` bytes, or as few as hold it."""
    return encode(value.to_bytes(width or max(1, (value.bit_length() + 7) // 8), "big"))


def decode(text: object, what: str) -> bytes:
    """Return the bytes of base64url text: its alphabet only, no padding, no blanks, unused bits zero.

    Raises:
        BadParameter: anything else; `what` names it in the sentence.
    """
    if (
        not isinstance(text, str)
        or len(text) > _MEMBER_MAX
        or _BASE64URL.fullmatch(text) is None
        or len(text) % 4 == 1
    ):
        raise BadParameter(f"{what} is not base64url text without padding (RFC 7515, 2)")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    # Several texts would otherwise name the same bytes (RFC 4648, 3.5).
    if encode(data) != text:
        raise BadParameter(f"{what} is base64url text that ends in stray bits")
    return data


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the members of a JSON object.

    Raises:
        BadParameter: not one JSON object in UTF-8, nested too deep, or with a member twice.
    """
    try:
        members = json.loads(text, object_pairs_hook=_unique)
    # JSONDecodeError and UnicodeDecodeError are ValueErrors; a nesting too deep is a RecursionError.
    except (ValueError, RecursionError):
        raise BadParameter("the JSON Web Key is not a JSON object with each member once") from None
    if not isinstance(members, dict):
        raise BadParameter("the JSON Web Key is not a JSON object")
    return members


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):  # two readers could take two different keys out of one text (RFC 7517, 4)
        raise ValueError
    return members


class Members:
    """The members of one JSON Web Key, read by type; those that do not describe the key itself are ignored."""

    __slots__ = ("_members",)

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = members

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def text(self, name: str) -> str:
        """Return a text member.

        Raises:
            BadParameter: it is missing or not text.
        """
        value = self._get(name)
        if not isinstance(value, str):
            raise BadParameter(f"the member {name} of the JSON Web Key is not text")
        return value

    def octets(self, name: str, width: int | None = None) -> bytes:
        """Return a member of base64url text, of exactly `width` bytes if given.

        Raises:
            BadParameter: it is missing, not base64url, or of another length.
        """
        data = decode(self._get(name), f"the member {name} of the JSON Web Key")
        if width is not None and len(data) != width:
            raise BadParameter(
                f"the member {name} of the JSON Web Key has {len(data)} bytes instead of {width}"
            )
        return data

    def integer(self, name: str, width: int | None = None) -> int:
        """Return a Base64urlUInt member; zero bytes in front are read, although RFC 7518 has them only in EC keys.

        Raises:
            BadParameter: as for `octets`.
        """
        return int.from_bytes(self.octets(name, width), "big")

    def _get(self, name: str) -> object:
        try:
            return self._members[name]
        except KeyError:
            raise BadParameter(f"the JSON Web Key lacks its member {name}") from None
