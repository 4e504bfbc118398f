"""The names --kdf takes, and what each makes a guess at a passphrase cost.

Relies on the library's default, which the others are variations of. Promises: CHEAPEST is refused by the library unless
--allow-weak is given as well.
"""

from __future__ import annotations

from typing import Any, Final

import click

# Name → passes, KiB, lanes. RFC 9106, section 4, second and first recommendation; OWASP Password Storage Cheat Sheet.
_PROFILES: Final = {
    "rfc-9106-low-memory": (3, 64 * 1024, 4),
    "rfc-9106-high-memory": (1, 2 * 1024 * 1024, 4),
    "owasp-minimum": (2, 19 * 1024, 1),
    "cheapest": (1, 8, 1),
}

kdf_option = click.option(
    "--kdf",
    type=click.Choice(list(_PROFILES)),
    help="What a guess at the passphrase costs (Argon2id): 3 passes over 64 MiB unless given. DANGEROUS: cheapest "
    "protects nothing, is for tests, and needs --allow-weak.",
)


def chosen(name: str | None) -> dict[str, Any]:
    """Return the argument `kdf` for the library; none if nothing was chosen."""
    if name is None:
        return {}
    import localvault

    time_cost, memory_kib, parallelism = _PROFILES[name]
    default = (localvault.create.__kwdefaults__ or {})["kdf"]
    return {
        "kdf": default._replace(
            name=name.upper().replace("-", "_"),
            time_cost=time_cost,
            memory_kib=memory_kib,
            parallelism=parallelism,
        )
    }
