"""The compiled core's face: locked memory, and what works on many byte strings at once.

Relies on `errors` and `model`, and on `cryptography` for what the core does not accelerate. Promises: only
this room imports the extension; key material stays in locked memory or in the cipher contexts made from it;
nothing here works in a forked child with what the parent made.
"""
