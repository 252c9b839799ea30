"""Recordings from a data set on the Hugging Face Hub: ``hf://org/name``, kept in the cache."""

from __future__ import annotations

import contextlib
import csv
import functools
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.console import note
from kws.folders import AUDIO_SUFFIXES
from kws.hub.client import (
    PATIENCE,
    HubError,
    calm,
    expected_errors,
    explain,
    import_hub,
    in_one_line,
    is_unreachable,
)
from kws.hub.name import HubName, parse_name
from kws.installing import install_extra, install_packages

from ..cache import cache_folder
from .audiofolder import LABELS, SPEAKERS
from .download import locked
from .manifest import MANIFEST, MAX_COLUMNS, MAX_FIELD, MAX_ROWS

#: What an address begins with; a `Path` has made one slash of two.
_ADDRESS = re.compile(r"hf:/{1,2}([^/:@]+/[^/:@]+)(?:/([\w.-]+))?(?:@([^:]+))?(?::([\w.-]+))?")
#: Oldest release of `datasets` that is used: earlier ones run code of a data set.
OLDEST = 4
#: Bytes of one recording, at most.
MAX_CLIP_BYTES = 256 << 20
#: Bytes that stay free on the disk.
FREE_BYTES = 1 << 30


@dataclass(frozen=True)
class DataAddress:
    """A data set on the Hub, or a part of it.

    Attributes
    ----------
    name : HubName
        The repository, and a branch, tag or commit of it.
    subset : str or None
        What the Hub calls a subset, or a configuration; None for the only one.
    split : str or None
        The split; None for all of them.
    """

    name: HubName
    subset: str | None
    split: str | None

    def __str__(self) -> str:
        subset = "" if self.subset is None else f"/{self.subset}"
        revision = "" if self.name.revision is None else f"@{self.name.revision}"
        split = "" if self.split is None else f":{self.split}"
        return f"hf://{self.name.repository}{subset}{revision}{split}"


def parse_address(path: Path | str) -> DataAddress | None:
    """Return the data set that a path is the address of.

    Parameters
    ----------
    path : Path or str
        What was given in place of a folder: ``hf://org/name[/subset][@revision][:split]``.

    Returns
    -------
    DataAddress or None
        None for any other path.

    Raises
    ------
    HubError
        If it begins as an address and is none.

    Examples
    --------
    >>> str(parse_address("hf://anna/words:train"))
    'hf://anna/words:train'
    >>> parse_address("recordings") is None
    True
    """
    if not str(path).startswith("hf:/"):
        return None
    match = _ADDRESS.fullmatch(str(path))
    if match is not None:
        repository, subset, revision, split = match.groups()
        name = parse_name(repository if revision is None else f"{repository}@{revision}")
        if name is not None:
            return DataAddress(name, subset, split)
    raise HubError(
        f"{path}: is no data set on the Hub: give hf://org/name, hf://org/name:split or "
        "hf://org/name/subset@revision:split"
    )


def fetch_hub_data(address: DataAddress, labelled: bool) -> Path:
    """Fetch the recordings of a data set, once for each of its commits.

    They are streamed through `datasets` and kept as they are: nothing is decoded, and no code of
    the data set is run.

    Parameters
    ----------
    address : DataAddress
        The data set.
    labelled : bool
        Whether each recording must have a label.

    Returns
    -------
    Path
        A folder in the cache: the recordings, and ``manifest.csv`` with the columns ``path``,
        ``label``, ``speaker``, ``split`` and others that the data set has.

    Raises
    ------
    HubError
        If packages are missing, the data set cannot be read, has no recordings or no labels, is
        too large, or the Hub cannot be reached and the cache does not have it.
    OSError
        If the cache cannot be written.
    """
    hub = import_hub(str(address))
    datasets = _import_datasets(address)
    repository = address.name.repository
    above = cache_folder("hub", repository.replace("/", "--"))
    inside = Path(address.subset or "_") / (address.split or "_")
    with calm(hub), _quiet(datasets):
        try:
            info = hub.HfApi().dataset_info(
                repository, revision=address.name.revision, timeout=PATIENCE
            )
        except expected_errors(hub) as error:
            kept = sorted(above.glob(f"*/{inside}/{MANIFEST}"), key=lambda one: one.stat().st_mtime)
            words = explain(hub, error, repository)
            if not kept or not is_unreachable(hub, error):
                raise HubError(f"{address}: {words}") from error
            if not isinstance(error, hub.errors.OfflineModeIsEnabled):  # which was asked for
                note(f"kws: {address}: the copy in the cache is taken, since {words}")
            return kept[-1].parent
        goal = above / str(info.sha) / inside
        if not (goal / MANIFEST).is_file():
            # datasets says by the latter what is wrong with a data set
            expected: tuple[type[Exception], ...] = (
                *expected_errors(hub),
                ValueError,
                RuntimeError,
            )
            try:
                goal.parent.mkdir(parents=True, exist_ok=True)
                with locked(goal.with_name(f".{goal.name}.lock")):
                    if not (goal / MANIFEST).is_file():  # else another run has brought it by now
                        parts = _open(datasets, address, str(info.sha))
                        _keep(hub, datasets, address, parts, goal, labelled)
            except expected as error:
                raise HubError(f"{address}: {in_one_line(error)}") from error
    return goal


def _import_datasets(address: DataAddress) -> Any:
    """Return the package datasets."""
    try:
        import datasets
    except ImportError:
        raise HubError(
            f"{address}: data sets on the Hub need the datasets package: "
            f"{install_extra('hub-data')}"
        ) from None
    if int(datasets.__version__.partition(".")[0]) < OLDEST:
        raise HubError(
            f"{address}: datasets {datasets.__version__} may run code of a data set: "
            f"{install_packages('datasets', upgrade=True)}"
        )
    return datasets


@contextlib.contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Keep datasets from logging and from bars of its own."""
    before, bars = datasets.logging.get_verbosity(), datasets.are_progress_bars_disabled()
    datasets.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.logging.set_verbosity(before)
        if not bars:
            datasets.enable_progress_bars()


def _open(datasets: Any, address: DataAddress, commit: str) -> dict[str, Any]:
    """Return the splits that are wanted, as streams."""
    load = functools.partial(
        datasets.load_dataset,
        address.name.repository,
        address.subset,
        split=address.split,
        revision=commit,
        streaming=True,
    )
    try:
        # else threads decode folders of recordings, which needs torchcodec
        loaded = load(decode_num_threads=0)
    except ValueError as error:
        if "decode_num_threads" not in str(error):
            raise
        loaded = load()  # tables, and older releases, know no such threads
    return dict(loaded) if address.split is None else {address.split: loaded}


def _keep(
    hub: Any,
    datasets: Any,
    address: DataAddress,
    parts: dict[str, Any],
    goal: Path,
    labelled: bool,
) -> None:
    """Write the recordings of all splits and their manifest into a folder, whole or not at all."""
    from tqdm import tqdm

    part = goal.with_name(f".{goal.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of a run that was killed
    part.mkdir(parents=True)
    rows: list[dict[str, str]] = []
    try:
        with tqdm(desc=str(address), unit=" recordings", disable=None, leave=False) as bar:
            for split, stream in parts.items():
                columns = _columns(datasets, address, stream, labelled)
                for row, content in _recordings(hub, address, stream, columns):
                    if len(rows) >= MAX_ROWS:
                        raise HubError(
                            f"{address}: more than {MAX_ROWS} recordings: name one split"
                        )
                    if len(rows) % 100 == 0 and shutil.disk_usage(part).free < FREE_BYTES:
                        raise HubError(
                            f"{part}: the disk is nearly full: make room, or set KWS_CACHE to a "
                            "folder on another disk"
                        )
                    row["path"] = f"{len(rows):07d}{row['path']}"
                    (part / row["path"]).write_bytes(content)
                    rows.append({**row, "split": split})
                    bar.update()
        if not rows:
            raise HubError(f"{address}: has no recordings")
        names = list(dict.fromkeys(name for row in rows for name in row))
        with (part / MANIFEST).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(rows)
        part.rename(goal)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@dataclass(frozen=True)
class _Columns:
    """Which column of a data set means what.

    Attributes
    ----------
    audio : str
    label : str or None
    names : list of str or None
        Names of the labels, where the column holds their numbers.
    further : list of str
        Columns of texts and numbers.
    """

    audio: str
    label: str | None
    names: list[str] | None
    further: list[str]


def _columns(datasets: Any, address: DataAddress, stream: Any, labelled: bool) -> _Columns:
    """Find out which column means what; refuse a data set that has not what is needed."""
    features = stream.features or {}
    there = ", ".join(map(str, features))[:300]
    audio = [name for name, kind in features.items() if isinstance(kind, datasets.Audio)]
    if not audio:
        raise HubError(f"{address}: has no column of audio, but {there}")
    label = next((name for name in LABELS if name in features), None)
    if label is None and labelled:
        raise HubError(
            f"{address}: has no column of labels ({', '.join(LABELS)}), but {there}: rename one "
            "there, or write a .csv with the columns path and label"
        )
    plain = [
        name
        for name, kind in features.items()
        if isinstance(kind, datasets.Value) and name not in (label, "path", "split")
    ]
    names = None if label is None else getattr(features[label], "names", None)
    return _Columns(audio[0], label, names, plain[: MAX_COLUMNS // 2])


def _recordings(
    hub: Any, address: DataAddress, stream: Any, columns: _Columns
) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield each recording: its row, with a suffix for its path, and its file."""
    # As Arrow tables, since examples are encoded and decoded by torchcodec; of one row, since
    # those of a folder do not fit together where a value is missing.
    for table in stream.with_format("arrow").iter(batch_size=1):
        for values in table.to_pylist():
            audio = values[columns.audio] or {}
            suffix = Path(str(audio.get("path") or "")).suffix.lower()
            row = {
                "path": suffix if suffix in AUDIO_SUFFIXES else ".wav",
                "label": _label(address, values, columns),
                "speaker": next(
                    (_text(values[name]) for name in SPEAKERS if name in columns.further), ""
                ),
            }
            for name in columns.further:
                row.setdefault(name, _text(values[name]))
            yield row, _content(hub, address, audio)


def _label(address: DataAddress, values: dict[str, Any], columns: _Columns) -> str:
    """Return the label of a row as text."""
    value = None if columns.label is None else values[columns.label]
    if columns.names is None or value is None:
        return _text(value)
    if not 0 <= int(value) < len(columns.names):
        raise HubError(f"{address}: label {value} has no name: the data set is damaged")
    return str(columns.names[int(value)])


def _text(value: Any) -> str:
    """Return a value as a field of a manifest."""
    return "" if value is None else str(value)[:MAX_FIELD]


def _content(hub: Any, address: DataAddress, audio: dict[str, Any]) -> bytes:
    """Return the file of a recording: what the row holds, or a file of the same repository."""
    content = audio.get("bytes")
    if content is None:
        path = str(audio.get("path") or "")
        # any other path is somebody's else: of this machine, or of another repository
        if not path.startswith(f"hf://datasets/{address.name.repository}@") or ".." in path:
            raise HubError(
                f"{address}: a recording is at {path[:200]!r}, not in the data set: it is not read"
            )
        with hub.HfFileSystem().open(path, "rb") as file:
            content = file.read(MAX_CLIP_BYTES + 1)
    if len(content) > MAX_CLIP_BYTES:
        raise HubError(
            f"{address}: a recording has more than {MAX_CLIP_BYTES} bytes: it is not read"
        )
    return bytes(content)
