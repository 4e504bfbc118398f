"""How much a guess at a passphrase costs: named Argon2id parameters, their floor and their ceiling.

Relies on nothing. Promises: parameters read from disk are checked before any memory is spent on them; what is weaker
than the floor is refused unless the caller says so.

Sources: RFC 9106 section 4 (the two recommendations); OWASP Password Storage Cheat Sheet (the minimum).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from localvault.errors import BadParameter, Tampered


class KdfProfile(NamedTuple):
    """Argon2id parameters: passes over the memory, KiB of memory, lanes that may run side by side."""

    name: str
    time_cost: int
    memory_kib: int
    parallelism: int

    @property
    def text(self) -> str:
        """For people: "Argon2id, 3 passes over 64 MiB, 4 lanes"."""
        size = f"{self.memory_kib // 1024} MiB" if self.memory_kib >= 1024 else f"{self.memory_kib} KiB"
        passes = "1 pass" if self.time_cost == 1 else f"{self.time_cost} passes"
        lanes = "1 lane" if self.parallelism == 1 else f"{self.parallelism} lanes"
        return f"Argon2id, {passes} over {size}, {lanes}"


RFC_9106_LOW_MEMORY: Final = KdfProfile("RFC_9106_LOW_MEMORY", 3, 64 * 1024, 4)
RFC_9106_HIGH_MEMORY: Final = KdfProfile("RFC_9106_HIGH_MEMORY", 1, 2 * 1024 * 1024, 4)
OWASP_MINIMUM: Final = KdfProfile("OWASP_MINIMUM", 2, 19 * 1024, 1)
DEFAULT: Final = RFC_9106_LOW_MEMORY
NAMED: Final = (RFC_9106_LOW_MEMORY, RFC_9106_HIGH_MEMORY, OWASP_MINIMUM)

# The floor is a product as well as a size because OWASP's equivalent settings trade one for the other: what a guess
# costs is memory times passes, and below 19 MiB graphics cards hold too many guesses at once.
FLOOR_MEMORY_KIB: Final = OWASP_MINIMUM.memory_kib
FLOOR_WORK_KIB: Final = OWASP_MINIMUM.memory_kib * OWASP_MINIMUM.time_cost
# The ceiling keeps whoever can write to the folder, or hands in a backup, from making one try take all memory or
# more than minutes.
CEILING_MEMORY_KIB: Final = 4 * 1024 * 1024
CEILING_WORK_KIB: Final = 64 * 1024 * 1024
CEILING_LANES: Final = 64


def named(time_cost: int, memory_kib: int, parallelism: int) -> KdfProfile:
    """The profile of these parameters, called "custom" unless it is one of `NAMED`."""
    wanted = (time_cost, memory_kib, parallelism)
    known = (profile for profile in NAMED if profile[1:] == wanted)
    return next(known, KdfProfile("custom", *wanted))


def is_weak(profile: KdfProfile) -> bool:
    """Whether a guess costs less than the floor."""
    work = profile.memory_kib * profile.time_cost
    return profile.memory_kib < FLOOR_MEMORY_KIB or work < FLOOR_WORK_KIB


def check_new(profile: KdfProfile, *, allow_weak: bool) -> KdfProfile:
    """Return `profile` if a slot may be made with it.

    Raises:
        BadParameter: below the floor without `allow_weak`, above the ceiling, or nothing Argon2id can run with.
    """
    if not _possible(profile):
        raise BadParameter(
            f"Argon2id cannot run with {profile.text}, or it would take too much",
            hint=f"at most {CEILING_MEMORY_KIB // 1024} MiB, and 8 KiB or more for each of up to {CEILING_LANES} lanes",
        )
    if is_weak(profile) and not allow_weak:
        raise BadParameter(
            f"{profile.text} makes guessing the passphrase too cheap",
            hint="use RFC_9106_LOW_MEMORY, or allow_weak=True for a vault that holds nothing of value",
        )
    return profile


def check_stored(profile: KdfProfile, *, allow_weak: bool) -> KdfProfile:
    """Return `profile`, read from disk, if it may be run.

    What no localvault could have written is `Tampered` even though nothing is authenticated yet: the parameters are
    bound into the key they derive, so altered ones could never unlock anything.

    Raises:
        Tampered: above the ceiling, or nothing Argon2id can run with.
        BadParameter: below the floor without `allow_weak`.
    """
    if not _possible(profile):
        raise Tampered("a slot asks for more work than any localvault would have written")
    if is_weak(profile) and not allow_weak:
        raise BadParameter(
            f"the passphrase is protected too weakly ({profile.text})",
            hint="pass allow_weak=True, then change the passphrase to protect it better",
        )
    return profile


def _possible(profile: KdfProfile) -> bool:
    lanes, memory, passes = profile.parallelism, profile.memory_kib, profile.time_cost
    return (
        1 <= lanes <= CEILING_LANES
        and 8 * lanes <= memory <= CEILING_MEMORY_KIB  # RFC 9106 section 3.1: at least 8 KiB a lane
        and passes >= 1
        and memory * passes <= CEILING_WORK_KIB
    )
