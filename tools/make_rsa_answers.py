"""Writes csrc/rsa/rsa_answers.c: keys of each size with known answers, for the self-test of bulk RSA.

Relies on `cryptography`. Promises: no key of it is ever used for anything else; every run writes new ones, so it is run
only when the form of the file changes.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

TARGET = Path(__file__).resolve().parent.parent / "csrc" / "rsa" / "rsa_answers.c"
LANES, BEGINNING, PER_LINE = 8, 32, 20
HEAD = """/* Keys that exist for the self-test alone, and the first bytes of what they make of its eight messages;
 * written by tools/make_rsa_answers.py. One has p < q, one an exponent of 3. */
#include "rsa/rsa_answers.h"
"""
PARTS = (("n", 1), ("p", 2), ("q", 2), ("dp", 2), ("dq", 2), ("qinv", 2))


def message(size: int, lane: int) -> int:
    """The message of one lane: bytes that differ, the first of them 0."""
    return int.from_bytes(bytes(1) + bytes((i * 29 + lane * 7 + 1) % 256 for i in range(1, size)), "big")


def key(size: int, e: int, is_p_smaller: bool) -> rsa.RSAPrivateNumbers:
    """A key whose first prime is the smaller or the greater one."""
    made = rsa.generate_private_key(e, 8 * size).private_numbers()
    p, q = sorted((made.p, made.q), reverse=not is_p_smaller)
    return rsa.RSAPrivateNumbers(
        p, q, made.d, made.d % (p - 1), made.d % (q - 1), pow(q, -1, p), made.public_numbers
    )


def array(data: bytes) -> str:
    """A C initialiser."""
    lines = [
        ", ".join(f"0x{byte:02x}" for byte in data[i : i + PER_LINE]) for i in range(0, len(data), PER_LINE)
    ]
    return "{\n        " + ",\n        ".join(lines) + ",\n    }"


def answers(size: int, e: int, is_p_smaller: bool) -> str:
    """The C of one size."""
    numbers = key(size, e, is_p_smaller)
    n, d = numbers.public_numbers.n, numbers.d
    values = {
        "n": n,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qinv": numbers.iqmp,
    }
    made = b"".join(pow(message(size, lane), d, n).to_bytes(size, "big")[:BEGINNING] for lane in range(LANES))
    fields = [f"    .e = {e},", f"    .size = {size},"]
    fields += [f"    .{name} = {array(values[name].to_bytes(size // part, 'big'))}," for name, part in PARTS]
    fields += [f"    .beginnings = {array(made)},"]
    return f"\nconst struct lv_rsa_answers lv_rsa_answers_{8 * size} = {{\n" + "\n".join(fields) + "\n};\n"


def main() -> None:
    """Writes the file."""
    sizes = ((256, 65537, False), (384, 65537, True), (512, 3, False))
    TARGET.write_text(HEAD + "".join(answers(*size) for size in sizes), encoding="utf-8")


if __name__ == "__main__":
    main()
