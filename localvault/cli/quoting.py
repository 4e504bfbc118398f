"""Lines of an environment file that mean the same to whoever reads them.

Relies on nothing. Sources: POSIX, Shell Command Language, 2.2 (quoting); python-dotenv 1.2 (its parser). Promises: what
`quote` returns reads back as exactly the value in the readers of its form, expands nothing and runs nothing; a value
for which there is no such quoting is refused, never bent.

There are three forms because the two readers disagree: within single quotes dotenv undoes `\\\\` and `\\'` and a shell
does not; within double quotes a shell expands `$` and a backtick unless a backslash stands before, which dotenv keeps.
"""

from __future__ import annotations

import re
from typing import Final

BOTH, SHELL, DOTENV = "both", "sh", "dotenv"
FORMS: Final = (BOTH, SHELL, DOTENV)
_PLAIN = re.compile(r"[0-9A-Za-z_@%+,./:=-]+")
_SHELL_NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_]*")
_DOTENV_NAME = re.compile(r"[^\s=#'\"][^\s=#]*")


class NotQuotable(ValueError):
    """The value has no quoting, or the variable no name, that all readers of the form agree on."""


def line(variable: str, value: str, form: str) -> str:
    """Return the line that sets `variable`, without its end.

    Raises:
        NotQuotable: there is none in this form; the message has nothing of the value.
    """
    pattern = _DOTENV_NAME if form == DOTENV else _SHELL_NAME
    if pattern.fullmatch(variable) is None:
        raise NotQuotable(f"{variable!r} cannot be the name of a variable there")
    export = "export " if form == SHELL else ""
    return f"{export}{variable}={quote(value, form)}"


def quote(value: str, form: str) -> str:
    """Return `value` quoted for the readers of `form`: `sh`, `dotenv` or `both`.

    Raises:
        NotQuotable: there is no such quoting.
    """
    if "\0" in value:
        raise NotQuotable("the value holds a zero byte, which no environment can carry")
    if form == SHELL:
        return "'" + value.replace("'", "'\\''") + "'"
    if form == DOTENV:
        # Its reader takes files with universal newlines, so a carriage return must be an escape.
        return _double(value).replace("\r", "\\r")
    return _for_both(value)


def _for_both(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if "\r" in value:
        raise NotQuotable("the value holds a carriage return")
    # Single quotes: to a shell all within them stands for itself; to dotenv as well unless a backslash comes
    # before another one, or before the closing quote.
    if "'" not in value and "\\\\" not in value and not value.endswith("\\"):
        return f"'{value}'"
    # Double quotes: both undo a backslash before a backslash or a quote, and nothing else occurs; nothing in
    # them means more to a shell but what is refused here.
    if "$" not in value and "`" not in value:
        return _double(value)
    raise NotQuotable("the value holds a dollar sign or backtick beside a quote or backslash")


def _double(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
