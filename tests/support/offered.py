"""The kinds of key that tests of objects go through, and what each can do, written down once more."""

from __future__ import annotations

from tests.support.keys import KINDS

# The larger sizes of RSA are the business of the algorithms' own tests: making one takes a second.
OFFERED = [name for name in KINDS if name != "RSA-3072"]
ASYMMETRIC = [name for name in OFFERED if not name.startswith("oct")]
_ALL = ("encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey")
_SIGNING = ("sign", "verify")
_BY_TYPE = {"RSA": _ALL, "oct": _ALL, "EC": _SIGNING, "OKP": _SIGNING}
OPERATIONS = {name: _BY_TYPE[KINDS[name][0]] for name in KINDS} | {"OKP-X25519": ()}
