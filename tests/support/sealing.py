"""What the tests of sealed files share: content, and calls in memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from localvault import Crypto, DecryptionFailed, LocalVaultError, NewerFormat

CHUNK = 65_536
CONTENT = bytes(range(256)) * 1100  # four chunks and a half


def put(path: Path, content: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(content)
    return path


def sealed(crypto: Crypto, content: bytes = CONTENT, **options: Any) -> bytes:
    """The sealed file as bytes."""
    out = io.BytesIO()
    crypto.seal_file(io.BytesIO(content), out, **options)
    return out.getvalue()


def nothing_opens(crypto: Crypto, data: bytes, target: Path, **options: Any) -> LocalVaultError:
    """The error; fails if there is one more thing in the target's folder."""
    before = sorted(target.parent.iterdir())
    with pytest.raises((DecryptionFailed, NewerFormat)) as failed:
        crypto.open_file(io.BytesIO(data), target, **options)
    assert sorted(target.parent.iterdir()) == before
    return failed.value
