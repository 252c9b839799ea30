"""Which models can teach wake words, and what they tell of their making."""

from __future__ import annotations

from collections.abc import Sequence

from kws.errors import KwsError
from kws.metadata import WAKE_WORDS
from kws.modelfile import ModelFile
from kws_training.wake_words.defaults import HOLD_OUT

#: Characters of the code of a language, at most.
LONGEST_CODE = 20
#: Largest share of recordings that a teacher can have left out.
MOST_HELD_OUT = 0.9


def check_teachers(teachers: Sequence[ModelFile]) -> tuple[str, ...]:
    """Return the wake words of teachers.

    Parameters
    ----------
    teachers : sequence of ModelFile
        At least one.

    Raises
    ------
    KwsError
        If one is for another task, or for other wake words.
    """
    labels = teachers[0].metadata.labels
    for teacher in teachers:
        if teacher.metadata.task != WAKE_WORDS:
            raise KwsError(
                f"{teacher.path}: its task is {teacher.metadata.task}: a student on the front end "
                "of microWakeWord is of wake words: train a teacher with kws train --wake-word"
            )
        if teacher.metadata.labels != labels:
            raise KwsError(f"{teacher.path}: all teachers must know {', '.join(labels)}, in order")
    return labels


def hold_out_of(model: ModelFile) -> float:
    """Return the share of a phrase's recordings that nothing was trained on, by a teacher's file.

    Parameters
    ----------
    model : ModelFile
        The teacher; what its provenance holds may be of any kind.
    """
    options = model.metadata.provenance.get("options")
    share = options.get("hold_out") if isinstance(options, dict) else None
    good = isinstance(share, int | float) and 0 <= share <= MOST_HELD_OUT
    return float(share) if good else HOLD_OUT  # type: ignore[arg-type]


def language_of(model: ModelFile) -> str | None:
    """Return the code of the language that a model says it was trained for, if it does.

    Parameters
    ----------
    model : ModelFile
        A model; what its provenance holds may be of any kind.
    """
    options = model.metadata.provenance.get("options")
    language = options.get("language") if isinstance(options, dict) else None
    good = isinstance(language, str) and 0 < len(language) <= LONGEST_CODE
    return language if good else None
