"""Makes the vectors of wrapped data keys, `data-keys.json`: `python -m tests.vectors.make_data_keys FILE SEED`.

Uses nothing of localvault (tests/support/data_keys.py follows the specification alone). All that is random comes from
SEED but the padding of RSA: those of the file stay, and are only read.

    name, expect: opens, fails (`DecryptionFailed`) or newer (`NewerFormat`)
    material: of the oct key in hexadecimal, or the RSA key in PEM
    version, context, wrapped: what the reader has and is given; secret: the data key, if it opens
    token, plaintext: what the data key sealed under the same context
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.data_keys import KW, OAEP, OAEP_256, XAES, encrypt, prefix, seal, token, wrap
from tests.vectors.make_files import Draw


def cases(seed: str) -> Iterator[dict[str, str]]:
    """Every case of an oct key, in order."""
    draw = Draw(seed)
    yield from _opening(draw)
    yield from _failing(draw)


def _case(
    name: str, expect: str, material: bytes, version: bytes, context: bytes, wrapped: bytes
) -> dict[str, str]:
    return {
        "name": name,
        "expect": expect,
        "material": material.hex(),
        "version": version.hex(),
        "context": context.hex(),
        "wrapped": wrapped.hex(),
    }


def _opened(draw: Draw, case: dict[str, str], secret: bytes) -> dict[str, str]:
    plaintext, context = draw(20), bytes.fromhex(case["context"])
    made = token(secret, draw(24), plaintext, context)
    return case | {"secret": secret.hex(), "token": made.hex(), "plaintext": plaintext.hex()}


def _opening(draw: Draw) -> Iterator[dict[str, str]]:
    for size in (16, 24, 32):
        for key in (16, 24, 32):
            for context in (b"", b"\0tenant\xff"):
                material, version, secret = draw(key), draw(16), draw(size)
                name = f"{size * 8} bits under {key * 8}{', with a context' if context else ''}"
                sealed = seal(material, prefix(XAES, version), draw(24), secret, context)
                yield _opened(
                    draw, _case(f"sealed, {name}", "opens", material, version, context, sealed), secret
                )
                wrapped = wrap(material, prefix(KW, version), secret, context)
                yield _opened(
                    draw, _case(f"wrapped, {name}", "opens", material, version, context, wrapped), secret
                )


def _failing(draw: Draw) -> Iterator[dict[str, str]]:
    material, version, secret, nonce = draw(32), draw(16), draw(32), draw(24)
    sealed, wrapped = prefix(XAES, version), prefix(KW, version)
    good = {
        "sealed": seal(material, sealed, nonce, secret, b"c"),
        "wrapped": wrap(material, wrapped, secret, b"c"),
    }

    def case(
        name: str, data: bytes, expect: str = "fails", *, context: bytes = b"c", of: bytes = version
    ) -> dict[str, str]:
        return _case(name, expect, material, of, context, data)

    for how, data in good.items():
        yield case(f"{how}, another context", data, context=b"d")
        yield case(f"{how}, another version", data, of=draw(16))
        yield case(f"{how}, cut by a byte", data[:-1])
        yield case(f"{how}, a byte more", data + b"\0")
        yield case(f"{how}, cut to its prefix", data[:18])
        yield case(f"{how}, an altered bit at the end", data[:-1] + bytes((data[-1] ^ 1,)))
        yield case(f"{how}, an altered bit in the middle", data[:40] + bytes((data[40] ^ 128,)) + data[41:])
        yield case(f"{how}, format 0", b"\0" + data[1:])
        yield case(f"{how}, as a token", b"\1\1" + data[2:])
        yield case(f"{how}, as suite 64", b"\1\x40" + data[2:])
        yield case(f"{how}, as an RSA key's", b"\1\x43" + data[2:])
        yield case(f"{how}, a later format", b"\2" + data[1:], "newer")
        yield case(f"{how}, a later suite", b"\1\x45" + data[2:], "newer")
    yield case("sealed, as a wrapped one", b"\1\x42" + good["sealed"][2:])
    yield case("wrapped, as a sealed one", b"\1\x41" + good["wrapped"][2:])
    yield case("wrapped, of 40 bytes", wrap(material, wrapped, draw(40), b"c"))
    yield case("wrapped, bound to another suite", wrapped + wrap(material, sealed, secret, b"c")[18:])
    yield case("nothing", b"")


def rsa_cases(seed: str) -> Iterator[dict[str, str]]:
    """The cases of a new RSA key."""
    draw, key = Draw(f"{seed} rsa"), rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for suite in (OAEP_256, OAEP):
        for size in (16, 24, 32):
            version, secret, context = draw(16), draw(size), draw(5)
            made = encrypt(key.public_key(), prefix(suite, version), secret, context)
            name = f"suite {suite}, {size * 8} bits"
            yield _opened(draw, _case(name, "opens", b"", version, context, made) | {"material": pem}, secret)
            yield _case(f"{name}, another context", "fails", b"", version, b"", made) | {"material": pem}
            other = bytes((1, OAEP_256 + OAEP - suite)) + made[2:]
            yield _case(f"{name}, as the other suite", "fails", b"", version, context, other) | {
                "material": pem
            }


def material_of(case: dict[str, str]) -> Any:
    """The key of a case, as the independent reader takes it."""
    text = case["material"]
    return load_pem_private_key(text.encode(), None) if text.startswith("-") else bytes.fromhex(text)


if __name__ == "__main__":
    made = {"oct": list(cases(sys.argv[2])), "rsa": list(rsa_cases(sys.argv[2]))}
    Path(sys.argv[1]).write_text(json.dumps(made, indent=1) + "\n", encoding="ascii")
