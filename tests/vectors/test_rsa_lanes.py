"""The RSA vectors once more, three of each at a time through the bulk calls, on a core that serves them anywhere."""

from __future__ import annotations

import pytest

from localvault.algorithms import bulk
from localvault.algorithms.material import KeyMaterial, import_key
from localvault.errors import DecryptionFailed, InvalidSignature
from localvault.model.packed import Packed
from tests.support.scalar import core
from tests.vectors.test_rsa_encryption import (  # noqa: F401  (collected here with other verbs)
    test_ciphertexts_of_rsa_laboratories_open,
    test_oaep_of_wycheproof,
)
from tests.vectors.test_rsa_signatures import (  # noqa: F401
    test_pkcs1_signatures_of_nist_are_made_again,
    test_pkcs1_signatures_of_wycheproof,
    test_pkcs1_signatures_of_wycheproof_are_made_again,
    test_pss_signatures_of_wycheproof,
    test_signatures_of_nist_pass_or_fail,
)
from tests.vectors.verbs import Material, RoomKey, RoomVerbs

TIMES = 3


class LaneKey(RoomKey):
    """A key of the algorithms room, asked for everything three times at once."""

    def __init__(self, material: KeyMaterial) -> None:
        super().__init__(material)
        self.sign, self.verify = self._sign, self._verify

    def decrypt(
        self,
        algorithm: str,
        ciphertext: bytes,
        iv: bytes | None = None,
        aad: bytes | None = None,
        tag: bytes | None = None,
    ) -> bytes:
        """Unwrap, which is the same for RSA."""
        return self.unwrap(algorithm, ciphertext)

    def unwrap(self, algorithm: str, encrypted_key: bytes) -> bytes:
        """Unwrap a key."""
        packed = Packed.of([encrypted_key] * TIMES)
        opened, failed = bulk.unwrap_many(self._material, algorithm, packed, allow_rsa1_5=True)
        if failed:
            assert failed == list(range(TIMES))
            raise DecryptionFailed("none of them opens")
        assert bytes(opened[0]) == bytes(opened[TIMES - 1])
        return bytes(opened[0])

    def _sign(self, algorithm: str, digest: bytes) -> bytes:
        made = bulk.sign_many(self._material, algorithm, Packed.of([digest] * TIMES)).to_list()
        assert len(made) == TIMES
        return made[-1]

    def _verify(self, algorithm: str, digest: bytes, signature: bytes) -> None:
        packed = Packed.of([digest] * TIMES), Packed.of([signature] * TIMES)
        if failed := bulk.verify_many(self._material, algorithm, *packed):
            assert failed == list(range(TIMES))
            raise InvalidSignature("none of them is good")


class LaneVerbs(RoomVerbs):
    """Vectors driven through the bulk calls."""

    sample = 10

    def key(self, material: Material, password: str | bytes | None = None) -> LaneKey:
        """Import a key."""
        name = repr((material, password))
        if name not in self._keys:
            self._keys[name] = LaneKey(import_key(material, password=password))
        found = self._keys[name]
        assert isinstance(found, LaneKey)
        return found


_VERBS = LaneVerbs()


@pytest.fixture
def verbs(monkeypatch: pytest.MonkeyPatch) -> LaneVerbs:
    """In place of those of conftest.py."""
    core().use(monkeypatch)
    return _VERBS
