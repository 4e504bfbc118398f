"""Keys for tests, each made once in a run, because an RSA key takes a while."""

from __future__ import annotations

from functools import cache

from localvault.algorithms.material import KeyMaterial, generate

KINDS = {
    "RSA-2048": ("RSA", 2048, None),
    "RSA-3072": ("RSA", 3072, None),
    "EC-P-256": ("EC", None, "P-256"),
    "EC-P-384": ("EC", None, "P-384"),
    "EC-P-521": ("EC", None, "P-521"),
    "EC-P-256K": ("EC", None, "P-256K"),
    "oct-128": ("oct", 128, None),
    "oct-192": ("oct", 192, None),
    "oct-256": ("oct", 256, None),
    "OKP-Ed25519": ("OKP", None, "Ed25519"),
    "OKP-X25519": ("OKP", None, "X25519"),
}
ASYMMETRIC = [name for name in KINDS if not name.startswith("oct")]


@cache
def key(name: str) -> KeyMaterial:
    """The key of that name, the same for every test."""
    kty, size, curve = KINDS[name]
    return generate(kty, size=size, curve=curve)


def fresh(name: str) -> KeyMaterial:
    """Another key of the same kind."""
    kty, size, curve = KINDS[name]
    return generate(kty, size=size, curve=curve)
