"""Two servers for azure-storage-blob, both on the loopback address: a small one of our own, and Azurite where it is.

Ours keeps in memory what is put and gives it back, which is all that client-side encryption asks of a server; it looks
at no signature. Azurite (npm: `azurite`) is Microsoft's emulator of the real service; it takes part if `azurite-blob`
is on the PATH.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# The account that Azurite knows, whose key is in its documentation.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
AZURITE = shutil.which("azurite-blob")
_LISTENS = re.compile(r"successfully listens on (http://127\.0\.0\.1:\d+)")


@contextmanager
def small() -> Iterator[str]:
    """Run our own server for the `with` block; gives the account's URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Blobs) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{ACCOUNT}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Run Azurite for the `with` block; gives the account's URL."""
    assert AZURITE is not None
    # Of its own accord it would tell its makers of every run, and refuse clients newer than itself.
    options = ("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck", "--blobPort", "0")
    with subprocess.Popen([AZURITE, *options], cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield (
                next(found[1] for line in process.stdout if (found := _LISTENS.search(line))) + "/" + ACCOUNT
            )
        finally:
            process.terminate()
            process.communicate(timeout=30)


class _Blobs(BaseHTTPRequestHandler):
    """Put and get of whole blobs and of ranges, with their metadata."""

    protocol_version = "HTTP/1.1"
    kept: dict[str, tuple[dict[str, str], bytes]] = {}  # noqa: RUF012  meant for all requests

    def do_PUT(self) -> None:
        """Keep a blob, or make a container, of which there is nothing to keep."""
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "restype=container" not in self.path:
            metadata = {name: value for name, value in self.headers.items() if name.startswith("x-ms-meta-")}
            self.kept[self.path] = (metadata, content)
        self._answer(201, {}, b"")

    def do_HEAD(self) -> None:
        """Tell a blob's metadata and length."""
        self.do_GET()

    def do_GET(self) -> None:
        """Give back a blob, or the range of it that was asked for."""
        found = self.kept.get(self.path)
        if found is None:
            self._answer(404, {"x-ms-error-code": "BlobNotFound"}, b"")
            return
        metadata, content = found
        about = metadata | {"x-ms-blob-type": "BlockBlob", "Accept-Ranges": "bytes"}
        asked = self.headers.get("x-ms-range")
        if asked is None:
            self._answer(200, about, content)
            return
        first, last = (int(part) for part in asked.removeprefix("bytes=").split("-"))
        part = content[first : last + 1]
        about["Content-Range"] = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
        self._answer(206, about, part)

    def _answer(self, code: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("ETag", '"0x1"')
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""
