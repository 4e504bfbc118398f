"""The main job, on real input: what `make demo` runs.

It makes a vault in a temporary folder and does in it what an application does in a year: imports settings, seals and
rotates, signs, deletes and recovers, lives by its policies, is killed in the middle of writing, gets a new master key,
and proves its journal. Every number it prints was measured in this run; any difference from what it expects ends it
with an error.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from lifetime import live_a_year, new_master_key
from rich.console import Console
from rich.table import Table
from telling import expect, rate, timed

import localvault

HERE = Path(__file__).resolve().parent
PASSPHRASE = "demo only: a passphrase is never written into a program"
Report = list[tuple[str, str, str]]


def main() -> None:
    """Run every part and print the table."""
    started = time.perf_counter()
    report: Report = []
    with tempfile.TemporaryDirectory(prefix="localvault-demo-") as folder:
        path = Path(folder) / "shop.vault"
        vault, seconds = timed(lambda: localvault.create(path, passphrase=PASSPHRASE, name="shop"))
        report.append(("create the vault", "Argon2id, t=3, 64 MiB, p=4", f"{seconds * 1e3:.0f} ms"))
        with vault:
            import_settings(vault, report)
            seal_library(vault, report)
            wrap_and_sign(vault, report)
            delete_recover_purge(vault, report)
            report += live_a_year(vault, Path(folder))
        survive_kill(path, report)
        with localvault.open(path, passphrase=PASSPHRASE) as vault:
            report.append(new_master_key(vault))
        prove(path, report)
    show(report, time.perf_counter() - started)


def import_settings(vault: localvault.Vault, report: Report) -> None:
    """Import a real .env file through the command line, while this process has the vault open, and read it back."""
    command = [
        sys.executable,
        "-m",
        "localvault",
        "--vault",
        str(vault.path),
        "import-env",
        str(HERE / "example.env"),
    ]
    environment = os.environ | {"LOCALVAULT_PASSPHRASE": PASSPHRASE}
    _, seconds = timed(lambda: subprocess.run(command, env=environment, check=True, capture_output=True))
    names = sorted(properties.tags["env"] for properties in vault.secrets.list())
    expect(len(names) == 15, f"15 settings were imported, not {len(names)}")
    expect(
        str(vault.secrets.get("JWT-PUBLIC-KEY").value).count("\n") == 2, "a value of three lines stays one"
    )
    report.append(
        ("import a .env file by another process", f"{len(names)} secrets", f"{seconds * 1e3:.0f} ms")
    )


def seal_library(vault: localvault.Vault, report: Report) -> None:
    """Seal the running Python's standard library, rotate the key, rewrap every token, open all, compare."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = [file.read_bytes() for file in sorted(folder.rglob("*.py")) if "site-packages" not in file.parts]
    digests = [hashlib.sha256(content).digest() for content in files]
    size = f"{len(files):,} files, {sum(map(len, files)) / 1e6:.0f} MB"

    _, seconds = timed(lambda: vault.keys.create("signing", "RSA", size=3072))
    report.append(("create an RSA-3072 key", "", f"{seconds * 1e3:.0f} ms"))
    vault.keys.create("archive", "oct", size=256)
    crypto = vault.crypto("archive")
    records = localvault.Packed.of(files)
    tokens, seconds = timed(lambda: crypto.seal_many(records))
    report.append(("seal the standard library", size, rate(len(files), seconds)))
    old = vault.keys.get("archive").version
    _, seconds = timed(lambda: vault.keys.rotate("archive"))
    report.append(("rotate the key", "", f"{seconds * 1e3:.1f} ms"))
    moved, seconds = timed(lambda: crypto.rewrap_many(tokens))
    report.append(("rewrap under the new version", size, rate(len(files), seconds)))
    vault.keys.update("archive", old, enabled=False)
    opened, seconds = timed(lambda: crypto.open_many(moved))
    expect(
        [hashlib.sha256(content).digest() for content in opened] == digests, "every file comes back as it was"
    )
    report.append(("open with the old version disabled, compare SHA-256", size, rate(len(files), seconds)))
    try:
        crypto.open(bytes(tokens[0]))
    except localvault.KeyDisabled:
        return
    raise SystemExit("a token of a disabled version opened")


def wrap_and_sign(vault: localvault.Vault, report: Report) -> None:
    """Wrap data keys, sign digests, and see an altered signature refused."""
    archive, signing = vault.crypto("archive"), vault.crypto("signing")
    data_keys = [os.urandom(32) for _ in range(1000)]
    wrapped, seconds = timed(lambda: [archive.wrap_key("A256KW", key).encrypted_key for key in data_keys])
    expect(archive.unwrap_many("A256KW", wrapped) == data_keys, "every data key comes back")
    report.append(("wrap data keys (A256KW), one call each", "1,000 keys", rate(1000, seconds)))
    digests = [hashlib.sha256(key).digest() for key in data_keys[:100]]
    signatures, seconds = timed(lambda: signing.sign_many("PS256", digests))
    signing.verify_many("PS256", digests, signatures)
    report.append(("sign (PS256, RSA-3072)", "100 digests", rate(100, seconds)))
    try:
        signing.verify("PS256", digests[0], signatures[1])
    except localvault.InvalidSignature:
        return
    raise SystemExit("a signature of something else was accepted")


def delete_recover_purge(vault: localvault.Vault, report: Report) -> None:
    """Walk a secret through deletion and back, then for good."""
    vault.secrets.delete("SMTP-HOST")
    try:
        vault.secrets.set("SMTP-HOST", "taken")
    except localvault.ObjectIsDeletedButRecoverable:
        vault.secrets.recover("SMTP-HOST")
    expect(vault.secrets.get("SMTP-HOST").value == "smtp.example.com", "a recovered secret is as it was")
    vault.secrets.delete("SMTP-HOST")
    vault.secrets.purge("SMTP-HOST")
    expect(not list(vault.secrets.list_deleted()), "nothing is left of a purged secret")
    report.append(("delete, recover, delete, purge", "1 secret", "as Key Vault has it"))


def survive_kill(path: Path, report: Report) -> None:
    """Kill a process in the middle of writing; everything it had been told is written must be there."""
    writer = subprocess.Popen(
        [sys.executable, str(HERE / "writer.py"), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdin is not None and writer.stdout is not None
    writer.stdin.write(PASSPHRASE.encode() + b"\n")
    writer.stdin.flush()
    acknowledged = [writer.stdout.readline()]
    time.sleep(1)
    writer.send_signal(signal.SIGKILL)
    acknowledged += writer.stdout.read().splitlines()
    writer.wait()
    with localvault.open(path, passphrase=PASSPHRASE) as vault:
        for line in acknowledged:
            number = line.strip().decode()
            expect(
                vault.secrets.get(f"written-{number}").value == number,
                f"write {number} was acknowledged and is lost",
            )
    report.append(("kill -9 in the middle of writing", f"{len(acknowledged):,} acknowledged", "0 lost"))


def prove(path: Path, report: Report) -> None:
    """Verify the journal's tree and walk every record."""
    with localvault.open(path, passphrase=PASSPHRASE) as vault:
        head, seconds = timed(vault.audit.verify)
        report.append(("verify the journal", f"{head.size:,} events", f"{seconds * 1e3:.0f} ms"))
        problems, seconds = timed(lambda: list(vault.check()))
        expect(not problems, f"check found {problems}")
        report.append(("check every record", "0 problems", f"{seconds * 1e3:.0f} ms"))


def show(report: Report, seconds: float) -> None:
    """Print the table."""
    table = Table("what", "on what", "how fast", title=f"localvault {localvault.__version__}: the main job")
    for row in report:
        table.add_row(*row)
    Console().print(table, f"all of it in {seconds:.1f} s", sep="\n")


if __name__ == "__main__":
    main()
