"""The command line `localvault`: the library's verbs, for people and scripts.

Relies on the package's public names alone; `click` reads the arguments, `rich` draws tables on terminals and is loaded
only there. Promises: no passphrase is ever an argument; no secret value is, unless forced; what is not asked for is not
printed; every error is one line and a hint, with the exit code of `exits`. One file per noun; docs/cli.md tells it all.
"""
