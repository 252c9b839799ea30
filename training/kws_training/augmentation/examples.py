"""Examples of a recipe to listen to and to look at: WAV files, a table, one picture."""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kws.arrays import Float32
from kws.audio import read_recording
from kws.errors import AudioError, KwsError
from kws.frontend import YAMNET, log_mel
from kws.pcm import to_int16
from kws.resample import resample
from kws.wav import write_wav

from ..data.dataset import Skipped
from ..progress import Progress
from .augment import Augmentation, Placed, augment, perturb
from .rooms import direct_to_reverberant
from .spectrograms import Panel, draw_panels

#: Samples per second of recordings and examples.
RATE = YAMNET.sample_rate
#: Seconds of the longest recording taken.
LONGEST = 30.0
#: Seconds by which the window of an example is longer than the recording, for its shift in time.
ROOM = 0.5
#: Spectrograms in the picture; more could not be made out.
MOST_PANELS = 48

#: File of the table.
TABLE = "examples.csv"
#: File of the picture.
PICTURE = "examples.png"
#: Columns of the table: the file and where the recording is in it, then what was done to it.
COLUMNS = (
    "file",
    "source",
    "start_seconds",
    "stretch",
    "semitones",
    "room",
    "room_direct_db",
    "noise",
    "snr_db",
    "snr_reference",
    "filter_db",
    "gain_db",
    "overload_db",
    "telephone",
    "codec",
    "compression",
)


@dataclass(frozen=True)
class Surroundings:
    """Noise and rooms that recordings are put into, with the names that the table gives them.

    Attributes
    ----------
    noise : list of float32 (n,)
        Recordings of noise at 16 kHz.
    noise_names : list of str
        A name for each recording of noise.
    responses : list of float32 (n,)
        Impulse responses of rooms at 16 kHz.
    response_names : list of str
        A name for each response.
    """

    noise: list[Float32]
    noise_names: list[str]
    responses: list[Float32]
    response_names: list[str]


def make_examples(
    paths: Sequence[Path],
    augmentation: Augmentation,
    surroundings: Surroundings,
    count: int,
    seed: int,
    output: Path,
    progress: Progress,
) -> tuple[int, list[Skipped]]:
    """Write examples of each recording into a folder; nothing is there until all is made.

    The picture shows log-mel frames as training takes them, with warp, equalisation and masks.

    Parameters
    ----------
    paths : sequence of Path
        Recordings of at most `LONGEST` seconds.
    augmentation : Augmentation
        What is done to the recordings.
    surroundings : Surroundings
        What they are put into.
    count : int
        Examples of each recording.
    seed : int
        Of all that is random.
    output : Path
        Folder; made if it is not there.
    progress : callable
        Shows how many recordings are done.

    Returns
    -------
    written : int
        Number of examples.
    skipped : list of Skipped
        Recordings that could not be read.

    Raises
    ------
    KwsError
        If no recording can be read, or an example would overwrite a recording.
    """
    stems = _stems(paths)
    names = [f"{stem}_{number + 1}.wav" for stem in stems for number in range(count)]
    _keep_recordings(paths, output, names)
    rows: list[dict[str, str]] = []
    panels: list[Panel] = []
    skipped: list[Skipped] = []
    near = output if output.is_dir() else output.resolve().parent  # so that files can be renamed
    with tempfile.TemporaryDirectory(dir=near, prefix=".kws-augment-") as name_of_folder:
        folder = Path(name_of_folder)
        for which in progress(iter(range(len(paths))), len(paths), "examples"):
            try:
                recording = read_recording(paths[which], LONGEST)
            except AudioError as error:
                skipped.append(Skipped.because(paths[which], error))
                continue
            samples = resample(recording.samples, recording.sample_rate, RATE)
            if len(panels) < MOST_PANELS:
                panels.append(Panel(_frames(samples), paths[which].name, True))
            for number in range(count):
                rng = np.random.default_rng((seed, which, number))
                placed = _place(rng, samples, augmentation, surroundings)
                name = names[which * count + number]
                write_wav(folder / name, to_int16(placed.window), RATE)
                row = _row(name, paths[which], placed, surroundings)
                rows.append(row)
                if len(panels) < MOST_PANELS:
                    frames = _frames(placed.window)[None]
                    frames = perturb(rng, frames, YAMNET, augmentation)[0]
                    panels.append(Panel(frames, _title(row), False))
        if not rows:
            raise KwsError(
                f"none of the {len(paths)} recordings could be read: "
                f"{skipped[0].path}: {skipped[0].reason}"
            )
        _write_table(folder / TABLE, rows)
        draw_panels(folder / PICTURE, panels)
        output.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir()):
            path.replace(output / path.name)
    return len(rows), skipped


def _stems(paths: Sequence[Path]) -> list[str]:
    """Return a name for each recording: the file's own; with a number where that was there."""
    taken: set[str] = set()
    stems = []
    times: Counter[str] = Counter()
    for path in paths:
        stem = path.stem
        while stem in taken:
            times[path.stem] += 1
            stem = f"{path.stem}-{times[path.stem] + 1}"
        taken.add(stem)
        stems.append(stem)
    return stems


def _keep_recordings(paths: Sequence[Path], output: Path, names: Sequence[str]) -> None:
    """Refuse to write over a recording."""
    recordings = {path.resolve() for path in paths}
    for name in names:
        if (output / name).resolve() in recordings:
            raise KwsError(f"{output / name}: is one of the recordings: name another --output")


def _place(
    rng: np.random.Generator,
    samples: Float32,
    augmentation: Augmentation,
    surroundings: Surroundings,
) -> Placed:
    room = round(ROOM * RATE)
    length = int(np.ceil(len(samples) * np.exp(augmentation.speed))) + room
    return augment(
        rng, samples, length, (0, room), surroundings.noise, augmentation, surroundings.responses
    )


def _frames(samples: Float32) -> Float32:
    """Return log-mel frames (time, bands), at least as many as a spectrogram needs to be one."""
    return log_mel(np.pad(samples, (0, max(0, RATE // 4 - len(samples)))), YAMNET)


def _row(name: str, source: Path, placed: Placed, surroundings: Surroundings) -> dict[str, str]:
    """Return the table's row of an example."""
    row = {
        "file": name,
        "source": str(source),
        "start_seconds": f"{placed.start / RATE:.3f}",
        "stretch": f"{placed.stretch:.3f}",
    }
    for what, setting in placed.applied.items():
        if what == "room":
            row["room"] = surroundings.response_names[int(setting)]
            direct = direct_to_reverberant(surroundings.responses[int(setting)])
            row["room_direct_db"] = f"{direct:.1f}"
        elif what == "noise" and str(setting).startswith("recorded "):
            row["noise"] = surroundings.noise_names[int(str(setting).split()[1])]
        else:
            row[what] = setting if isinstance(setting, str) else f"{setting:.2f}"
    return row


def _write_table(path: Path, rows: Sequence[dict[str, str]]) -> None:
    # a file name may be any bytes
    with path.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _title(row: dict[str, str]) -> str:
    """Say in a few short lines what was done."""
    parts = [Path(row["file"]).stem[-24:], f"speed {1 / float(row['stretch']):.2f}"]
    if "semitones" in row:
        parts.append(f"pitch {float(row['semitones']):+.1f} semitones")
    if "room" in row:
        parts.append(f"room {Path(row['room']).stem[-16:]}, direct {row['room_direct_db']} dB")
    if "noise" in row:
        ratio = f"SNR {float(row['snr_db']):.0f} dB ({row['snr_reference']})"
        parts.append(f"{Path(row['noise']).stem[-16:]} noise, {ratio}")
    if "filter_db" in row:
        parts.append("filter")
    parts.append(f"gain {float(row['gain_db']):+.0f} dB")
    if "overload_db" in row:
        parts.append(f"clipped by {float(row['overload_db']):.0f} dB")
    if "telephone" in row:
        parts.append("telephone")
    if "codec" in row:
        parts.append(row["codec"])
    lines, line = [], ""
    for part in parts:
        joined = f"{line}, {part}" if line else part
        if len(joined) > 44:
            lines.append(line)
            joined = part
        line = joined
    return "\n".join([*lines, line])
