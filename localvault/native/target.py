"""Where the result of a bulk call goes: a buffer of the caller's, or a new one.

Relies on `errors`. Promises: a caller's buffer is used only if it is writable, contiguous and large enough; what lies
behind the result in it is not touched.
"""

from __future__ import annotations

from localvault.errors import BadParameter


def target(out: memoryview | None, size: int) -> memoryview:
    """Return a window of `size` bytes to write to.

    Raises:
        BadParameter: `out` is read-only, not contiguous, or shorter than `size`.
    """
    if out is None:
        return memoryview(bytearray(size))
    if out.readonly or not out.c_contiguous:
        raise BadParameter("the output must be a writable contiguous buffer")
    window = out.cast("B")
    if window.nbytes < size:
        raise BadParameter(f"the output needs {size} bytes and has {window.nbytes}")
    return window[:size]
