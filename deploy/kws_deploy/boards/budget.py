"""The largest student whose step fits a budget on a board."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kws.errors import KwsError
from kws.frontend import WORDS
from kws_training.networks.convert import convert
from kws_training.networks.streaming import step_model

from ..students.catalog import STUDENTS, Student, find_student
from .board import Estimate, estimate, read_board
from .cost import Cost, cost

#: The family to choose from, smallest first: the fastest in int8 on every core that was looked at.
FAMILY = tuple(name for name in STUDENTS if name.startswith("temporal-"))
FITS = "fits"


@dataclass(frozen=True)
class Choice:
    """The student that was chosen.

    Attributes
    ----------
    student : Student
        The largest one that fits.
    expected : Estimate
        Of a step on the board.
    why : str
        In one line per student, the largest first: what it costs there, and which is taken.
    """

    student: Student
    expected: Estimate
    why: str


def largest_within(seconds: float, board: str, labels: int) -> Choice:
    """Choose the largest student of the temporal family whose step takes at most so long.

    The slow end of an estimate counts: a budget that is missed on the board is worse than a
    smaller student.

    Parameters
    ----------
    seconds : float
        For one step of 80 ms of audio, the network alone.
    board : str
        As for `read_board`.
    labels : int
        Of the student.

    Raises
    ------
    KwsError
        If the board is not known, or not even the smallest student fits.
    """
    place = read_board(board)
    lines = []
    for name in reversed(FAMILY):
        student = find_student(name)
        step = step_model(student.network(labels), student.stride, (1, WORDS.bands))
        expected = estimate(place, _in_int8(cost(convert(step, "float32", None).network)), "int8")
        verdict = _verdict(expected, seconds)
        lines.append(
            f"{name}: {expected.seconds * 1e3:.2f} ms ({expected.low * 1e3:.2f} to "
            f"{expected.high * 1e3:.2f}) a step, {verdict}"
        )
        if verdict == FITS:
            kind = "measured" if expected.measured else "estimated"
            lines.append(
                f"chosen for {seconds * 1e3:g} ms on {board}: {name}, the largest whose slowest "
                f"estimate fits ({kind}: {expected.source})"
            )
            return Choice(student, expected, "\n".join(lines))
    raise KwsError(
        f"--budget-ms {seconds * 1e3:g}: not even {FAMILY[0]} fits on {board}: {lines[-1]}"
    )


def _in_int8(price: Cost) -> Cost:
    """Return what the network of a student costs in int8, from the same in float32.

    It is not trained yet, so it cannot be quantized; every number takes a quarter of the bytes.
    """
    return replace(
        price,
        bytes=price.bytes // 4,
        size=price.size // 4,
        arena=price.arena // 4,
        precision="int8",
    )


def _verdict(expected: Estimate, seconds: float) -> str:
    if not expected.fits:
        return f"too large: {expected.memory}"
    return FITS if expected.high <= seconds else "too slow"
