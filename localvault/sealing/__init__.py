"""Keys under keys: slots open the master key, the master key derives scope keys, scope keys seal records.

Relies on `native` for XAES-256-GCM and locked memory, on `cryptography` for HKDF and HMAC, on argon2 for passphrases.
It knows no store and no object: bytes go in, bytes come out, and every layout is a section of docs/format.md.

Promises: what was altered, moved or made under another key gives one of our errors and never data; no parser trusts a
length; what parses prints back byte for byte; keys stay in locked memory and nothing here shows one.

Start with `renewing.new_header` and `unlocking.unlock`, then `scopes.Scopes(master, vault_id).sealer("/secrets")`. Do
not derive a key by hand: every label that may be used is listed in `master`.
"""
