"""Compiles the C chain for any machine, by the compiler that the package ziglang brings.

No C library is linked where there is a choice: what the chain needs of one is in ``bare/``. So a
program takes a second to compile, needs nothing on the machine that it runs on, and gives the same
numbers on all of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from kws.errors import KwsError
from kws.installing import install_extra

#: Seconds that a compilation may take; some take ten, the first time.
LONGEST_COMPILATION = 600
#: What every compilation gets. Contraction would round a product and a sum once, where other
#: machines round twice; addresses in the program, names of files and versions would make the bytes
#: depend on where they were compiled.
_FLAGS = (
    "-std=c99",
    "-O2",
    "-s",
    "-ffp-contract=off",
    "-ffreestanding",
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-fvisibility=hidden",
    "-Qn",
    "-g0",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-DKWS_NO_HEAP",
)


@dataclass(frozen=True)
class Target:
    """A kind of machine.

    Attributes
    ----------
    triple : str
        How the compiler calls it.
    platform : str
        The module of ``binary/`` by which a program reads and writes; empty for WebAssembly.
    flags : tuple of str
        What the compiler is told beside that.
    libraries : tuple of str
        What is linked beside the sources.
    """

    triple: str
    platform: str
    flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


_BARE = ("-nostdlib", "-nostdlibinc", "-static")

#: Processors and systems for ``--target``. What their processors are is the least that is sold:
#: any Raspberry Pi but the first runs arm-linux, the first and the Zero run armv6-linux.
TARGETS = {
    "x86_64-linux": Target("x86_64-linux-musl", "linux", _BARE),
    "aarch64-linux": Target("aarch64-linux-musl", "linux", _BARE),
    "arm-linux": Target(
        "arm-linux-musleabihf", "linux", (*_BARE, "-mcpu=generic+v7a+vfp3d16"), ("compiler_rt",)
    ),
    "armv6-linux": Target(
        "arm-linux-musleabihf", "linux", (*_BARE, "-mcpu=arm1176jzf_s"), ("compiler_rt",)
    ),
    "riscv64-linux": Target("riscv64-linux-musl", "linux", _BARE),
    "x86_64-windows": Target(
        "x86_64-windows-gnu", "windows", ("-nostdlib", "-nostdlibinc"), ("kernel32",)
    ),
    "aarch64-macos": Target("aarch64-macos-none", "posix"),
}
#: WebAssembly without any of its extensions: see ``docs/web.md``.
WASM = Target(
    "wasm32-freestanding",
    "",
    ("-nostdlib", "-mcpu=mvp", "-Wl,--no-entry", "-Wl,-z,stack-size=65536"),
)


def package_sources(package: str, folder: str) -> dict[str, bytes]:
    """Return the files of a folder of a package of this side, by name.

    Parameters
    ----------
    package : str
        Dotted name of the package.
    folder : str
        The folder in it.
    """
    found = resources.files(package).joinpath(folder).iterdir()
    return {one.name: one.read_bytes() for one in found if one.is_file()}


def check_compiler() -> None:
    """Say what to install where there is no compiler, before any work is done.

    Raises
    ------
    KwsError
        If it is not installed.
    """
    if find_spec("ziglang") is None:
        raise KwsError(f"the compiler is not installed: {install_extra('native')}")


def compile_c(sources: Mapping[str, bytes], target: Target) -> bytes:
    """Compile and link C sources together with what they need of a C library.

    The same sources give the same bytes, wherever and whenever they are compiled.

    Parameters
    ----------
    sources : mapping of str to bytes
        Text by file name; names that end in ``.c`` are compiled, the others can be included.
    target : Target
        The machine.

    Returns
    -------
    bytes
        The program, or the WebAssembly module.

    Raises
    ------
    KwsError
        If the compiler is not installed, cannot be run, or refuses the sources.
    """
    check_compiler()
    bare = package_sources(__package__, "bare")
    with tempfile.TemporaryDirectory(prefix="kws-") as name:
        folder = Path(name)
        (folder / "bare").mkdir()
        for file, text in sources.items():
            (folder / file).write_bytes(text)
        for file, text in bare.items():
            (folder / "bare" / file).write_bytes(text)
        files = sorted(file for file in sources if file.endswith(".c"))
        command = [
            *(sys.executable, "-m", "ziglang", "cc", "-target", target.triple),
            *(*_FLAGS, *target.flags, "-isystem", "bare", "-I", "."),
            *(*files, "bare/bare.c"),
            *(f"-l{library}" for library in target.libraries),
            *("-o", "kws"),
        ]
        _run(command, folder)
        return (folder / "kws").read_bytes()


def _run(command: list[str], folder: Path) -> None:
    """Run the compiler in a folder; what it says at length becomes one line."""
    environment = os.environ | {
        # relative, and for this once: the same paths every time, and nothing is left behind
        "ZIG_LOCAL_CACHE_DIR": "cache",
        "ZIG_GLOBAL_CACHE_DIR": str(_cache(folder)),
    }
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=LONGEST_COMPILATION,
        )
    except OSError as error:
        raise KwsError(
            f"the compiler cannot be run ({error.strerror}): install ziglang again"
        ) from None
    except subprocess.TimeoutExpired:
        raise KwsError(
            f"the compiler took more than {LONGEST_COMPILATION} s: try again when less runs here"
        ) from None
    if done.returncode != 0 or not (folder / "kws").is_file():
        said = [line for line in done.stderr.splitlines() if "error" in line]
        reason = (said or done.stderr.splitlines() or ["it said nothing"])[0]
        raise KwsError(
            f"the compiler has failed: {reason.strip()[:200]}: see that the disk is not full, "
            "or install ziglang again"
        )


def _cache(folder: Path) -> Path:
    """Return the folder in which the compiler keeps its own runtime, or one for this once."""
    from kws_training.cache import cache_folder

    cache = cache_folder("zig")
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return folder / "cache"
    return cache if os.access(cache, os.W_OK) else folder / "cache"
