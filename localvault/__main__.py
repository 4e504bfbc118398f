"""`python -m localvault`: the command line, where the script `localvault` is not on the path."""

from __future__ import annotations

from localvault.cli.main import main

if __name__ == "__main__":
    main()
