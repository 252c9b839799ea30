"""The code of docs/hub.md and of the card, against the small Hub."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.reach

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
RIGHT = "hf_right"
#: Commands of the page that other tests run, or that need what is not here.
ELSEWHERE = ("pip install", "hf auth login", "kws train", "kws evaluate", "kws data")


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    model = ROOT / "kws" / "models" / "commands.tflite"
    (tmp_path / "model.tflite").write_bytes(model.read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_works(client, pushed, place) -> None:
    """In an order in which what is used was pushed; a public repository does not become private."""
    blocks = BLOCK.findall((ROOT / "docs" / "hub.md").read_text())
    commands = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    for command in sorted(commands, key=lambda line: "push" not in line):
        arguments = shlex.split(command, comments=True)
        if command.startswith(ELSEWHERE):
            continue
        assert arguments[0] == "kws"
        private = "--private" in arguments
        # in a process of its own: those that are kept are in another folder
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=client.environment(HF_TOKEN=RIGHT),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == (2 if private else 0), done.stderr
        assert done.stdout or "everybody can read it" in done.stderr
    code = "\n".join(text for kind, text in blocks if kind == "python")
    lines = client.python("-c", code).splitlines()
    assert lines[0].startswith("('down', 'go'")
    assert "'start': 0.99" in lines[2]
    assert {line.split()[0] for line in lines[3:-1]} == {"stop", "go"}
    assert lines[-1].endswith("/anna/small")


def test_the_code_of_the_card_works(client, pushed, place) -> None:
    fetch = "import huggingface_hub as h; print(h.ModelCard.load('anna/lights').text)"
    blocks = BLOCK.findall(client.python("-c", fetch))
    code = "\n".join(text for kind, text in blocks if kind == "python")
    samples = 'from kws.audio import load_audio\nsamples = load_audio("clip.wav", 16000)\n'
    (place / "clip.wav").write_bytes((ROOT / "demo" / "synthesized_commands.wav").read_bytes())
    lines = client.python("-c", samples + code).splitlines()
    assert lines[0].startswith("[{'label':")
    assert [line.split()[0] for line in lines[1:4]] == ["yes", "no", "up"]


def test_the_example_takes_a_model_of_the_hub(client, pushed) -> None:
    demo = ROOT / "demo" / "synthesized_commands.wav"
    lines = client.python(ROOT / "examples" / "hub_pipeline.py", pushed, demo).splitlines()
    assert lines[-1].startswith("the first of the stream: yes until 1.")
