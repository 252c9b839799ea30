"""A model of phonemes gives posteriors, and detects nothing by itself."""

from dataclasses import replace

import numpy as np
import pytest

from kws import KeywordSpotter
from kws.errors import ModelError
from kws.modelfile import pack, parse_model
from kws.phonemes.symbols import OUTPUTS, VOICE_INDEX

from ...phoneme_network import phoneme_model, tones


def test_it_hears_phonemes():
    spotter = KeywordSpotter(phoneme_model())
    said = ["hh", "ow", "m", "zh"]
    posteriors = spotter.posteriors(tones(said))
    assert np.allclose(posteriors[:, :VOICE_INDEX].sum(axis=1), 1, atol=1e-5)
    best = [OUTPUTS[index] for index in posteriors[:, :VOICE_INDEX].argmax(axis=1)]
    assert [one for one, before in zip(best[1:], best, strict=False) if one != before][::2] == said
    assert posteriors[:, VOICE_INDEX].max() > 0.9


def test_it_detects_nothing():
    spotter = KeywordSpotter(phoneme_model())
    assert spotter.keywords == ()
    assert spotter.process(tones(["hh", "ow"])) == spotter.flush() == []
    spotter.watch_near(0.5)
    assert spotter.take_near() == []
    other = KeywordSpotter(phoneme_model())
    other.restore(spotter.state())
    with pytest.raises(ModelError, match="tells no clips apart: name words with --phrase"):
        spotter.classify(tones(["hh", "ow"]))


def test_other_phonemes_are_those_of_another_version():
    model = phoneme_model()
    labels = (*OUTPUTS[:-2], "qq", OUTPUTS[-1])
    with pytest.raises(ModelError, match="labels must be the phonemes that this version knows"):
        parse_model(pack(model.network, replace(model.metadata, labels=labels)), "other")
