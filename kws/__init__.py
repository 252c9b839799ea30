"""kws: keyword spotting for devices.

>>> from kws import KeywordSpotter
>>> spotter = KeywordSpotter.default()
>>> for detection in spotter.process(chunk):  # doctest: +SKIP
...     print(detection.keyword, detection.score, detection.start, detection.end)
"""

from .command_recognizer import CommandRecognizer
from .detections import Classification, Detection
from .errors import AudioError, KwsError, ModelError
from .grammar.recognition import CommandResult
from .group import SpotterGroup
from .modelfile import ModelFile, read_model
from .pipelines import pipeline
from .spotter import KeywordSpotter
from .transcripts.transcriber import Transcriber, Transcript

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "Classification",
    "CommandRecognizer",
    "CommandResult",
    "Detection",
    "KeywordSpotter",
    "KwsError",
    "ModelError",
    "ModelFile",
    "SpotterGroup",
    "Transcriber",
    "Transcript",
    "__version__",
    "pipeline",
    "read_model",
]
