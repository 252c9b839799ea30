"""What is said on stderr."""

from __future__ import annotations

import pytest

from kws.console import note


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("kws: küche.wav – 3 s …", "kws: küche.wav – 3 s …"),
        ("kws: a\nkws: all is well.wav", r"kws: a\nkws: all is well.wav"),
        ("\x1b]0;title\x07\x1b[2J.tflite", r"\x1b]0;title\x07\x1b[2J.tflite"),
        ("\x9b2J \u202e \u2028", r"\x9b2J \u202e \u2028"),
        ("not UTF-8 \udcff", r"not UTF-8 \udcff"),
    ],
)
def test_what_steers_a_terminal_is_escaped(
    line: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    note(line)
    assert capsys.readouterr().err == shown + "\n"
