"""The face of `vault.crypto(name)`."""

from __future__ import annotations

from localvault.crypto.envelopes import EnvelopeVerbs
from localvault.crypto.files import FileVerbs
from localvault.crypto.tokens import TokenVerbs
from localvault.crypto.verbs import CryptoVerbs
from localvault.crypto.versions import VersionVerbs


class Crypto(CryptoVerbs, TokenVerbs, FileVerbs, EnvelopeVerbs, VersionVerbs):
    """The crypto verbs of one key (`vault.crypto(name)`), or of one version of it (`vault.crypto(name, version)`).

    What protects (encrypt, wrap, sign, seal, rewrap) uses that version, the current one unless told otherwise; a token
    or sealed file is opened under the version it names.
    """
