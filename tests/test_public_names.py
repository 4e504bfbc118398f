"""The public surface: a sorted list, complete, and nothing else."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import localvault
from localvault import errors

# Names that other programs were promised.
PROMISED = {"LocalVaultError", "Packed", "Vault", "create", "open", "__version__"}


def test_all_is_sorted_and_unique() -> None:
    """So that two additions meet in a merge."""
    assert localvault.__all__ == sorted(set(localvault.__all__))


@pytest.mark.parametrize("name", localvault.__all__)
def test_every_name_is_there(name: str) -> None:
    """Each public name resolves, and a second time to the same thing."""
    assert getattr(localvault, name) is getattr(localvault, name)


def test_nothing_else_is_public() -> None:
    """`dir` shows the list, what is promised is in it, and so is every error."""
    assert dir(localvault) == localvault.__all__
    tree = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert tree | PROMISED <= set(localvault.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """Lazy loading does not change what a typing mistake looks like."""
    with pytest.raises(AttributeError, match="no attribute 'sekrets'"):
        localvault.sekrets  # noqa: B018  # the access is what is tested


def test_key_material_is_not_public() -> None:
    """What handles raw keys is not importable by accident."""
    assert not {"Locked", "MasterKey", "XaesKey", "native", "sealing"} & set(localvault.__all__)


def test_the_version_is_the_packages() -> None:
    """`__version__`, the metadata and the changelog's newest entry say the same."""
    assert localvault.__version__ == version("localvault")
    changelog = Path(__file__).parent.parent / "CHANGELOG.md"
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", changelog.read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert newest.group(1) == localvault.__version__
