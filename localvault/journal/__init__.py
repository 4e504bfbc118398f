"""The journal: an append-only tree of everything that was done, and the spools that feed it.

Call `Journal` (module `journal`): `note` for what only read, `append` for what wrote, `verify` to prove the whole.
`leaf` and `tree` are the part a stranger can recompute; their formats are final.
"""
