"""Writes secrets one by one and says so after each: the process the demo kills."""

from __future__ import annotations

import sys

import localvault

with localvault.open(sys.argv[1], passphrase=sys.stdin.readline().rstrip("\n")) as vault:
    number = 0
    while True:
        vault.secrets.set(f"written-{number}", str(number))
        print(number, flush=True)
        number += 1
