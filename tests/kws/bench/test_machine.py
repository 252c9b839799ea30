"""The machine's fingerprint, read from a tree like a board's, and what makes figures doubtful.

A Raspberry Pi is not at hand: its files and what `vcgencmd` prints are as its documentation and
published listings have them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kws.bench import machine
from kws.bench.machine import Machine, State, doubts, pmic_watts, read_machine, read_state

QUIET = State(1.5e9, 50.0, 0, 0.1, None, None)


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """The files of a Raspberry Pi 4."""
    core = machine._allowed()[0]
    files = {
        "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: ARMv7 Processor rev 3 (v7l)\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd08\n",
        "proc/meminfo": "MemTotal:        3884356 kB\nMemFree:          100 kB\n",
        "proc/loadavg": "0.75 0.40 0.20 1/200 1234\n",
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor": "ondemand\n",
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_max_freq": "1500000\n",
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq": "600000\n",
        "sys/class/thermal/thermal_zone0/temp": "48312\n",
        "sys/class/thermal/thermal_zone1/temp": "51000\n",
        "sys/class/thermal/thermal_zone2/temp": "not a number\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_boards_fingerprint(board: Path) -> None:
    found = read_machine(board)
    assert found.model == "Raspberry Pi 4 Model B Rev 1.4"
    assert found.core == "Cortex-A72"
    assert found.governor == "ondemand"
    assert found.highest_hz == pytest.approx(1.5e9)
    assert found.memory == 3884356 * 1024
    assert found.cores >= 1
    assert found.numpy
    assert found.interpreter


def test_a_boards_state(board: Path) -> None:
    found = read_state(board)
    assert found.frequency_hz == pytest.approx(6e8)
    assert found.temperature == pytest.approx(51.0)
    assert found.load == pytest.approx(0.75)
    assert found.watts is None


def test_a_core_that_is_not_known_is_named_by_its_number(board: Path) -> None:
    (board / "proc/cpuinfo").write_text("CPU part\t: 0xfff\n")
    assert read_machine(board).core == "part 0xfff"


def test_where_nothing_can_be_read_nothing_is_said(tmp_path: Path) -> None:
    assert read_state(tmp_path, tools=False) == State(None, None, None, None, None, None)
    found = read_machine(tmp_path)
    assert (found.model, found.core, found.governor, found.memory) == (None, None, None, None)
    assert doubts(found, [read_state(tmp_path, tools=False)]) == []


def test_this_machine() -> None:
    found, state = read_machine(), read_state()
    assert found.memory is None or found.memory > 2**26
    assert found.python.startswith("3.")
    assert state.to_dict().keys() == State.__dataclass_fields__.keys()


def test_power_of_a_sensor(board: Path) -> None:
    sensor = board / "sys/class/hwmon/hwmon2"
    sensor.mkdir(parents=True)
    (sensor / "name").write_text("ina219\n")
    (sensor / "power1_input").write_text("2460000\n")
    found = read_state(board)
    assert found.watts == pytest.approx(2.46)
    assert found.watts_source == "ina219"


def test_power_of_the_rails() -> None:
    """Rails pair by name, not by number; one without its voltage is left out."""
    text = (
        " 3V7_WL_SW_A current(0)=0.02342232A\n   3V3_SYS_A current(1)=0.15419700A\n"
        "  VDD_CORE_A current(7)=1.12518000A\n   ALONE_A current(9)=0.5A\n"
        " 3V7_WL_SW_V volt(8)=3.71740800V\n   3V3_SYS_V volt(9)=3.31745700V\n"
        "  VDD_CORE_V volt(15)=0.89316150V\n     EXT5V_V volt(24)=5.1V\n"
    )
    expected = 0.02342232 * 3.717408 + 0.154197 * 3.317457 + 1.12518 * 0.8931615
    assert pmic_watts(text) == pytest.approx(expected)
    assert pmic_watts("") is None
    assert pmic_watts("EXT5V_V volt(24)=5.1V\n") is None


def test_vcgencmd_is_asked(board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "vcgencmd"
    program.write_text(
        '#!/bin/sh\ncase "$1" in\nget_throttled) echo throttled=0x50005;;\n'
        'pmic_read_adc) echo "CORE_A current(7)=2A"; echo "CORE_V volt(1)=0.5V";;\nesac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    found = read_state(board)
    assert found.throttled == 0x50005
    assert found.watts == pytest.approx(1.0)
    assert found.watts_source == "vcgencmd pmic_read_adc"
    assert read_state(board, tools=False).throttled is None
    program.write_text("#!/bin/sh\nexit 1\n")
    assert read_state(board).throttled is None


# --- what makes figures doubtful ---


@pytest.fixture
def calm(board: Path) -> Machine:
    return replace(read_machine(board), governor="performance")


def test_nothing_is_doubtful_on_a_quiet_machine(calm: Machine) -> None:
    assert doubts(calm, [QUIET, QUIET, replace(QUIET, load=0.9)]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"load": 2.5}, "load was 2.5"),
        ({"frequency_hz": 1.2e9}, "between 1200 and 1500 MHz"),
        ({"temperature": 84.0}, "84 °C"),
        ({"throttled": 0x4}, "throttled while it was measured"),
        ({"throttled": 0x40000}, "throttled at some time since the start"),
        ({"throttled": 0x1}, "voltage is too low"),
    ],
)
def test_each_doubt_is_said(calm: Machine, change: dict[str, float], said: str) -> None:
    (line,) = doubts(calm, [replace(QUIET, **change), QUIET])
    assert said in line


def test_the_governor_is_named(calm: Machine) -> None:
    (line,) = doubts(replace(calm, governor="ondemand"), [QUIET])
    assert "ondemand" in line


def test_a_small_move_of_the_frequency_is_none(calm: Machine) -> None:
    assert doubts(calm, [QUIET, replace(QUIET, frequency_hz=1.48e9)]) == []
