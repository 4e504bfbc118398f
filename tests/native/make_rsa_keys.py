"""Writes rsa_keys.json: keys for the tests of bulk RSA, ordinary ones and those that strain the arithmetic.

Promises: the same seed gives the same file. The keys are for tests alone. Run as `python make_rsa_keys.py SEED`.
"""

from __future__ import annotations

import json
import random
import sys
from math import gcd
from pathlib import Path

TARGET = Path(__file__).parent / "rsa_keys.json"
SMALL = [p for p in range(3, 5000, 2) if all(p % k for k in range(3, int(p**0.5) + 1, 2))]


def is_prime(number: int) -> bool:
    """Whether a number without small divisors is prime, by Fermat to three bases: nobody chose it to deceive."""
    return all(number % p for p in SMALL) and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5))


def prime_from(start: int, e: int) -> int:
    """The first prime from `start` on that goes with the exponent."""
    number = start | 1
    while gcd(number - 1, e) != 1 or not is_prime(number):
        number += 2
    return number


def prime_up_to(start: int, e: int) -> int:
    """The last prime up to `start` that goes with the exponent."""
    number = start - 1 | 1
    while gcd(number - 1, e) != 1 or not is_prime(number):
        number -= 2
    return number


def keys(size: int, chance: random.Random) -> list[dict[str, object]]:
    """The keys of one size in bits."""
    half = size // 2

    def ordinary(e: int) -> tuple[int, int]:
        p, q = (prime_from(3 << half - 2 | chance.getrandbits(half - 2), e) for _ in range(2))
        return max(p, q), min(p, q)

    def of(what: str, e: int, p: int, q: int) -> dict[str, object]:
        return {"what": what, "size": size, "e": e, "p": f"{p:x}", "q": f"{q:x}"}

    p, q = ordinary(65537)
    top = prime_up_to((1 << half) - 1, 65537)
    below = prime_up_to((1 << half) - (1 << half - 60), 65537)
    sparse = prime_from((1 << half - 1) + (1 << half - 20), 65537)
    limbs_full = sum(((1 << 52) - 1) << 104 * i for i in range(half // 104 + 1)) & ((1 << half) - 1)
    striped = prime_from(limbs_full | 3 << half - 2, 65537)
    return [
        of("p > q", 65537, p, q),
        of("p < q", 65537, q, p),
        of("e = 3", 3, *ordinary(3)),
        of("e = 2^32 - 1", (1 << 32) - 1, *ordinary((1 << 32) - 1)),
        of("e of 64 bits", (1 << 64) - 59, *ordinary((1 << 64) - 59)),
        of("p and q nearly all ones", 65537, top, below),
        of("p with few ones, q nearly all ones", 65537, sparse, top),
        of("p nearly all ones, q with few ones", 65537, top, sparse),
        of("every other limb full", 65537, striped, top),
    ]


def main() -> None:
    """Writes the file."""
    chance = random.Random(int(sys.argv[1]))
    made = [key for size in (2048, 3072, 4096) for key in keys(size, chance)]
    TARGET.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
