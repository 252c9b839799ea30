"""What a step would take on a board: by its profile, labelled as an estimate, or as measured there.

A profile is one TOML file (`deploy/targets`): multiply-adds per second of one core, seconds per
operator, each with where the figure comes from and how far off it may be. A result of
``kws bench --json`` from the board itself takes a profile's place.
"""

from __future__ import annotations

import functools
import statistics
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from kws.bench.result import BenchError, read_result
from kws.errors import KwsError
from kws.modelfile import ModelFile, network_digest, parse_model, read_model
from kws_training.data.settings import Settings

from .cost import Cost, cost

#: Where the figures of a board come from, the best first.
Kind = Literal["measured", "published", "estimated"]
#: Figure that a precision is estimated by. float16 runs as float32; kernels of dynamic range are
#: at worst as slow as those of float32. No library here has fast kernels for int16x8.
FIGURES = {"int8": "int8", "float32": "float32", "float16": "float32", "dynamic": "float32"}
#: A measured board's time for another network is known to this factor: only the sum of
#: multiply-adds and operators was measured, not each.
MEASURED_BAND = 0.6, 1.7
#: The same for another precision than the one that was measured.
OTHER_PRECISION_BAND = 0.3, 3.0
#: The profile that says how a measured time is shared between multiply-adds and operators.
SHARED_BY = "pi4"


class BoardError(KwsError):
    """A board's profile that cannot be used."""


@dataclass(frozen=True)
class Figure:
    """One figure of a board.

    Attributes
    ----------
    value : float
        Multiply-adds per second of one core, or seconds per operator.
    low, high : float
        What the time may be, in times what ``value`` says.
    kind : str
        "measured", "published" or "estimated": see `Kind`.
    year : int
        When it was measured or published.
    source : str
        Where it was found.
    """

    value: float
    low: float
    high: float
    kind: str
    year: int
    source: str


@dataclass(frozen=True)
class Memory:
    """What a microcontroller has, in bytes."""

    ram: int
    flash: int
    source: str


@dataclass(frozen=True)
class Board:
    """A board's profile.

    Attributes
    ----------
    name : str
        As it was asked for.
    title, core : str
        For people.
    int8, float32 : Figure or None
        None where the board has no figure.
    operator : Figure
        Seconds that each operator takes beside its multiply-adds.
    memory : Memory or None
        Of a microcontroller.
    """

    name: str
    title: str
    core: str
    int8: Figure | None
    float32: Figure | None
    operator: Figure
    memory: Memory | None = None


@dataclass(frozen=True)
class Estimate:
    """What one step of a network alone would take on one core of a board.

    The front end and the detector come on top.

    Attributes
    ----------
    seconds : float
        What one step takes, most likely.
    low, high : float
        Between these, if the figures' bands hold.
    source : str
        Where the figures come from, in one line.
    measured : bool
        True if every figure was measured on this board.
    fits : bool
        False if the network needs more RAM or flash than the microcontroller has.
    memory : str
        Of a microcontroller: what is needed of what there is, in one line; else empty.
    """

    seconds: float
    low: float
    high: float
    source: str
    measured: bool
    fits: bool = True
    memory: str = ""


def board_names() -> tuple[str, ...]:
    """Return the names of the profiles in the package."""
    return _settings().names()


def read_board(name_or_path: str | Path) -> Board:
    """Read a board's profile.

    Parameters
    ----------
    name_or_path : str or Path
        A name (`board_names`), else the path of a profile in TOML, or of what ``kws bench --json``
        wrote on the board. The models that it measured must be found: beside it, where they were,
        or in the package.

    Raises
    ------
    BoardError
        If there is no such board, the file is no profile, or a key or value is wrong.
    KwsError
        If it is a damaged result of ``kws bench``.
    """
    name = str(name_or_path)
    if name.lower().endswith(".json"):
        return _from_bench(Path(name))
    return _board(_settings().read(name), name)


def estimate(board: Board, cost: Cost, precision: str) -> Estimate:
    """Estimate what one step of a network takes on one core of a board.

    Seconds = multiply-adds / (multiply-adds per second) + operators × (seconds per operator), each
    with its band.

    Parameters
    ----------
    board : Board
        Where the step would run.
    cost : Cost
        Of one step; see `cost.cost`.
    precision : str
        "int8", "float32", "float16", "dynamic" or "int16x8".

    Raises
    ------
    BoardError
        If the board has no figure for this precision.
    """
    figure = getattr(board, FIGURES[precision]) if precision in FIGURES else None
    if figure is None:
        known = [kind for kind in ("int8", "float32") if getattr(board, kind) is not None]
        raise BoardError(
            f"{board.name}: has no figure for {precision}, only for {' and '.join(known)}: "
            "quantize the model, or measure on the board (kws bench --json)"
        )
    counted = cost.multiply_adds / figure.value
    called = cost.operators * board.operator.value
    same = figure.source == board.operator.source and figure.kind == board.operator.kind
    source = (
        f"{figure.kind}, {figure.year}: {figure.source}"
        if same
        else f"{precision}: {figure.kind}, {figure.year}: {figure.source}; operators: "
        f"{board.operator.kind}, {board.operator.year}: {board.operator.source}"
    )
    fits, memory = _memory(board, cost)
    return Estimate(
        seconds=counted + called,
        low=counted * figure.low + called * board.operator.low,
        high=counted * figure.high + called * board.operator.high,
        source=source,
        measured=figure.kind == board.operator.kind == "measured",
        fits=fits,
        memory=memory,
    )


def _memory(board: Board, cost: Cost) -> tuple[bool, str]:
    if board.memory is None:
        return True, ""
    fits = cost.arena <= board.memory.ram and cost.size <= board.memory.flash
    return fits, (
        f"{'fits' if fits else 'does not fit'}: at least {cost.arena / 1024:.0f} of "
        f"{board.memory.ram / 1024:.0f} kB of RAM for tensors, {cost.size / 1024:.0f} of "
        f"{board.memory.flash / 1024:.0f} kB of flash for the network"
    )


def _profiles() -> Any:
    return resources.files("kws_deploy.targets")


def _settings() -> Settings:
    hint = "a profile in TOML, or the JSON of kws bench"
    return Settings("board", _profiles(), hint, _schema, _first, BoardError)


def _board(checked: Any, name: str) -> Board:
    def figure(given: Any, value: str) -> Figure | None:
        if given is None:
            return None
        fields = given.model_dump()
        return Figure(value=fields.pop(value), **fields)

    operator = figure(checked.operator, "seconds")
    assert operator is not None
    memory = checked.memory
    return Board(
        name=name,
        title=checked.title,
        core=checked.core,
        int8=figure(checked.int8, "multiply_adds_per_second"),
        float32=figure(checked.float32, "multiply_adds_per_second"),
        operator=operator,
        memory=None if memory is None else Memory(memory.ram, memory.flash, memory.source),
    )


@functools.cache
def _schema() -> type[Any]:
    """Return the pydantic model that checks a profile."""
    from typing import Annotated

    from pydantic import ConfigDict, Field, create_model

    def between(low: float, high: float) -> Any:
        return Annotated[float, Field(ge=low, le=high, allow_inf_nan=False)]

    text = Annotated[str, Field(min_length=1, max_length=1000)]
    size = Annotated[int, Field(strict=True, ge=1024, le=2**40)]
    year = Annotated[int, Field(strict=True, ge=1990, le=2100)]
    config = ConfigDict(extra="forbid")
    origin: dict[str, Any] = {"kind": (Kind, ...), "year": (year, ...), "source": (text, ...)}
    band: dict[str, Any] = {"low": (between(0.001, 1), ...), "high": (between(1, 1000), ...)}

    def table(name: str, **fields: Any) -> Any:
        return create_model(name, __config__=config, **fields, **origin)

    speed = table("Speed", multiply_adds_per_second=(between(1e3, 1e15), ...), **band)
    operator = table("Operator", seconds=(between(0, 1), ...), **band)
    memory = table("Memory", ram=(size, ...), flash=(size, ...))

    return create_model(
        "Profile",
        __config__=config,
        title=(text, ...),
        core=(text, ...),
        int8=(speed | None, None),
        float32=(speed | None, None),
        operator=(operator, ...),
        memory=(memory | None, None),
    )


def _first(error: Any) -> str:
    """Return the first thing that pydantic found, in one line."""
    found = error.errors()[0]
    where = ".".join(map(str, found["loc"]))[:100]
    message = found["msg"][:1].lower() + found["msg"][1:]
    if found["type"] == "extra_forbidden":
        message = "is no key of a profile"
    elif found["type"] == "missing":
        message = "is missing"
    elif not isinstance(found["input"], dict):
        message += f", not {str(found['input'])[:60]!r}"
    return f"{where}: {message}"


def _from_bench(path: Path) -> Board:
    """Make a profile of what was measured on the board: the `SHARED_BY` profile, scaled."""
    try:
        result = read_result(path)
    except BenchError as error:
        raise BoardError(str(error)) from None
    profile = read_board(SHARED_BY)
    factors: list[float] = []
    precisions: set[str] = set()
    for entry in result["results"]:
        model = _find_model(path, entry)
        if entry["threads"] != 1 or entry.get("network") is None or model is None:
            continue
        step = cost(model.network, model.path)
        if FIGURES.get(step.precision) is None:
            continue
        expected = estimate(profile, step, step.precision).seconds
        factors.append(entry["network"]["median"] / expected)
        precisions.add(FIGURES[step.precision])
    if not factors:
        raise BoardError(
            f"{path}: none of the models that it measured with one thread is here: put them "
            "beside it"
        )
    factor = statistics.median(factors)
    spread = min(factors) / factor, max(factors) / factor
    machine = result["machine"].get("model") or "an unnamed machine"
    source = f"kws bench on {machine}, {path.name}, {len(factors)} models"

    def scaled(figure: Figure | None, kind: str) -> Figure | None:
        if figure is None:
            return None
        value = figure.value * factor if kind == "operator" else figure.value / factor
        known = kind == "operator" or kind in precisions
        low, high = MEASURED_BAND if known else OTHER_PRECISION_BAND
        return replace(
            figure,
            value=value,
            low=min(low, low * spread[0]),
            high=max(high, high * spread[1]),
            kind="measured" if known else "estimated",
            year=int(str(result["date"])[:4]),
            source=source if known else f"{source}, of another precision",
        )

    operator = scaled(profile.operator, "operator")
    assert operator is not None
    return Board(
        name=str(path),
        title=str(machine),
        core=str(result["machine"].get("core") or "unknown"),
        int8=scaled(profile.int8, "int8"),
        float32=scaled(profile.float32, "float32"),
        operator=operator,
    )


def _find_model(path: Path, entry: dict[str, Any]) -> ModelFile | None:
    """Find a model that was measured, by its digest: beside the result, where it was, or ours.

    A result of somebody else names no file outside of this folder.
    """
    named = Path(str(entry["path"]))
    places = [path.parent / named.name]
    if not named.is_absolute() and ".." not in named.parts:
        places.append(named)
    for place in places:
        try:
            model = read_model(place)
        except KwsError:
            continue
        if network_digest(model) == entry["sha256"]:
            return model
    for shipped in resources.files("kws").joinpath("models").iterdir():
        if shipped.name.endswith(".tflite"):
            model = parse_model(shipped.read_bytes(), shipped.name)
            if network_digest(model) == entry["sha256"]:
                return model
    return None
