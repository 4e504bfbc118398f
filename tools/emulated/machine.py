"""One start of the emulated machine: what it is made of, Bochs's process, and the frames that come out of it.

Relies on bochs and bochs-term (Debian 2.7), gcc and kernel.py, image.py, start.S and init.c beside it. Promises: all
that the program writes, as it comes, and then how it ended; if Bochs ends without that, a RigError with the last lines
of the emulated console. Nothing is left running or lying about, whatever happens.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import image
import kernel as linux

HERE = Path(__file__).resolve().parent
# What is called → the Debian package that has it.
PACKAGES = {
    "bochs": "bochs",
    "gcc": "gcc",
    "apt-get": "apt",
    "dpkg-deb": "dpkg",
    "lz4": "lz4",
    "setpriv": "util-linux",
}
DISPLAYS = "/usr/lib/*/bochs/plugins/libbx_term_gui.so"
STATIC_C = "/usr/lib/*/libc.a"

# Instructions per emulated second. About what Bochs does in a real one, so that time in there passes as out here; with
# many more the kernel waits for jiffies that do not come, with fewer it does little but take timer interrupts.
SPEED = 20_000_000

# "quiet": every letter on the emulated serial line costs thousands of instructions of waiting.
COMMAND_LINE = (
    "console=ttyS0 quiet panic=-1 reboot=t acpi=off noapic nolapic mitigations=off tsc=reliable no_timer_check "
    # Bochs 2.7 describes xsaves, xsavec and the room for protection keys wrongly in cpuid leaf 13; Linux then trusts
    # none of it and there is no AVX at all. With `fsrm` but not `erms`, which is what Bochs's missing MSR 0x1a0 amounts
    # to, Linux 6.1 has a memmove that never ends. aperfmperf would fill Bochs's log. Only the kernel does without:
    # cpuid tells the program what the processor has.
    "clearcpuid=xsaves,xsavec,pku,ospke,fsrm,aperfmperf "
    # What takes seconds and serves nothing here: half of the boot.
    "init_on_alloc=0 cryptomgr.notests initcall_blacklist=load_system_certificate_list,trace_eval_init,"
    "ftrace_check_for_weak_functions,ftrace_check_sync,tracer_init_tracefs,init_kprobe_trace,cubictcp_register,"
    "bpf_rstat_kfunc_init,kfunc_init,bpf_prog_test_run_init,bpf_tcp_ca_kfunc_init,bpf_key_sig_kfuncs_init"
)

BOCHSRC = """\
config_interface: textconfig
display_library: term
cpu: model={cpu}, ips={speed}, reset_on_triple_fault=0
memory: guest={memory}, host={memory}
romimage: file={folder}/start.bin
optramimage1: file={folder}/memory.bin, address={handover:#x}
pci: enabled=0
com1: enabled=1, mode=file, dev={folder}/console
parport1: enabled=1, file={folder}/output
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
log: {folder}/log
panic: action=fatal
error: action=report
info: action=report
debug: action=ignore
"""


def check_packages() -> None:
    """Raises RigError that names the Debian packages which are missing."""
    missing = {package for command, package in PACKAGES.items() if shutil.which(command) is None}
    if not list(Path("/").glob(DISPLAYS[1:])):
        missing.add("bochs-term")
    if not list(Path("/").glob(STATIC_C[1:])):
        missing.add("libc6-dev")
    if missing:
        raise linux.RigError(f"missing: apt-get install {' '.join(sorted(missing))}")


def _compiled(source: str, options: list[str], cache: Path) -> Path:
    """A source file of this folder, compiled; kept in `cache` under a name that changes with text and options."""
    text = (HERE / source).read_bytes()
    name = hashlib.sha256(text + repr(options).encode()).hexdigest()[:16]
    kept = cache / f"{source}-{name}"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fresh = Path(folder) / "compiled"
            linux.output_of(["gcc", *options, "-o", str(fresh), str(HERE / source)], cache)
            fresh.replace(kept)
    return kept


def _start(cache: Path) -> Path:
    symbols = {"HANDOVER": image.HANDOVER, "MEMORY": image.MEMORY, "END_MARK": image.END_MARK}
    defined = [f"-Wa,--defsym,{name}={value}" for name, value in symbols.items()]
    layout = "-Wl,-Ttext=0xffff0000,--oformat=binary,--build-id=none"
    return _compiled("start.S", ["-m32", "-nostdlib", "-static", layout, *defined], cache)


def prepare(
    folder: Path, cache: Path, cpu: str, program: bytes, strings: tuple[list[str], list[str]]
) -> None:
    """Puts all that Bochs reads into `folder`; `strings` are the program's arguments and environment."""
    init = _compiled("init.c", ["-std=c11", "-O2", "-static"], cache).read_bytes()
    archive = image.initramfs(init, program, *strings)
    image.write(folder / "memory.bin", linux.kernel(cache), archive, COMMAND_LINE)
    shutil.copyfile(_start(cache), folder / "start.bin")
    memory = image.MEMORY >> 20
    text = BOCHSRC.format(cpu=cpu, speed=SPEED, memory=memory, folder=folder, handover=image.HANDOVER)
    (folder / "bochsrc").write_text(text)
    (folder / "debugger").write_text("continue\n")  # Debian's Bochs has the debugger built in and asks


def frames(folder: Path, timeout: float) -> Iterator[tuple[str, bytes]]:
    """Starts Bochs on what `prepare` made; yields the frames of init.c as they come.

    Raises TimeoutError after `timeout` seconds, RigError if Bochs ends and the last frame does not say how the
    program ended.
    """
    command = ["bochs", "-q", "-f", str(folder / "bochsrc"), "-rc", str(folder / "debugger")]
    # However this process ends, Bochs ends with it.
    bound = ["setpriv", "--pdeathsig", "KILL", *command]
    # The display wants a terminal to be named, and opens one of its own.
    environment = {**os.environ, "TERM": "vt100"}
    with (folder / "screen").open("wb") as screen:
        bochs = subprocess.Popen(
            bound, stdin=subprocess.DEVNULL, stdout=screen, stderr=screen, env=environment, cwd=folder
        )
    try:
        yield from _follow(bochs, folder, time.monotonic() + timeout)
    finally:
        bochs.kill()
        bochs.wait()


def _follow(bochs: subprocess.Popen[bytes], folder: Path, deadline: float) -> Iterator[tuple[str, bytes]]:
    unread = b""
    position = 0
    kind = ""
    running = True
    while running and kind not in ("x", "s"):
        running = bochs.poll() is None  # before reading, so that nothing written before the end is missed
        more = _written(folder / "output", position)
        position += len(more)
        unread += more
        while (size := _frame_size(unread)) <= len(unread):
            kind = chr(unread[0])
            yield kind, unread[3:size]
            unread = unread[size:]
        if time.monotonic() > deadline:
            raise TimeoutError
        if not more:
            time.sleep(0.05)
    if kind not in ("x", "s"):
        raise linux.RigError(f"the emulated machine ended before the program did\n{_last_words(folder)}")


def _frame_size(unread: bytes) -> int:
    """Bytes of the first frame with its head of three; more than there are, if the head is not complete."""
    return 3 + int.from_bytes(unread[1:3], "little")


def _written(file: Path, position: int) -> bytes:
    if not file.is_file():
        return b""
    with file.open("rb") as opened:
        opened.seek(position)
        return opened.read()


def _last_words(folder: Path) -> str:
    """The end of the emulated console, and what Bochs complained about: of its configuration, then of the machine."""
    texts = [_written(folder / name, 0).decode(errors="replace") for name in ("console", "screen", "log")]
    console, screen, log = (text.splitlines() for text in texts)
    complaints = [line for line in [*screen, *log] if "wrong value" in line or "PANIC" in line]
    return "\n".join([*console[-15:], *(complaints or screen[-5:])])
