"""Names, versions and vault names follow Key Vault's rules."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.errors import BadParameter
from localvault.model.names import base_url, check_name, check_suffix, check_vault_name, version_bytes

RULE = re.compile(r"^[0-9a-zA-Z-]{1,127}\Z")  # Key Vault's rule, in its own words


@given(st.one_of(st.text(max_size=130), st.from_regex(RULE), st.text("aZ09-", min_size=120, max_size=135)))
def test_a_name_is_accepted_exactly_by_key_vaults_rule(name: str) -> None:
    """Whatever the text: accepted as it is, or refused, as the rule says."""
    if RULE.match(name):
        assert check_name(name) == name
    else:
        with pytest.raises(BadParameter):
            check_name(name)


@pytest.mark.parametrize("name", ["ab", "a" * 25, "1ab", "a--b", "ab-", "-ab", "a_b", "a b", "áb-c", ""])
def test_a_vault_name_out_of_rule_is_refused(name: str) -> None:
    """3 to 24 letters, digits and single hyphens, a letter first, none last."""
    with pytest.raises(BadParameter):
        check_vault_name(name)


@pytest.mark.parametrize("name", ["abc", "a" * 24, "A-1-b"])
def test_a_vault_name_within_the_rule_is_accepted(name: str) -> None:
    """The shortest, the longest, and single hyphens."""
    assert check_vault_name(name) == name


@given(st.binary(min_size=16, max_size=16))
def test_a_version_reads_back_in_either_case(version: bytes) -> None:
    """32 hex digits, upper or lower, are the same 16 bytes."""
    assert version_bytes(version.hex()) == version_bytes(version.hex().upper()) == version


@given(st.text(max_size=40).filter(lambda text: not re.fullmatch("[0-9a-fA-F]{32}", text)))
def test_what_is_not_a_version_is_refused(text: str) -> None:
    """Also what `bytes.fromhex` would take, such as digits with spaces between them."""
    with pytest.raises(BadParameter):
        version_bytes(text)


def test_a_version_with_blanks_between_its_digits_is_refused() -> None:
    """`bytes.fromhex` skips blanks; two spellings of one version would be two names for it."""
    with pytest.raises(BadParameter):
        version_bytes("00 " * 15 + "00")


@pytest.mark.parametrize("suffix", ["", "UPPER.example", "a b", "x/y", "-a", "a.", "host:port"])
def test_a_suffix_that_is_no_host_is_refused(suffix: str) -> None:
    """A suffix ends a host name; nothing else may come in through it."""
    with pytest.raises(BadParameter):
        check_suffix(suffix)


def test_a_vaults_url_is_lower_case() -> None:
    """Hosts compare without case, so the URL has one spelling."""
    assert base_url("App", check_suffix("vault.localhost:8443")) == "https://app.vault.localhost:8443"
