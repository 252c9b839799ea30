"""Labels of what was kept: folders that train and calibrate take as they are."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..files import whole_file
from ..intervals import rate_interval
from .log import NEW, KeepError, KeptLog, KeptRecording, Listened, read_log

#: Folder of the recordings that say a keyword, in a sub-folder for each.
PHRASE = "phrase"
#: Folder of the recordings that say none.
OTHER = "other"
#: Folder of those of which a person could not tell.
UNSURE = "unsure"
#: What removes a recording.
DELETE = "delete"
#: Labels besides the keywords themselves.
LABELS = (PHRASE, OTHER, UNSURE, DELETE)
#: Name of the list of the recordings in a folder, as training reads it.
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class Outcome:
    """What is known of a keyword of a model: how often it fired by itself, how often it missed.

    Attributes
    ----------
    keyword, model, sha256 : str
        The keyword, and the model that listened.
    hours : float
        How long it listened.
    fired : int
        How often it fired, whether or not a recording is left.
    fired_right, fired_wrong : int
        Labels of recordings of these: it was said, it was not.
    near_right, near_wrong : int
        The same of what nearly fired.
    """

    keyword: str
    model: str
    sha256: str
    hours: float
    fired: int
    fired_right: int
    fired_wrong: int
    near_right: int
    near_wrong: int

    @property
    def unknown(self) -> int:
        """How often it fired of which nobody has said whether it was right."""
        return max(0, self.fired - self.fired_right - self.fired_wrong)

    @property
    def false_accepts_per_hour(self) -> float:
        """Rate of what is labelled as wrong: at least so often it fires by itself."""
        return self.fired_wrong / self.hours

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the rate."""
        return rate_interval(self.fired_wrong, self.hours)


class KeptFolder:
    """The recordings in a folder that ``--keep`` named, and their labels.

    A label is the folder that a recording is in, so that what was labelled stays labelled whatever
    happens: ``new`` has no label, ``phrase/KEYWORD`` says the keyword, ``other`` says none, and of
    ``unsure`` nobody could tell. Lists for training are made from the folders and the log.

    Parameters
    ----------
    folder : Path
        What ``--keep`` named.

    Attributes
    ----------
    log : KeptLog
        What the log says.

    Raises
    ------
    KeepError
        If nothing was kept there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log: KeptLog = read_log(folder)

    @property
    def keywords(self) -> tuple[str, ...]:
        """All keywords that were listened for, in the order of the log."""
        logged = [keyword for one in self.log.listened for keyword in one.thresholds]
        return tuple(
            dict.fromkeys([*logged, *(one.keyword for one in self.log.recordings.values())])
        )

    def waiting(self) -> list[KeptRecording]:
        """Return the recordings without a label, the oldest first.

        Returns
        -------
        list of KeptRecording
            Those that the log knows.
        """
        names = sorted(path.name for path in (self.folder / NEW).glob("*.wav"))
        return [self.log.recordings[name] for name in names if name in self.log.recordings]

    def place(self, name: str) -> Path:
        """Return where a recording is.

        Parameters
        ----------
        name : str
            Of the file; folders before it do not matter.

        Returns
        -------
        Path

        Raises
        ------
        KeepError
            If it is not there, or the log does not know it.
        """
        name = Path(name).name
        found = [
            path
            for below in (NEW, f"{PHRASE}/*", OTHER, UNSURE)
            for path in self.folder.glob(f"{below}/{_literal(name)}")
        ]
        if name not in self.log.recordings or not found:
            raise KeepError(f"{name!r:.200}: is no recording in {self.folder}: see kws review")
        return found[0]

    def labels(self) -> dict[str, str]:
        """Return the labels that were given.

        Returns
        -------
        dict of str to str
            By name of the file: a keyword, `OTHER` or `UNSURE`.
        """
        found = {}
        by_folder = {_folder_name(keyword): keyword for keyword in self.keywords}
        for path in (self.folder / PHRASE).glob("*/*.wav"):
            found[path.name] = by_folder.get(path.parent.name, path.parent.name)
        for label in (OTHER, UNSURE):
            found |= {path.name: label for path in (self.folder / label).glob("*.wav")}
        return {name: found[name] for name in sorted(found) if name in self.log.recordings}

    def label(self, name: str, label: str) -> None:
        """Give a recording a label, or another one.

        Parameters
        ----------
        name : str
            Of the file.
        label : str
            A keyword; `PHRASE` for the one that fired; `OTHER`; `UNSURE`; or `DELETE`.

        Raises
        ------
        KeepError
            If there is no such recording or label, or the file cannot be moved.
        """
        path = self.place(name)
        recording = self.log.recordings[path.name]
        if label == DELETE:
            _do(path, path.unlink)
            return
        if label in (OTHER, UNSURE):
            target = self.folder / label
        else:
            keyword = recording.keyword if label == PHRASE else label
            if keyword not in self.keywords:
                raise KeepError(
                    f"{label!r:.100} is no label: give {', '.join(LABELS)}, or the keyword that "
                    f"was said ({', '.join(self.keywords)})"
                )
            target = self.folder / PHRASE / _folder_name(keyword)
        _do(target, lambda: target.mkdir(parents=True, exist_ok=True))
        _do(path, lambda: path.replace(target / path.name))

    def write_lists(self) -> None:
        """Write the lists of the labelled recordings, as ``kws train`` reads them.

        Where a phrase is in its recording is known from what fired. All that one device kept counts
        as one speaker of the phrase, so that a household is not on two sides of a training.

        Raises
        ------
        KeepError
            If they cannot be written.
        """
        speaker = f"kept in {self.folder.resolve().name}"
        rows = [("path", "label", "speaker", "start", "end")]
        for name, label in self.labels().items():
            if label in (OTHER, UNSURE):
                continue
            one = self.log.recordings[name]
            # another keyword than the one that fired may be elsewhere in the recording
            at = (f"{one.start:g}", f"{one.end:g}") if label == one.keyword else ("", "")
            rows.append((f"{_folder_name(label)}/{name}", label, speaker, *at))
        target = self.folder / PHRASE / MANIFEST
        if len(rows) == 1 and not target.exists():
            return
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)

        def write() -> None:
            with whole_file(target) as stream:
                stream.write(text.getvalue().encode())

        _do(target, write)

    def outcomes(self) -> list[Outcome]:
        """Say of each keyword of each model how often it was right, as far as labels tell.

        Returns
        -------
        list of Outcome
            Of models that listened; thresholds may have changed meanwhile.
        """
        labels = self.labels()
        counts: Counter[tuple[str, str, bool, bool]] = Counter()
        for name, label in labels.items():
            one = self.log.recordings[name]
            if label != UNSURE:
                counts[one.sha256, one.keyword, one.fired, label == one.keyword] += 1
        found = []
        for sha256, times in _by_model(self.log.listened).items():
            seconds = sum(one.seconds for one in times)
            for keyword in dict.fromkeys(key for one in times for key in one.thresholds):
                right, wrong, near_right, near_wrong = (
                    counts[sha256, keyword, fired, said]
                    for fired in (True, False)
                    for said in (True, False)
                )
                fired = sum(one.fired.get(keyword, 0) for one in times)
                found.append(
                    Outcome(
                        keyword,
                        times[-1].model,
                        sha256,
                        seconds / 3600,
                        fired,
                        right,
                        wrong,
                        near_right,
                        near_wrong,
                    )
                )
        return [one for one in found if one.hours > 0]


def _by_model(listened: Sequence[Listened]) -> dict[str, list[Listened]]:
    found: dict[str, list[Listened]] = {}
    for one in listened:
        found.setdefault(one.sha256, []).append(one)
    return found


def _folder_name(keyword: str) -> str:
    """Return a keyword as the name of a folder, by which training knows it again."""
    return re.sub(r'[/\\:*?"<>|]', "_", keyword).strip(". ") or "keyword"


def _literal(name: str) -> str:
    """Return a name as a pattern that fits it alone."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _do(path: Path, work: Callable[[], object]) -> None:
    """Change something in the folder; what goes wrong is said in one line."""
    try:
        work()
    except OSError as error:
        raise KeepError(f"{path}: cannot be written ({error.strerror}): make room") from None
