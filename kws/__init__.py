"""kws: keyword spotting for devices.

>>> from kws import KeywordSpotter
>>> spotter = KeywordSpotter.default()
>>> for detection in spotter.process(chunk):  # doctest: +SKIP
...     print(detection.keyword, detection.score, detection.start, detection.end)
"""

import importlib
from typing import TYPE_CHECKING, Any

from .detections import Classification, Detection
from .errors import AudioError, KwsError, ModelError
from .group import SpotterGroup
from .modelfile import ModelFile, read_model
from .pipelines import pipeline
from .spotter import KeywordSpotter

if TYPE_CHECKING:
    from .command_recognizer import CommandRecognizer
    from .grammar.recognition import CommandResult
    from .transcripts.transcriber import Transcriber, Transcript
else:  # hidden from type checkers, which would accept any name then

    def __getattr__(name: str) -> Any:
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(_LATER[name], __name__), name)


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

#: What a spotter never needs, and where it is: loaded when it is first asked for.
_LATER = {
    "CommandRecognizer": ".command_recognizer",
    "CommandResult": ".grammar.recognition",
    "Transcriber": ".transcripts.transcriber",
    "Transcript": ".transcripts.transcriber",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
