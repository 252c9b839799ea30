"""The README is short, opens with two commands, and shows what the demo prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "kws", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_is_short():
    assert len(README.split()) <= 1000
    assert max(map(len, README.splitlines())) <= 100


def test_opens_with_the_two_commands():
    first = next(text for kind, text in BLOCKS if kind == "sh")
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_demo_prints_what_the_readme_shows():
    def rows(text):
        found = re.findall(r"([\d.]+) – ([\d.]+) s +(\w+) +([\d.]+)", text)
        return [(word, float(a), float(b), float(score)) for a, b, word, score in found]

    shown = rows(next(text for kind, text in BLOCKS if kind == "text"))
    printed = rows(run("spot", "demo/synthesized_commands.wav").stdout)
    assert len(shown) >= 8
    assert [row[0] for row in printed] == [row[0] for row in shown]
    # another processor rounds a little differently
    for one, other in zip(printed, shown, strict=True):
        assert one[1:] == pytest.approx(other[1:], abs=0.06)


def test_shows_eight_lines_of_python():
    examples = [text for kind, text in BLOCKS if kind == "python"]
    assert len(examples) == 1
    assert len(examples[0].splitlines()) <= 8
