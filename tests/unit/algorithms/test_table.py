"""The table of algorithms and operations says what there is, and refuses the rest with what would do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localvault.algorithms import table
from localvault.errors import BadParameter, KeyOperationForbidden

OFFERED = (
    "RSA-OAEP RSA-OAEP-256 RSA1_5 A128GCM A192GCM A256GCM A128CBC A192CBC A256CBC A128CBCPAD A192CBCPAD A256CBCPAD "
    "A128KW A192KW A256KW RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 ES256K HS256 HS384 HS512 EdDSA"
)


def test_exactly_these_algorithms_are_offered() -> None:
    """No more and no less than the documentation names."""
    assert sorted(table.ALGORITHMS) == sorted(OFFERED.split())


@given(st.text(max_size=60), st.sampled_from(["encrypt", "wrap", "sign"]), st.sampled_from(table.KEY_TYPES))
def test_a_name_that_is_not_offered_is_refused_in_a_short_sentence(name: str, use: str, kty: str) -> None:
    """Whatever the name is, the sentence stays short and says what would do."""
    if name in table.ALGORITHMS:
        return
    with pytest.raises(BadParameter) as caught:
        table.algorithm(name, use, kty)
    assert len(caught.value.message) < 160


@pytest.mark.parametrize(
    ("name", "use", "kty", "size", "curve"),
    [
        ("A256GCM", "encrypt", "oct", 128, None),
        ("A128KW", "wrap", "oct", 256, None),
        ("A256KW", "encrypt", "oct", 256, None),
        ("A256GCM", "wrap", "oct", 256, None),
        ("RS256", "encrypt", "RSA", None, None),
        ("ES256", "sign", "EC", None, "P-384"),
        ("ES256", "sign", "EC", None, "P-256K"),
        ("ES256K", "sign", "EC", None, "P-256"),
        ("EdDSA", "sign", "OKP", None, "X25519"),
        ("HS256", "sign", "RSA", None, None),
        ("none", "sign", "oct", 256, None),
    ],
)
def test_an_algorithm_fits_only_its_own_key_and_use(
    name: str, use: str, kty: str, size: int | None, curve: str | None
) -> None:
    """Another size, curve, type or use is refused."""
    with pytest.raises(BadParameter):
        table.algorithm(name, use, kty, size=size, curve=curve)


@pytest.mark.parametrize(
    ("kty", "size", "curve", "shape"),
    [
        ("RSA", None, None, (3072, None)),
        ("RSA", 4096, None, (4096, None)),
        ("oct", None, None, (256, None)),
        ("oct", 128, None, (128, None)),
        ("EC", None, None, (None, "P-256")),
        ("EC", None, "P-256K", (None, "P-256K")),
        ("OKP", None, None, (None, "Ed25519")),
        ("OKP", None, "X25519", (None, "X25519")),
    ],
)
def test_a_shape_is_completed(
    kty: str, size: int | None, curve: str | None, shape: tuple[int | None, str | None]
) -> None:
    """What is not chosen is the default of the type."""
    assert table.check_shape(kty, size, curve) == shape


@pytest.mark.parametrize(
    ("kty", "size", "curve"),
    [
        ("RSA", 1024, None),
        ("RSA", 2049, None),
        ("RSA", 0, None),
        ("RSA", 2048, "P-256"),
        ("oct", 512, None),
        ("EC", 256, None),
        ("EC", None, "P-224"),
        ("EC", None, "Ed25519"),
        ("OKP", None, "Ed448"),
        ("DSA", None, None),
        ("rsa", None, None),
        ("", None, None),
    ],
)
def test_a_shape_that_is_not_offered_is_refused(kty: str, size: int | None, curve: str | None) -> None:
    """Sizes, curves and types outside the table do not pass."""
    with pytest.raises(BadParameter):
        table.check_shape(kty, size, curve)


@pytest.mark.parametrize(
    ("kty", "curve", "operations"),
    [
        ("RSA", None, "encrypt decrypt sign verify wrapKey unwrapKey"),
        ("oct", None, "encrypt decrypt sign verify wrapKey unwrapKey"),
        ("EC", "P-256", "sign verify"),
        ("OKP", "Ed25519", "sign verify"),
        ("OKP", "X25519", ""),
    ],
)
def test_the_default_operations_are_all_the_key_can_do(kty: str, curve: str | None, operations: str) -> None:
    """As Key Vault has it."""
    assert table.default_operations(kty, curve=curve) == tuple(operations.split())
    assert table.check_operations(kty, None, curve=curve) == tuple(operations.split())


def test_a_public_part_can_only_encrypt_verify_and_wrap() -> None:
    """What needs the private part is not among its operations and cannot be asked for."""
    assert table.default_operations("RSA", public_only=True) == ("encrypt", "verify", "wrapKey")
    assert table.default_operations("EC", curve="P-256", public_only=True) == ("verify",)
    with pytest.raises(BadParameter):
        table.check_operations("RSA", ["sign"], public_only=True)


@given(st.lists(st.sampled_from(table.OPERATIONS)))
def test_operations_come_back_once_and_in_order(asked: list[str]) -> None:
    """However they were given."""
    assert table.check_operations("RSA", asked) == tuple(name for name in table.OPERATIONS if name in asked)


@pytest.mark.parametrize(
    ("kty", "operations"), [("EC", ["encrypt"]), ("RSA", ["Sign"]), ("RSA", "sign"), ("oct", [""])]
)
def test_operations_the_key_cannot_do_are_refused(kty: str, operations: list[str]) -> None:
    """Unknown ones, impossible ones, and a text in place of a list."""
    with pytest.raises(BadParameter):
        table.check_operations(kty, operations)


def test_an_operation_that_is_not_permitted_is_forbidden() -> None:
    """And one that is, is not."""
    table.require_operation(("sign", "verify"), "sign")
    with pytest.raises(KeyOperationForbidden):
        table.require_operation(("sign", "verify"), "decrypt")
