"""The made-up recordings of the training side's tests, for what the pages tell people to type."""

import importlib.util
from pathlib import Path

_path = Path(__file__).resolve().parents[1] / "training" / "conftest.py"
_spec = importlib.util.spec_from_file_location("conftest_of_training", _path)
_training = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_training)

_cache_of_the_tests = _training._cache_of_the_tests
made_yamnet = _training.made_yamnet
make_word = _training.make_word
speech = _training.speech
word_images = _training.word_images
words = _training.words
