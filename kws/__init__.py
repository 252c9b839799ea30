"""kws: keyword spotting for devices.

>>> from kws import KeywordSpotter
>>> spotter = KeywordSpotter.default()
>>> for detection in spotter.process(chunk):  # doctest: +SKIP
...     print(detection.keyword, detection.score, detection.start, detection.end)
"""

from .detections import Classification, Detection
from .errors import AudioError, KwsError, ModelError
from .group import SpotterGroup
from .modelfile import ModelFile, read_model
from .pipelines import pipeline
from .spotter import KeywordSpotter

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "Classification",
    "Detection",
    "KeywordSpotter",
    "KwsError",
    "ModelError",
    "ModelFile",
    "SpotterGroup",
    "__version__",
    "pipeline",
    "read_model",
]
