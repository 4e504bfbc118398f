"""JSON Web Keys are read strictly: one text, one key, or `BadParameter`."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.algorithms import jwk
from localvault.algorithms.material import import_key
from localvault.errors import BadParameter
from tests.support.keys import KINDS, key

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.binary(max_size=700))
def test_base64url_comes_back(data: bytes) -> None:
    """Without padding, in the URL-safe alphabet."""
    text = jwk.encode(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert jwk.decode(text, "it") == data


@given(st.text(max_size=40))
def test_only_one_text_stands_for_some_bytes(text: str) -> None:
    """Whatever decodes is exactly what its bytes encode to."""
    try:
        data = jwk.decode(text, "it")
    except BadParameter:
        return
    assert jwk.encode(data) == text


@pytest.mark.parametrize(
    "text", ["AA==", "A", "AB", "AAB", "A A", "AA\n", "+/AA", "AAAA=", "AÀ", None, 7, b"AAAA", ["AA"]]
)
def test_base64url_in_any_other_form_is_refused(text: object) -> None:
    """Padding, blanks, the other alphabet, stray bits, and what is no text."""
    with pytest.raises(BadParameter):
        jwk.decode(text, "it")


@given(st.integers(0, 1 << 4200))
def test_integers_come_back(value: int) -> None:
    """In as few bytes as hold them; zero in one."""
    text = jwk.encode_integer(value)
    assert int.from_bytes(jwk.decode(text, "it"), "big") == value
    assert len(jwk.decode(text, "it")) == max(1, (value.bit_length() + 7) // 8)


@pytest.mark.parametrize("name", KINDS)
def test_a_key_comes_back_from_mapping_text_and_bytes(name: str) -> None:
    """And members that do not describe the key itself are ignored."""
    members: dict[str, Any] = key(name).private_jwk()
    members |= {"kid": "name", "use": "sig", "key_ops": ["sign"], "x5c": ["…"], "anything": {"else": 1}}
    text = json.dumps(members)
    for form in (members, text, text.encode(), bytearray(text.encode()), "\n " + text):
        assert import_key(form).encode() == key(name).encode()


@given(
    st.dictionaries(st.sampled_from(["kty", "crv", "n", "e", "d", "x", "y", "k", "p", "oth"]), json_values)
)
def test_any_other_mapping_is_refused(members: dict[str, Any]) -> None:
    """Whatever its members are."""
    with pytest.raises(BadParameter):
        import_key(members)


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_a_key_with_one_member_replaced_is_refused_or_whole(name: str, data: st.DataObject) -> None:
    """Nothing but `BadParameter` comes out of it."""
    members: dict[str, Any] = key(name).private_jwk()
    if name.startswith("RSA"):  # the private numbers have tests of their own, at 0.1 s each
        members = {member: members[member] for member in ("kty", "n", "e")}
    member = data.draw(st.sampled_from(sorted(members)))
    replaced = members | {member: data.draw(json_values | st.binary(max_size=80).map(jwk.encode))}
    try:
        import_key(replaced)
    except BadParameter:
        return


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        '{"kty":"oct"}',
        '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA","k":"AAAAAAAAAAAAAAAAAAAAAA"}',
        '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA"}x',
        '{"kty":"OCT","k":"AAAAAAAAAAAAAAAAAAAAAA"}',
        '{"kty":["oct"],"k":"AAAAAAAAAAAAAAAAAAAAAA"}',
        '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA=="}',
        '{"kty":"oct","k":""}',
        '{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAA"}',
        '{"a":' * 5000,
        '{"a":' + "[" * 20000 + "]" * 20000 + "}",
        '{"a":' + "9" * 60000 + "}",
        '{"a":' + "9" * 4000 + "e" + "9" * 4000 + "}",
        '{"n":"' + "A" * 60000 + '","e":"AQAB","kty":"RSA"}',
        '{"kty":"\\ud800"}',
        b'{"kty":"\xff"}',
        "{" + '"a":1,' * 10000 + '"b":1}',
    ],
    ids=lambda text: repr(text[:30]),
)
def test_hostile_json_is_refused_at_once(text: str | bytes) -> None:
    """Broken, repeated, deep, huge or not quite right."""
    started = time.perf_counter()
    with pytest.raises(BadParameter):
        import_key(text)
    assert time.perf_counter() - started < 1


def test_a_mapping_deeper_than_the_recursion_limit_is_refused() -> None:
    """It came from somebody's own parser."""
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"kty": deep}
    with pytest.raises(BadParameter):
        import_key(deep)


def test_no_message_shows_a_member() -> None:
    """A private member that is refused does not end up in a log."""
    secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"
    for members in (
        {"kty": "oct", "k": secret},
        {"kty": "EC", "crv": "P-256", "x": secret, "y": secret, "d": secret},
    ):
        with pytest.raises(BadParameter) as caught:
            import_key(members)
        assert secret not in f"{caught.value!r} {caught.value.hint} {caught.value.__cause__}"


def test_a_json_web_key_takes_no_password() -> None:
    """Whoever gives one believes something that is not so."""
    with pytest.raises(BadParameter):
        import_key(key("oct-256").private_jwk(), password="…")


@pytest.mark.parametrize("material", [None, 5, 1 << 60, 1.5, [], [1, 2], object(), True])
def test_what_is_neither_text_nor_bytes_nor_a_mapping_is_refused(material: Any) -> None:
    """Also a number, which Python would turn into that many zero bytes."""
    with pytest.raises(BadParameter, match="text, bytes or the mapping"):
        import_key(material)
