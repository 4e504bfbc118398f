"""The keys of rsa_keys.json and what they should make of many messages, as C for test_rsa.c.

Relies on Python's integers alone, so that what bulk RSA is compared with is plain arithmetic. Promises: the same seed
gives the same text.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

KEYS = Path(__file__).parent / "rsa_keys.json"


class Key(NamedTuple):
    """One key."""

    what: str
    size: int
    e: int
    p: int
    q: int

    @property
    def n(self) -> int:
        """The modulus."""
        return self.p * self.q

    @property
    def exponents(self) -> tuple[int, int]:
        """The private exponent modulo p - 1 and modulo q - 1."""
        return pow(self.e, -1, self.p - 1), pow(self.e, -1, self.q - 1)

    def private(self, x: int) -> int:
        """x to the private exponent."""
        dp, dq = self.exponents
        mp, mq = pow(x, dp, self.p), pow(x, dq, self.q)
        return mq + self.q * ((mp - mq) * pow(self.q, -1, self.p) % self.p)


def keys(size: int | None = None) -> list[Key]:
    """The keys of a size in bits, or all of them."""
    read = json.loads(KEYS.read_text(encoding="utf-8"))
    found = [Key(key["what"], key["size"], key["e"], int(key["p"], 16), int(key["q"], 16)) for key in read]
    return [key for key in found if size in (None, key.size)]


def messages(key: Key, chance: random.Random) -> Iterator[int]:
    """Numbers below the modulus: the ends of the range, multiples of the primes and their neighbours, full limbs."""
    n, half = key.n, key.size // 2
    yield from (
        0,
        1,
        2,
        n - 1,
        n - 2,
        key.p,
        key.q,
        key.p - 1,
        key.q + 1,
        key.p * (key.q - 1),
        key.q * (key.p - 1),
    )
    yield (1 << key.size - 1) - 1
    yield 1 << key.size - 2
    yield sum(((1 << 52) - 1) << 104 * i for i in range(half // 52)) % n
    yield ((1 << half) - 1) << half - 2
    yield from (chance.randrange(n) for _ in range(3))


def _hex(value: int, digits: int) -> str:
    text = f"{value:0{digits}x}"
    return "\n".join(f'     "{text[i : i + 100]}"' for i in range(0, digits, 100))


@cache
def c_text(seed: int) -> str:
    """Definitions of `keys` and `cases`."""
    chance = random.Random(seed)
    text, cases = ["static const struct test_key keys[] = {"], ["static const struct test_case cases[] = {"]
    for index, key in enumerate(keys()):
        digits = key.size // 4
        dp, dq = key.exponents
        parts = [_hex(value, digits // 2) for value in (key.p, key.q, dp, dq, pow(key.q, -1, key.p))]
        head = f'    {{"{key.what}", {key.size // 8}, {key.e}u,\n{_hex(key.n, digits)}'
        text.append(",\n".join([head, *parts]) + "},")
        for x in messages(key, chance):
            made = key.private(x)
            assert pow(made, key.e, key.n) == x
            cases.append(f"    {{{index},\n{_hex(x, digits)},\n{_hex(made, digits)}}},")
    return "\n".join([*text, "};", *cases, "};"]) + "\n"
