"""An aarch64 Debian that runs here, by QEMU's user mode: made once, entered for each program.

Packages are unpacked by mmdebstrap and none of their scripts is run: that takes seconds where
debootstrap's second stage takes more than ten minutes under emulation, and Python needs none of
them. The kernel runs aarch64 programs through qemu-aarch64-static (binfmt_misc). A program runs in
mount and process namespaces of its own: nothing stays mounted or runs on, however it ends.

The interpreter looks at /proc/cpuinfo and /sys to choose its kernels. QEMU shows it those of this
machine, at which it crashes, or nothing, for which it takes other kernels than on a board; so a
board's are shown in their place.
"""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.bench.machine import ARM_CORES
from kws.errors import KwsError
from support.environments import ONE_THREAD
from support.installed import BROUGHT
from support.script import copy, copy_tree, run_program

SUITE = "bookworm"
#: The Python and the C library of that suite: what wheels must fit.
PYTHON, GLIBC = "3.11", (2, 36)
#: numpy's wheel takes the system's C++ library; the tests of the microphone want PortAudio.
PACKAGES = (
    "python3",
    "python3-venv",
    "libc-bin",
    "coreutils",
    "dash",
    "libstdc++6",
    "libportaudio2",
)
#: Cores by QEMU's name, with the features that Linux says they have on a Raspberry Pi.
CORES = {
    "cortex-a53": "fp asimd evtstrm crc32 cpuid",  # Pi 3, Zero 2 W
    "cortex-a72": "fp asimd evtstrm crc32 cpuid",  # Pi 4
    "cortex-a76": "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm "
    "lrcpc dcpop asimddp",  # Pi 5
}
#: Cores of the board that programs see.
NUMBER = 4
#: Files of the folder that is given: the stamp says what else in it is ours.
STAMP = "made_by_arm.txt"
#: Seconds that one step of making may take.
LONGEST = 3600
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_HANDLER = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
#: Enters the root $1: its mounts are seen by nobody else, and end with it. The shell stays as
#: process 1: signals that a program dies of would not end one that is process 1 itself.
_ENTER = (
    'mount -t proc proc "$1/proc" && mount --bind "$1/cpuinfo" "$1/proc/cpuinfo" && '
    'mount -t tmpfs -o mode=755 tmpfs "$1/dev" && mkdir -m 1777 "$1/dev/shm" && '
    "for d in null zero full random urandom; do "  # and no disks
    'touch "$1/dev/$d" && mount --bind "/dev/$d" "$1/dev/$d" || exit 1; done && '
    'r=$1 && shift && chroot "$r" "$@"; exit $?'
)
#: Shows a program outside the root what one within it sees of the board.
_BESIDE = (
    'mount --bind "$1/cpuinfo" /proc/cpuinfo && mount --bind "$1/sys" /sys && shift && "$@"; '
    "exit $?"
)
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")


class EmulationError(KwsError):
    """A root that cannot be made, or a program that fails in it."""


def missing(counting: bool) -> str | None:
    """Say what keeps this machine from emulating, in one line; None if nothing does.

    Parameters
    ----------
    counting : bool
        Whether instructions are to be counted too.
    """
    if platform.machine() == "aarch64":
        return "this machine is aarch64 itself: run pytest tests/kws and kws bench on it"
    programs = {
        "qemu-aarch64-static": "qemu-user-static",
        "mmdebstrap": "mmdebstrap",
        "unshare": "util-linux",
    }
    if counting:
        programs |= {"qemu-aarch64": "qemu-user", "gcc": "gcc"}
    absent = [name for name in programs if shutil.which(name) is None]
    if absent:
        packages = " ".join(programs[name] for name in absent)
        return f"{', '.join(absent)} not found: apt-get install {packages}"
    if os.geteuid() != 0:
        return "needs root, to mount and to enter another root: run it with sudo"
    return None


def register() -> None:
    """Let the kernel run aarch64 programs, as the package qemu-user-static does when installed.

    Raises
    ------
    EmulationError
        If the kernel cannot, or does not know how.
    """
    if not (_BINFMT / "register").exists():
        do(
            ["mount", "-t", "binfmt_misc", "binfmt_misc", str(_BINFMT)],
            "the kernel has no binfmt_misc: modprobe binfmt_misc",
        )
    if (_BINFMT / "qemu-aarch64").exists():
        return
    try:
        (_BINFMT / "register").write_bytes(_HANDLER.read_bytes().strip())
    except OSError as error:
        raise EmulationError(
            f"{error.filename}: {error.strerror}: the kernel does not run aarch64 programs: "
            "apt-get install --reinstall qemu-user-static"
        ) from None


@dataclass(frozen=True)
class Device:
    """An aarch64 root with the device install in it.

    Attributes
    ----------
    folder : Path
        That a person gave: root, wheels and stamp are in it.
    core : str
        One of `CORES`.
    """

    folder: Path
    core: str

    @property
    def root(self) -> Path:
        """The root of the file system."""
        return self.folder / "root"

    @property
    def python(self) -> Path:
        """The Python of the device install, as seen from here."""
        return self.root / "device" / "bin" / "python"

    @property
    def site(self) -> Path:
        """Where its packages are, as seen from here."""
        return self.root / "device" / "lib" / f"python{PYTHON}" / "site-packages"

    def prepare(self, mirror: str) -> None:
        """Make the root, unless it is there whole: one that was not finished is made anew.

        Raises
        ------
        EmulationError
            If it cannot be made, or the folder holds things that are not ours.
        """
        check_owner(self.folder)
        stamp = self.folder / STAMP
        made_of = f"{SUITE} {' '.join(PACKAGES)}\n"
        if stamp.is_file() and stamp.read_text() == made_of:
            self._show_board()
            return
        if self.folder.exists() and not stamp.is_file() and any(self.folder.iterdir()):
            raise EmulationError(f"{self.folder}: not made by this command: name another --root")
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text("not finished\n")
        for part in ("root", "wheels"):
            shutil.rmtree(self.folder / part, ignore_errors=True)
        do(
            [
                "mmdebstrap",
                "--quiet",
                "--variant=extract",
                "--architectures=arm64",
                "--mode=root",
                f"--include={','.join(PACKAGES)}",
                SUITE,
                str(self.root),
                mirror,
            ],
            f"no Debian for arm64 from {mirror}: check the network, or give --mirror",
        )
        for name in ("proc", "dev", "tmp", "sys/devices/system/cpu"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self._show_board()
        self.run(["/sbin/ldconfig"], "the emulated ldconfig fails")
        self.run(["/usr/bin/python3", "-m", "venv", "/device"], "no virtual environment")
        stamp.write_text(made_of)

    def _show_board(self) -> None:
        """Write what programs see of the board's cores."""
        part = {name.lower(): number for number, name in ARM_CORES.items()}[self.core]
        core = (
            "processor\t: {}\nBogoMIPS\t: 108.00\n"
            f"Features\t: {CORES[self.core]}\n"
            "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\n"
            f"CPU part\t: {part:#05x}\nCPU revision\t: 3\n\n"
        )
        (self.root / "cpuinfo").write_text("".join(core.format(n) for n in range(NUMBER)))
        for name in ("possible", "present", "online"):
            (self.root / "sys/devices/system/cpu" / name).write_text(f"0-{NUMBER - 1}\n")

    def variables(self, added: dict[str, str] | None = None) -> dict[str, str]:
        """Return all that a program finds in its environment."""
        return {
            "PATH": "/device/bin:/usr/bin:/bin",
            "HOME": "/tmp",
            "LANG": "C.UTF-8",
            "QEMU_CPU": self.core,
            **dict.fromkeys(ONE_THREAD, "1"),
            **(added or {}),
        }

    def run(self, command: Sequence[str], what: str) -> str:
        """Run a program within the root; return what it printed.

        Raises
        ------
        EmulationError
            If it fails: ``what``, and its last line.
        """
        return do(self.command(command), what)

    def command(self, command: Sequence[str], added: dict[str, str] | None = None) -> list[str]:
        """Return the command that runs a program within the root."""
        variables = [f"{key}={value}" for key, value in self.variables(added).items()]
        return [
            *_NAMESPACES,
            "sh",
            "-c",
            _ENTER,
            "sh",
            str(self.root),
            "/usr/bin/env",
            "-i",
            *variables,
            *command,
        ]

    def install(self, extra: str) -> None:
        """Install this tree's package with its dependencies, from wheels alone.

        This machine's pip downloads the wheels; that of the root chooses among them and installs
        them, so that what does not fit an aarch64 machine is refused.

        Parameters
        ----------
        extra : str
            Of the package, as ``board``; empty for none.

        Raises
        ------
        EmulationError
            If there is no wheel for aarch64, or the emulated pip does not take it.
        """
        wheels = self.folder / "wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        wheels.mkdir()
        tree = self.folder / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        copy_tree(tree)
        do(
            [*_pip("wheel"), "-q", "--no-deps", "--wheel-dir", str(wheels), str(tree)],
            "the wheel cannot be built",
        )
        shutil.rmtree(tree)
        (built,) = wheels.glob("kws-*.whl")
        asked_for = f"[{extra}]" if extra else ""
        download(wheels, [f"{built}{asked_for}"])
        stamp = self.root / "device" / "installed.txt"
        names = sorted(path.name for path in wheels.glob("*.whl"))
        asked = "\n".join(names)
        fresh = not (stamp.is_file() and stamp.read_text() == asked)
        inside = self.root / "wheels"
        shutil.rmtree(inside, ignore_errors=True)
        copy(wheels, inside)
        options = [] if fresh else ["--no-deps"]
        if fresh:
            stamp.unlink(missing_ok=True)
            for entry in self.site.iterdir():  # what an older tree needed
                if not entry.name.startswith(BROUGHT):
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.run(
            [
                *_pip("install", "/device/bin/python"),
                "--no-index",
                "--find-links=/wheels",
                "--only-binary=:all:",
                "--no-compile",
                "--force-reinstall",
                *options,
                f"/wheels/{built.name}{asked_for}",
            ],
            "the device install fails",
        )
        stamp.write_text(asked)

    def install_beside(self, packages: Sequence[str]) -> str:
        """Install packages where the device install does not see them; return that folder.

        Programs find them by ``PYTHONPATH``. What the device install has is not installed twice.
        """
        have = self.folder / "wheels"
        more = self.folder / "more_wheels"
        shutil.rmtree(more, ignore_errors=True)
        # with those that are installed, so that no other versions of them are chosen
        download(more, [*map(str, sorted(have.glob("*.whl"))), *packages])
        for wheel in more.glob("*.whl"):
            if (have / wheel.name).is_file():
                wheel.unlink()
        inside = self.root / "more"
        for folder in (inside, self.root / "more_wheels"):
            shutil.rmtree(folder, ignore_errors=True)
        copy(more, self.root / "more_wheels")
        names = [f"/more_wheels/{path.name}" for path in sorted(more.glob("*.whl"))]
        self.run(
            [
                *_pip("install", "/device/bin/python"),
                "--no-index",
                "--no-deps",
                "--only-binary=:all:",
                "--no-compile",
                "--target=/more",
                *names,
            ],
            "what the tests need cannot be installed",
        )
        return "/more"

    def count(self, plugin: Path, command: Sequence[str]) -> int:
        """Return the instructions that the device's Python executes, start-up included.

        QEMU with plugins is a program of this machine, so it runs outside the root and finds
        files there (``-L``).

        Raises
        ------
        EmulationError
            If the program fails or QEMU does not count.
        """
        result = self.folder / "count.txt"
        result.unlink(missing_ok=True)
        variables = {
            **self.variables(),
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(self.site),
        }
        do(
            [
                *_NAMESPACES,
                "sh",
                "-c",
                _BESIDE,
                "sh",
                str(self.root),
                "env",
                "-i",
                *(f"{key}={value}" for key, value in variables.items()),
                "qemu-aarch64",
                "-L",
                str(self.root),
                "-plugin",
                f"{plugin},count={result}",
                str(self.root / "usr" / "bin" / f"python{PYTHON}"),
                *command,
            ],
            "instructions cannot be counted",
        )
        try:
            return int(result.read_text())
        except (OSError, ValueError):
            raise EmulationError(f"{plugin}: QEMU ran it and it counted nothing") from None


def build_plugin(source: Path, folder: Path) -> Path:
    """Build the plugin that counts, and return its path."""
    plugin = folder / "instructions.so"
    do(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", str(plugin), str(source)],
        f"{source}: gcc does not build it",
    )
    return plugin


def platforms() -> list[str]:
    """Return pip's options for wheels that fit the root, and no others."""
    tags = [f"manylinux_{GLIBC[0]}_{minor}_aarch64" for minor in range(17, GLIBC[1] + 1)]
    tags += ["manylinux2014_aarch64", "linux_aarch64"]
    return [
        "--only-binary=:all:",
        "--implementation=cp",
        f"--python-version={PYTHON}",
        *(f"--platform={tag}" for tag in tags),
    ]


def check_owner(folder: Path) -> None:
    """Refuse a folder in which someone else could put programs that root runs.

    Raises
    ------
    EmulationError
        If others than root may write to it.
    """
    if not folder.exists():
        return
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise EmulationError(
            f"{folder}: others than root may write to it, and root runs what is in it: name "
            "another --root"
        )


def download(folder: Path, wanted: Sequence[str]) -> None:
    """Download wheels for the root, and those that they need."""
    do(
        [*_pip("download"), "-q", "--dest", str(folder), *platforms(), *wanted],
        "no wheels for aarch64",
    )


def _pip(verb: str, python: str | None = None) -> list[str]:
    return [python or sys.executable, "-m", "pip", "--disable-pip-version-check", verb]


def do(command: Sequence[str], what: str) -> str:
    """Run a program of this machine; return what it printed.

    Raises
    ------
    EmulationError
        If it fails: ``what``, and its last line.
    """
    return run_program(command, what, LONGEST, EmulationError)
