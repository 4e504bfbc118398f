"""Results of the crypto verbs have Azure's names, and those that hold something secret show nothing."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from localvault.model.results import DecryptResult, EncryptResult, SignResult, UnwrapResult, WrapResult

KEY_ID = "https://app.vault.localhost/keys/k/" + "0" * 32
SECRET = [DecryptResult(KEY_ID, "A256GCM", b"marker"), UnwrapResult(KEY_ID, "A256KW", b"marker")]
hiding = pytest.mark.parametrize("result", SECRET, ids=lambda result: type(result).__name__)


def test_they_have_azures_names() -> None:
    """As azure-keyvault-keys 4 has them on its CryptographyClient's results."""
    encrypted = EncryptResult(KEY_ID, "A256GCM", b"c", b"iv", b"tag", b"aad")
    assert (encrypted.key_id, encrypted.algorithm, encrypted.ciphertext) == (KEY_ID, "A256GCM", b"c")
    assert (encrypted.iv, encrypted.authentication_tag) == (b"iv", b"tag")
    assert encrypted.additional_authenticated_data == b"aad"
    assert DecryptResult(KEY_ID, "A256GCM", b"p").plaintext == b"p"
    assert WrapResult(KEY_ID, "A256KW", b"w").encrypted_key == b"w"
    assert UnwrapResult(KEY_ID, "A256KW", b"k").key == b"k"
    assert SignResult(KEY_ID, "ES256", b"s").signature == b"s"


def test_what_an_algorithm_does_not_have_is_none() -> None:
    """RSA has no iv, CBC no tag."""
    bare = EncryptResult(KEY_ID, "RSA-OAEP", b"c")
    assert (bare.iv, bare.authentication_tag, bare.additional_authenticated_data) == (None, None, None)


@hiding
def test_what_was_opened_is_not_shown(result: object) -> None:
    """By repr, str, format, or within something else."""
    for shown in (repr(result), str(result), f"{result:>60}", f"{[result]} {(result,)}"):
        assert "not shown" in shown
        assert "marker" not in shown


@hiding
@pytest.mark.parametrize("escape", [pickle.dumps, copy.copy, copy.deepcopy, vars, dict, hash, bytes])
def test_no_general_function_takes_it_apart(result: object, escape: Callable[[object], object]) -> None:
    """What they hold leaves by its attribute only."""
    with pytest.raises(TypeError):
        escape(result)
