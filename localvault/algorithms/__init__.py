"""Key material and what can be done with it: generate, import, encrypt, wrap, sign, and the public part.

Start with `material` (`generate`, `import_key`, `decode`) and `table` (which algorithm fits which key). Relies on
`errors`, `model` and `native`, and is one of the rooms that may use `cryptography`. Promises: pure functions of key and
input (no store, no policy, no journal); whatever is handed in, only errors of localvault come out.
"""
