"""One key in use: who asks for it, and which version.

Relies on `lifecycle` for the key's state and material. Promises: nothing of the key is touched before the door has let
the operation in.
"""

from __future__ import annotations

from localvault.calls import Call
from localvault.lifecycle.ground import Ground
from localvault.lifecycle.loaded import Loaded, LoadedKeys
from localvault.records import Records


class KeyUse:
    """What the verbs of one key, or of one version of it, share."""

    def __init__(self, ground: Ground, keys: LoadedKeys, name: str, version: str | None) -> None:
        self._ground = ground
        self._keys = keys
        self._name = name
        self._version = version
        self._target = f"/keys/{name[:200]}"

    def _find(self, call: Call, records: Records, operation: str) -> tuple[str, Loaded]:
        """Return the URL and the material of the version in use, if it may do `operation`."""
        name, version_id, loaded = self._keys.find(call, records, self._name, self._version, operation)
        return f"{self._ground.home.url}/keys/{name}/{version_id.hex()}", loaded
