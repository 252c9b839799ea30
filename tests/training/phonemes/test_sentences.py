"""Sentences whose phonemes are known: said once, in chunks that are kept."""

from dataclasses import dataclass

import numpy as np
import pytest

from kws.errors import KwsError
from kws.grammar.reading import parse_grammar
from kws.phonemes.symbols import PHONEMES
from kws_training.phonemes import sentences as module
from kws_training.phonemes.sentences import counts_for, say_sentences
from kws_training.phonemes.texts import CommonWords, Orders
from kws_training.synthesis.engine import Style


@dataclass
class Beeps:
    """An engine that says a beep of 50 ms for each letter, and counts what it says."""

    name: str = "flite"
    voices: tuple[str, ...] = ("one", "two")
    natural: bool = True
    said: int = 0

    def speak(self, text: str, voice: str, style: Style) -> tuple[np.ndarray, int]:
        self.said += 1
        if self.said % 40 == 7:
            raise KwsError("flite: out of breath")
        time = np.arange(800 * len(text)) / 16000
        return np.sin(2 * np.pi * 440 * time).astype(np.float32) / 2, 16000


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 12)


def test_words_are_spelled_by_the_dictionary():
    spell = CommonWords().spell
    found = spell("Stop the device")
    assert " ".join(PHONEMES[n] for n in found) == "s t aa p dh ax d ih v ay s"
    assert spell("stop the zzyzx") is None
    assert spell("") is None


def test_engines_have_whole_chunks_by_their_share():
    counts = counts_for(15_000, [Beeps(), Beeps("espeak-ng"), Beeps("kokoro"), Beeps("unheard")])
    assert counts == {"flite": 3600, "espeak-ng": 3000, "kokoro": 400}


def test_chunks_are_kept_and_what_was_stopped_goes_on(small, tmp_path, capsys):
    engine = Beeps()
    first = say_sentences(CommonWords(), [engine], {"flite": 12}, 0, tmp_path)
    assert engine.said == 12
    assert len(first.images) == 11
    assert "1 of 12 could not be said: flite: out of breath" in capsys.readouterr().err
    again = Beeps(said=12)
    whole = say_sentences(CommonWords(), [again], {"flite": 24}, 0, tmp_path)
    assert again.said == 24  # the second dozen alone
    for one, other in zip(first.images, whole.images, strict=False):
        np.testing.assert_array_equal(one, other)
    assert [one.tolist() for one in first.phonemes] == [
        one.tolist() for one in whole.phonemes[: len(first.phonemes)]
    ]
    assert set(whole.speakers) == {"synthetic flite one", "synthetic flite two"}
    assert whole.hours == pytest.approx(sum(len(one) for one in whole.images) / 360_000)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_damaged_chunk_is_made_anew(small, tmp_path):
    say_sentences(CommonWords(), [Beeps()], {"flite": 12}, 0, tmp_path)
    (kept,) = tmp_path.iterdir()
    for damage in (kept.read_bytes()[:400], b"", b"PK"):
        kept.write_bytes(damage)
        engine = Beeps()
        assert len(say_sentences(CommonWords(), [engine], {"flite": 12}, 0, tmp_path).images) == 11
        assert engine.said == 12


def test_nothing_to_say_it_with(tmp_path):
    with pytest.raises(KwsError, match=r"apt-get install espeak-ng flite, or --synthesize 0"):
        say_sentences(CommonWords(), [], {}, 0, tmp_path)


COFFEE = """context:
  expressions:
    order:
      - "(please) make $size:size coffee with zzyzx"
  slots:
    size:
      - small
      - large
  pronunciations:
    zzyzx:
      - z ih z
"""


def test_orders_of_a_grammar_are_said_by_its_own_pronunciations(small, tmp_path):
    orders = Orders(parse_grammar(COFFEE, "coffee.yaml"))
    engine = Beeps()
    spoken = say_sentences(orders, [engine], {"flite": 12}, 0, tmp_path)
    assert engine.said == 4  # the grammar has no more
    said = {" ".join(PHONEMES[n] for n in one) for one in spoken.phonemes}
    assert "m ey k s m ao l k aa f iy w ih dh z ih z" in said
    assert len(said) == 4
    say_sentences(orders, [engine], {"flite": 12}, 0, tmp_path)
    assert engine.said == 4
    # said otherwise, it is another grammar
    other = Orders(parse_grammar(COFFEE.replace("z ih z", "z aa z"), "coffee.yaml"))
    assert other.identity != orders.identity
    assert CommonWords.identity == ()
