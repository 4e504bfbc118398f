"""Azure's crypto verbs, one message or many.

Relies on `algorithms` behind a loaded key. Promises: every call, of one or of many, is one authorised and journalled
operation; a key does only what its state and its permitted operations allow.
"""

from __future__ import annotations

from collections.abc import Iterable

from localvault.algorithms import bulk
from localvault.calls import Call
from localvault.crypto.batches import Outcome
from localvault.crypto.use import KeyUse
from localvault.errors import DecryptionFailed, InvalidSignature
from localvault.model.packed import Packed
from localvault.model.results import DecryptResult, EncryptResult, SignResult, UnwrapResult, WrapResult
from localvault.operations import KEY_DECRYPT, KEY_ENCRYPT, KEY_SIGN, KEY_UNWRAP, KEY_VERIFY, KEY_WRAP
from localvault.records import Records


class CryptoVerbs(KeyUse):
    """Encrypt, decrypt, wrap, unwrap, sign and verify with one key."""

    def encrypt(
        self,
        algorithm: str,
        plaintext: bytes,
        *,
        iv: bytes | None = None,
        additional_authenticated_data: bytes | None = None,
    ) -> EncryptResult:
        """Encrypt one message.

        Args:
            algorithm: `RSA-OAEP`, `RSA-OAEP-256`, or `A{128,192,256}{GCM,CBC,CBCPAD}` for an oct key of that size.
            plaintext: for RSA at most the modulus less the padding; for CBC zeros fill the last block.
            iv: CBC and CBCPAD only: 16 bytes, drawn if not given. GCM draws its own 12 bytes and refuses one.
            additional_authenticated_data: GCM only.

        Raises:
            BadParameter: the algorithm, a length or an argument does not fit the key.
            KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: the key may not.
        """

        def body(call: Call, records: Records) -> EncryptResult:
            key_id, loaded = self._find(call, records, "encrypt")
            call.details = {"algorithm": algorithm}
            made = loaded.material.encrypt(algorithm, plaintext, iv, additional_authenticated_data)
            return EncryptResult(
                key_id, algorithm, made.ciphertext, made.iv, made.tag, additional_authenticated_data
            )

        return self._ground.door.read(KEY_ENCRYPT, self._target, body)

    def decrypt(
        self,
        algorithm: str,
        ciphertext: bytes,
        *,
        iv: bytes | None = None,
        authentication_tag: bytes | None = None,
        additional_authenticated_data: bytes | None = None,
        allow_rsa1_5: bool = False,
    ) -> DecryptResult:
        """Decrypt one message that `encrypt` (or another implementation) made; also after the key has expired.

        Args:
            algorithm: as for `encrypt`, and `RSA1_5` if `allow_rsa1_5` asks for it.
            ciphertext: what was encrypted.
            iv: GCM, CBC and CBCPAD: the one it was encrypted with.
            authentication_tag: GCM: 16 bytes.
            additional_authenticated_data: GCM: what was given to `encrypt`.
            allow_rsa1_5: RSA1_5 invites padding oracles (Bleichenbacher); only for data that has no other form.

        Raises:
            DecryptionFailed: it does not open, for whatever reason.
            BadParameter: the algorithm, a length or an argument does not fit the key.
            KeyNotFound, KeyDisabled, KeyOperationForbidden: the key may not.
        """

        def body(call: Call, records: Records) -> DecryptResult:
            key_id, loaded = self._find(call, records, "decrypt")
            call.details = {"algorithm": algorithm}
            plaintext = loaded.material.decrypt(
                algorithm,
                ciphertext,
                iv,
                additional_authenticated_data,
                authentication_tag,
                allow_rsa1_5=allow_rsa1_5,
            )
            return DecryptResult(key_id, algorithm, plaintext)

        return self._ground.door.read(KEY_DECRYPT, self._target, body)

    def wrap_key(self, algorithm: str, key: bytes) -> WrapResult:
        """Encrypt another key.

        Args:
            algorithm: `RSA-OAEP`, `RSA-OAEP-256`, or `A{128,192,256}KW` for an oct key of that size.
            key: for AES-KW 16 bytes or more, in multiples of 8.

        Raises:
            BadParameter, KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `encrypt`.
        """

        def body(call: Call, records: Records) -> WrapResult:
            key_id, loaded = self._find(call, records, "wrapKey")
            call.details = {"algorithm": algorithm}
            return WrapResult(key_id, algorithm, loaded.material.wrap(algorithm, key))

        return self._ground.door.read(KEY_WRAP, self._target, body)

    def unwrap_key(self, algorithm: str, encrypted_key: bytes, *, allow_rsa1_5: bool = False) -> UnwrapResult:
        """Decrypt another key that `wrap_key` (or another implementation) encrypted; also after this one has expired.

        Raises:
            DecryptionFailed, BadParameter, KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `decrypt`.
        """

        def body(call: Call, records: Records) -> UnwrapResult:
            key_id, loaded = self._find(call, records, "unwrapKey")
            call.details = {"algorithm": algorithm}
            key = loaded.material.unwrap(algorithm, encrypted_key, allow_rsa1_5=allow_rsa1_5)
            return UnwrapResult(key_id, algorithm, key)

        return self._ground.door.read(KEY_UNWRAP, self._target, body)

    def wrap_many(self, algorithm: str, keys: Iterable[bytes]) -> list[bytes]:
        """Encrypt many keys as one operation; returns them in order. Arguments as for `wrap_key`.

        Raises:
            BadParameter, KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `encrypt`.
        """
        packed = Packed.of(keys)

        def body(call: Call, records: Records) -> list[bytes]:
            _, loaded = self._find(call, records, "wrapKey")
            call.count, call.details = len(packed), {"algorithm": algorithm}
            return bulk.wrap_many(loaded.material, algorithm, packed).to_list()

        return self._ground.door.read(KEY_WRAP, self._target, body)

    def unwrap_many(
        self,
        algorithm: str,
        encrypted_keys: Iterable[bytes],
        *,
        allow_rsa1_5: bool = False,
        failed: list[int] | None = None,
    ) -> list[bytes]:
        """Decrypt many keys as one operation: all of them, or an error; with `failed`, those that open.

        Args:
            algorithm: as for `unwrap_key`.
            encrypted_keys: what was wrapped.
            allow_rsa1_5: as for `unwrap_key`.
            failed: a list to which the index of every key that does not open is added; it is empty in the result. The
                event is a success whose details say how many failed.

        Raises:
            DecryptionFailed: as for `decrypt`; not if there is `failed`.
            BadParameter, KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `decrypt`.
        """
        packed, outcome = Packed.of(encrypted_keys), Outcome(failed)

        def body(call: Call, records: Records) -> list[bytes]:
            _, loaded = self._find(call, records, "unwrapKey")
            call.count, call.details = len(packed), {"algorithm": algorithm}
            keys, wrong = bulk.unwrap_many(loaded.material, algorithm, packed, allow_rsa1_5=allow_rsa1_5)
            if outcome.is_error(call, wrong):
                raise DecryptionFailed(
                    f"{len(wrong)} of {len(packed)} wrapped keys do not open, the first is number {wrong[0]}"
                )
            return keys.to_list()

        return outcome.told(self._ground.door.read(KEY_UNWRAP, self._target, body))

    def sign(self, algorithm: str, digest: bytes) -> SignResult:
        """Sign a digest.

        Args:
            algorithm: `RS`, `PS` or `HS` and 256, 384 or 512; `ES256`, `ES384`, `ES512` or `ES256K`; `EdDSA`.
            digest: 32, 48 or 64 bytes by the number in the algorithm's name; for HS and EdDSA the message itself.

        Returns:
            `.signature`: for ES r and s side by side (64, 96 or 132 bytes).

        Raises:
            BadParameter, KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `encrypt`.
        """

        def body(call: Call, records: Records) -> SignResult:
            key_id, loaded = self._find(call, records, "sign")
            call.details = {"algorithm": algorithm}
            return SignResult(key_id, algorithm, loaded.material.sign(algorithm, digest))

        return self._ground.door.read(KEY_SIGN, self._target, body)

    def sign_many(self, algorithm: str, digests: Iterable[bytes]) -> list[bytes]:
        """Sign many digests as one operation; returns the signatures in order.

        Raises:
            BadParameter, KeyNotFound, KeyDisabled, KeyExpired, KeyNotYetValid, KeyOperationForbidden: as for `encrypt`.
        """
        packed = Packed.of(digests)

        def body(call: Call, records: Records) -> list[bytes]:
            _, loaded = self._find(call, records, "sign")
            call.count, call.details = len(packed), {"algorithm": algorithm}
            return bulk.sign_many(loaded.material, algorithm, packed).to_list()

        return self._ground.door.read(KEY_SIGN, self._target, body)

    def verify(self, algorithm: str, digest: bytes, signature: bytes) -> None:
        """Check a signature; returns nothing if it is good. Arguments as for `sign`; also after the key has expired.

        Raises:
            InvalidSignature: it is not good.
            BadParameter, KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `decrypt`.
        """

        def body(call: Call, records: Records) -> None:
            _, loaded = self._find(call, records, "verify")
            call.details = {"algorithm": algorithm}
            loaded.material.verify(algorithm, digest, signature)

        self._ground.door.read(KEY_VERIFY, self._target, body)

    def verify_many(
        self,
        algorithm: str,
        digests: Iterable[bytes],
        signatures: Iterable[bytes],
        *,
        failed: list[int] | None = None,
    ) -> None:
        """Check many signatures as one operation; returns nothing if all are good.

        Args:
            algorithm: as for `sign`.
            digests: what was signed.
            signatures: as many as digests.
            failed: a list to which the index of every signature that is not good is added: whoever hands one in has to
                look at it. The event is a success whose details say how many failed.

        Raises:
            InvalidSignature: one is not; the sentence names the first. Not if there is `failed`.
            BadParameter, KeyNotFound, KeyDisabled, KeyOperationForbidden: as for `decrypt`.
        """
        packed, signed, outcome = Packed.of(digests), Packed.of(signatures), Outcome(failed)

        def body(call: Call, records: Records) -> None:
            _, loaded = self._find(call, records, "verify")
            call.count, call.details = len(packed), {"algorithm": algorithm}
            wrong = bulk.verify_many(loaded.material, algorithm, packed, signed)
            if outcome.is_error(call, wrong):
                raise InvalidSignature(
                    f"{len(wrong)} of {len(packed)} signatures are not good, the first is number {wrong[0]}"
                )

        outcome.told(self._ground.door.read(KEY_VERIFY, self._target, body))
