"""What a secret's value may be."""

from __future__ import annotations

from typing import Any

import pytest

from localvault import BadParameter
from localvault.model.value import check_value


@pytest.mark.parametrize("value", ["", "abcd", "äé", b"", bytes(4)])
def test_text_and_bytes_up_to_the_limit_are_taken(value: str | bytes) -> None:
    """Counted in UTF-8."""
    check_value(value, 4)


@pytest.mark.parametrize("value", ["abcde", "äéx", bytes(5), "\ud800", 5, None, bytearray(1)])
def test_anything_else_is_refused_without_being_repeated(value: Any) -> None:
    """The error tells size or type."""
    with pytest.raises(BadParameter) as refused:
        check_value(value, 4)
    assert "abcde" not in str(refused.value)
