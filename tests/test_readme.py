"""Every example in the README runs, and prints what the README says."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

#: Commands that need a microphone, a network, or an hour; what they call is tested elsewhere.
ELSEWHERE = (
    "make ",
    "pip install ",
    "KWS_DEVICE=1 pip install ",
    "arecord ",
    "kws listen",
    "kws distill",
    "python ",
)


#: What a maker types needs recordings.
MAKER = set(README.split("## For the maker")[1].split("\n## ")[0].split("\n"))
MAKER = {line.split("#")[0].strip() for line in MAKER}


def commands():
    for kind, text in BLOCKS:
        if kind == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                command = line.split("#")[0].strip()
                if command:
                    yield command


def run(command, folder):
    arguments = shlex.split(command)
    assert arguments[0] == "kws"
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_opens_with_the_two_commands():
    assert list(commands())[:2] == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:", makefile, re.MULTILINE)
    assert re.search(r"^test:", makefile, re.MULTILINE)


def test_demo_prints_what_the_readme_shows():
    def rows(text):
        found = re.findall(r"([\d.]+) – ([\d.]+) s +(\w+) +([\d.]+)", text)
        return [(word, float(a), float(b), float(score)) for a, b, word, score in found]

    shown = rows(next(text for kind, text in BLOCKS if kind == "text"))
    printed = rows(run("kws spot demo/synthesized_commands.wav", ROOT).stdout)
    assert len(shown) >= 8
    assert [row[0] for row in printed] == [row[0] for row in shown]
    # another processor rounds a little differently
    for one, other in zip(printed, shown, strict=True):
        assert one[1:] == pytest.approx(other[1:], abs=0.06)


def test_python_examples(tmp_path):
    examples = [text for kind, text in BLOCKS if kind == "python"]
    assert examples
    for example in examples:
        subprocess.run([sys.executable, "-c", example], check=True, cwd=tmp_path)


@pytest.mark.parametrize("command", [c for c in commands() if not c.startswith(ELSEWHERE)])
def test_shell_examples(command, tmp_path, request):
    for name in ("demo", "kws", "benchmarks"):
        if (ROOT / name).exists():
            (tmp_path / name).symlink_to(ROOT / name)
    if command in MAKER:
        pytest.skip("run by tests/training/augmentation/test_examples.py, with made-up words")
    default = ROOT / "kws" / "models" / "commands.tflite"
    (tmp_path / "model.tflite").write_bytes(default.read_bytes())
    if "here.json" in command:  # of a benchmark before
        run("kws bench --seconds 1 --json here.json", tmp_path)
    recording = ROOT / "demo" / "synthesized_commands.wav"
    (tmp_path / "your.wav").write_bytes(recording.read_bytes())
    result = run(command, tmp_path)
    # a busy machine may miss a budget of milliseconds: that is an answer, too
    assert result.returncode in ((0, 1) if "--budget-ms" in command else (0,)), result.stderr
    assert result.stdout


def test_every_verb_of_the_readme_exists():
    help_text = run("kws --help", ROOT).stdout
    for verb in set(re.findall(r"\bkws (\w+)", "\n".join(commands()))):
        assert re.search(rf"^\s+{verb}\b", help_text, re.MULTILINE), verb


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
