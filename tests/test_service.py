"""The files that make `kws serve` a service: a unit of systemd, and the recipe of a container."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UNIT = ROOT / "packaging" / "kws-serve.service"
RECIPE = ROOT / "packaging" / "Containerfile"


@pytest.mark.reach
def test_systemd_understands_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    # the program is not where the unit has it
    text = UNIT.read_text().replace("/opt/kws/bin/kws", "/bin/true")
    (tmp_path / UNIT.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNIT.name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_and_the_container_start_what_there_is():
    from kws.cli.main import find_verbs

    (serve,) = find_verbs("serve")
    assert f"ExecStart=/opt/kws/bin/kws {serve.name} $KWS_ARGUMENTS" in UNIT.read_text()
    assert f'ENTRYPOINT ["kws", "{serve.name}"]' in RECIPE.read_text()


def test_the_container_copies_what_there_is():
    copied = re.findall(r"^COPY (.*) \S+$", RECIPE.read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert "kws" in names
    assert [name for name in names if not (ROOT / name).exists()] == []
