"""The machine that figures come from, and what makes them doubtful.

Everything is read from `/proc` and `/sys`, and from `vcgencmd` where it is installed (Raspberry Pi
OS); what is not there is None. Nothing is ever set.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path("/")

#: Part numbers of Arm cores in /proc/cpuinfo (implementer 0x41; Linux, asm/cputype.h).
ARM_CORES = {
    0xB76: "ARM1176",
    0xC05: "Cortex-A5",
    0xC07: "Cortex-A7",
    0xC08: "Cortex-A8",
    0xC09: "Cortex-A9",
    0xC0F: "Cortex-A15",
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD0D: "Cortex-A77",
    0xD41: "Cortex-A78",
}
#: Bits of `vcgencmd get_throttled` (raspberrypi.com/documentation/computers/os.html).
THROTTLED = {
    0: "the voltage is too low",
    1: "the frequency is capped",
    2: "throttled",
    3: "at the soft temperature limit",
}
#: The same bits, this much higher, say that it has happened since the start.
_SINCE = 16

#: Other work than ours, in cores, from which times are doubtful.
MOST_LOAD = 0.5
#: Share by which the frequency may move.
MOST_DRIFT = 0.05
#: From this temperature on a Raspberry Pi slows down (ibidem: 80 °C; the 3B+ from 60 °C).
HOT = 80.0
#: Fewer steps say little about the slowest of a hundred.
FEWEST_STEPS = 100


@dataclass(frozen=True)
class Machine:
    """What does not change while one measures.

    Attributes
    ----------
    model : str or None
        Of the board or computer.
    core : str or None
        Type of the core that this process may run on first.
    cores : int
        That this process may run on.
    architecture, system : str
        As the kernel says.
    memory : int or None
        Bytes.
    governor : str or None
        How the kernel chooses the frequency.
    highest_hz : float or None
        Highest frequency that the kernel allows.
    python, kws, numpy, interpreter : str or None
        Versions.
    """

    model: str | None
    core: str | None
    cores: int
    architecture: str
    system: str
    memory: int | None
    governor: str | None
    highest_hz: float | None
    python: str
    kws: str
    numpy: str | None
    interpreter: str | None


@dataclass(frozen=True)
class State:
    """What may change while one measures.

    Attributes
    ----------
    frequency_hz : float or None
        Of the first core that this process may run on.
    temperature : float or None
        The hottest zone, °C.
    throttled : int or None
        Bits of `vcgencmd get_throttled`.
    load : float or None
        Processes that ran or wanted to, mean of the last minute.
    watts : float or None
        By the board's own measurement.
    watts_source : str or None
        The sensor, or the program, that measured it.
    """

    frequency_hz: float | None
    temperature: float | None
    throttled: int | None
    load: float | None
    watts: float | None
    watts_source: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return the state as plain JSON values."""
        return asdict(self)


def read_machine(root: Path = ROOT) -> Machine:
    """Read what does not change; ``root`` stands for the root of the file system.

    Parameters
    ----------
    root : Path
        Stands for the root of the file system.

    Returns
    -------
    Machine
        What is not known is None.
    """
    from .. import __version__

    core = _core(root)
    frequency = _frequencies(root)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    return Machine(
        model=_model(root),
        core=core,
        cores=len(_allowed()),
        architecture=platform.machine(),
        system=platform.platform(),
        memory=int(memory[1]) * 1024 if memory else None,
        governor=_text(frequency / "scaling_governor") or None,
        highest_hz=_number(frequency / "scaling_max_freq", 1e3),
        python=platform.python_version(),
        kws=__version__,
        numpy=_version("numpy"),
        interpreter=_interpreter(),
    )


def read_state(root: Path = ROOT, *, tools: bool = True) -> State:
    """Read what may change.

    Parameters
    ----------
    root : Path
        Stands for the root of the file system.
    tools : bool
        Whether to ask ``vcgencmd`` too: it takes some milliseconds of a core.

    Returns
    -------
    State
        What is not known is None.
    """
    watts, source = _watts(root, tools)
    return State(
        frequency_hz=_frequency(root),
        temperature=_temperature(root),
        throttled=_throttled() if tools else None,
        load=_load(root),
        watts=watts,
        watts_source=source,
    )


def doubts(machine: Machine, states: Sequence[State]) -> list[str]:
    """Return what makes figures doubtful, one line each.

    Parameters
    ----------
    machine : Machine
        What does not change.
    states : sequence of State
        Before, during and after, in their order; the load is judged by the first, since afterwards
        it is our own.

    Returns
    -------
    list of str
        Empty if nothing is doubtful.
    """
    found = []
    if machine.governor not in (None, "performance"):
        found.append(
            f"the governor is {machine.governor}: the frequency follows the load, as it will in "
            "your app; for figures to compare, set it to performance (cpupower frequency-set)"
        )
    loads = [state.load for state in states[:1] if state.load is not None]
    if loads and loads[0] > MOST_LOAD:
        found.append(f"the load was {loads[0]:.1f} before the start: other programs were running")
    frequencies = [state.frequency_hz for state in states if state.frequency_hz]
    if frequencies and min(frequencies) < (1 - MOST_DRIFT) * max(frequencies):
        found.append(
            f"the frequency moved between {min(frequencies) / 1e6:.0f} and "
            f"{max(frequencies) / 1e6:.0f} MHz"
        )
    hottest = max((s.temperature for s in states if s.temperature is not None), default=0.0)
    if hottest >= HOT:
        found.append(f"it was {hottest:.0f} °C: boards slow down from {HOT:.0f} °C on")
    bits = 0
    for state in states:
        bits |= state.throttled or 0
    for bit, what in THROTTLED.items():
        if bits >> bit & 1:
            found.append(f"{what} while it was measured (vcgencmd get_throttled)")
        elif bits >> bit >> _SINCE & 1:
            found.append(f"{what} at some time since the start (vcgencmd get_throttled)")
    return found


def _text(path: Path) -> str:
    """Return a small file's text, empty if it is not there or may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 20).decode("utf-8", "replace").strip("\0\n ")
    except OSError:
        return ""


def _number(path: Path, unit: float = 1.0) -> float | None:
    try:
        return float(_text(path)) * unit
    except ValueError:
        return None


def _allowed() -> list[int]:
    """Return the numbers of the cores that this process may run on."""
    try:
        return sorted(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on every system
        return list(range(os.cpu_count() or 1))


def _frequencies(root: Path) -> Path:
    return root / f"sys/devices/system/cpu/cpu{_allowed()[0]}/cpufreq"


def _model(root: Path) -> str | None:
    tree = _text(root / "proc/device-tree/model")
    if tree:
        return tree
    maker, name = (
        _text(root / f"sys/class/dmi/id/{key}") for key in ("sys_vendor", "product_name")
    )
    return " ".join(filter(None, (maker, name))) or None


def _core(root: Path) -> str | None:
    text = _text(root / "proc/cpuinfo")
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    part = re.search(r"^CPU part\s*:\s*(0x[0-9a-fA-F]+)$", text, re.MULTILINE)
    if part is not None:  # 32-bit kernels give Arm cores a model name too, which says less
        number = int(part[1], 16)
        return ARM_CORES.get(number, f"part {part[1]}")
    return name[1].strip() if name else None


def _frequency(root: Path) -> float | None:
    found = _number(_frequencies(root) / "scaling_cur_freq", 1e3)
    if found is not None:
        return found
    cores = re.findall(r"^cpu MHz\s*:\s*([\d.]+)$", _text(root / "proc/cpuinfo"), re.MULTILINE)
    first = _allowed()[0]
    return float(cores[first]) * 1e6 if first < len(cores) else None


def _temperature(root: Path) -> float | None:
    zones = (root / "sys/class/thermal").glob("thermal_zone*/temp")
    found = [value for value in (_number(zone, 1e-3) for zone in zones) if value is not None]
    return max(found, default=None)


def _load(root: Path) -> float | None:
    words = _text(root / "proc/loadavg").split()
    return float(words[0]) if words else None


def _vcgencmd(*words: str) -> str:
    """Return what vcgencmd prints, empty where there is none or it fails."""
    program = shutil.which("vcgencmd")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _throttled() -> int | None:
    found = re.search(r"throttled=(0x[0-9a-fA-F]+)", _vcgencmd("get_throttled"))
    return int(found[1], 16) if found else None


def _watts(root: Path, tools: bool) -> tuple[float | None, str | None]:
    """Return the power that the board measures itself: an INA219 or its like, or a Pi 5's PMIC."""
    for sensor in sorted((root / "sys/class/hwmon").glob("hwmon*")):
        watts = _number(sensor / "power1_input", 1e-6)
        if watts is not None:
            return watts, _text(sensor / "name") or sensor.name
    watts = pmic_watts(_vcgencmd("pmic_read_adc")) if tools else None
    return watts, None if watts is None else "vcgencmd pmic_read_adc"


def pmic_watts(text: str) -> float | None:
    """Return the sum over the rails of `vcgencmd pmic_read_adc`; None if there is none.

    Each rail has a line of its current and one of its voltage, ``VDD_CORE_A current(7)=0.75A`` and
    ``VDD_CORE_V volt(15)=0.72V``. What does not pass through these rails is not in the sum: it is
    less than what the board takes from its supply.

    Parameters
    ----------
    text : str
        What ``vcgencmd pmic_read_adc`` printed.

    Returns
    -------
    float or None
        Watts.
    """
    found = {
        (rail, unit): float(value)
        for rail, unit, value in re.findall(
            r"^\s*(\w+)_([AV])\s+(?:current|volt)\(\d+\)=([\d.]+)[AV]\s*$", text, re.MULTILINE
        )
    }
    powers = [
        value * found[rail, "V"]
        for (rail, unit), value in found.items()
        if unit == "A" and (rail, "V") in found
    ]
    return sum(powers) if powers else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _interpreter() -> str | None:
    for package in ("ai-edge-litert", "tflite-runtime"):
        found = _version(package)
        if found is not None:
            return f"{package} {found}"
    return None
