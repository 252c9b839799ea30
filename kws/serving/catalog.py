"""The models that a server has: files and folders that may change while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..console import note
from ..errors import KwsError, ModelError
from ..hub.name import hub_name
from ..modelfile import ModelFile, network_digest, read_model
from ..packaged import find_model, is_packaged
from ..spotter import KeywordSpotter
from .tuning import Tuning

#: Models of all folders together, at most: each that a client listens for takes some memory.
MOST_MODELS = 64
#: Suffix of the files of a folder that are models.
SUFFIX = ".tflite"


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model that clients can listen with; two are equal only if they are the same.

    Attributes
    ----------
    name : str
        Unique among those of a server: the file's name without its suffix.
    file : ModelFile
        The model, with the thresholds that the server was told.
    version : str
        The first digits of the network's SHA-256: another network is another version.
    languages : tuple of str
        Languages of the keywords; empty if unknown, since model files do not say.
    refractory : dict of str to float
        Seconds, of the keywords whose refractory period is held beside the detector.
    """

    name: str
    file: ModelFile
    version: str
    languages: tuple[str, ...] = ()
    refractory: dict[str, float] = field(default_factory=dict)

    @property
    def keywords(self) -> tuple[str, ...]:
        """The keywords that it can detect."""
        return self.file.metadata.keywords


@dataclass(frozen=True)
class WakeWord:
    """A keyword of a model, under a name that no other has.

    Attributes
    ----------
    name : str
        The keyword; ``model:keyword`` where a model before it has the same keyword.
    keyword : str
        As the model calls it.
    model : ServedModel
    """

    name: str
    keyword: str
    model: ServedModel


@dataclass(frozen=True)
class Choice:
    """What a client listens for with one model.

    Attributes
    ----------
    model : ServedModel
    names : dict of str to str
        What the client calls each keyword that it wants to hear of. The model's other keywords go
        on competing with them, so that thresholds mean what was measured of them.
    """

    model: ServedModel
    names: dict[str, str]


@dataclass(frozen=True)
class Offer:
    """The models of a server at one time.

    Attributes
    ----------
    models : tuple of ServedModel
        In the order in which they were named; those of a folder by their names.
    """

    models: tuple[ServedModel, ...]

    @property
    def words(self) -> list[WakeWord]:
        """Every keyword of every model."""
        words: dict[str, WakeWord] = {}
        for model in self.models:
            for keyword in model.keywords:
                name = keyword if keyword not in words else f"{model.name}:{keyword}"
                words.setdefault(name, WakeWord(name, keyword, model))
        return list(words.values())

    def choose(self, names: Sequence[str] | None) -> tuple[list[Choice], list[str]]:
        """Return what to listen with for some wake words.

        Parameters
        ----------
        names : sequence of str or None
            Names of wake words; ``model:keyword`` stands for any. None for all.

        Returns
        -------
        list of Choice
            One for each model that is needed.
        list of str
            The names that no model has.
        """
        known = {word.name: word for word in self.words}
        if names is None:
            names = list(known)
        exact = {f"{m.name}:{k}": WakeWord("", k, m) for m in self.models for k in m.keywords}
        wanted: dict[ServedModel, dict[str, str]] = {}
        unknown = []
        for name in names:
            word = known.get(name) or exact.get(name)
            if word is None:
                unknown.append(name)
            else:
                wanted.setdefault(word.model, {}).setdefault(word.keyword, name)
        return [Choice(model, found) for model, found in wanted.items()], unknown

    def choose_model(self, name: str | None, keywords: Sequence[str] | None) -> Choice:
        """Return what to listen with for keywords of one model.

        Parameters
        ----------
        name : str or None
            Name of the model; None for the first.
        keywords : sequence of str or None
            Those that the client wants to hear of; None for all.

        Returns
        -------
        Choice

        Raises
        ------
        ModelError
            If there is no such model, or it has no such keyword.
        """
        if not self.models:
            raise ModelError("there is no model: put one into the folder that is served")
        found = [model for model in self.models if name in (None, model.name)]
        if not found:
            there = ", ".join(model.name for model in self.models)
            raise ModelError(f"no model {name!r:.100}: there is {there}")
        model = found[0]
        wanted = model.keywords if keywords is None else keywords
        for keyword in wanted:
            if keyword not in model.keywords:
                raise ModelError(
                    f"{keyword!r:.100} is no keyword of {model.name}: "
                    f"it has {', '.join(model.keywords)}"
                )
        if not wanted:
            raise ModelError("no keyword is named: name one at least")
        return Choice(model, {keyword: keyword for keyword in wanted})


class Catalog:
    """Reads the models that a server is told of, and again those that have changed.

    A file is read when its time, size or number has changed since. One that is damaged, half
    written or gone is named once and left out; the others stay.

    Parameters
    ----------
    sources : sequence of str
        Names of models in the package or on the Hugging Face Hub, model files, and folders of
        model files.
    tuning : Tuning
        Thresholds and refractory periods in place of those of the files.

    Raises
    ------
    KwsError
        If a source is neither, a file that was named is no model, or the tuning is of a keyword
        that no model has while no folder may bring it.
    """

    def __init__(self, sources: Sequence[str], tuning: Tuning) -> None:
        self._sources = [*dict.fromkeys(sources)]
        self._tuning = tuning
        self._names: dict[str, str] = {}
        # those that stay as they are: of the package, and of the Hub
        self._fixed: dict[str, ServedModel] = {}
        self._read: dict[Path, tuple[object, ServedModel | None]] = {}
        self._crowded = False
        folders = False
        for source in self._sources:
            if is_packaged(source):
                self._fixed[source] = self._served(source, source, find_model(source), ("en",))
            elif (name := hub_name(source)) is not None:
                stem = name.repository.partition("/")[2]
                self._fixed[source] = self._served(source, stem, find_model(source))
            elif Path(source).is_dir():
                folders = True
            else:
                path = Path(source)
                signature = _signature(path)
                self._read[path] = (signature, self._served(str(path), path.stem, find_model(path)))
        missing = tuning.keys - self._tuned(self.offer())
        if missing and not folders:
            raise KwsError(
                f"{sorted(missing)[0]!r:.100} is no keyword of these models: name one of "
                f"{', '.join(word.name for word in self.offer().words)}"
            )
        for key in sorted(missing):
            note(f"kws: {key!r:.100} is no keyword of the models that are there now")

    def offer(self) -> Offer:
        """Return the models that are there now.

        Returns
        -------
        Offer
        """
        models: list[ServedModel] = []
        paths: set[Path] = set()
        for source in self._sources:
            if source in self._fixed:
                models.append(self._fixed[source])
                continue
            for path in self._files(Path(source)):
                if len(models) >= MOST_MODELS:
                    if not self._crowded:
                        note(f"kws: {path}: left out: {MOST_MODELS} models are served at most")
                    self._crowded = True
                    break
                paths.add(path)
                model = self._current(path)
                if model is not None and model not in models:
                    models.append(model)
        for path in self._read.keys() - paths:
            del self._read[path]
        return Offer(tuple(models))

    @staticmethod
    def _tuned(offer: Offer) -> set[str]:
        """Return the keys that a tuning of the models may have."""
        single = {f"{m.name}:{keyword}" for m in offer.models for keyword in m.keywords}
        return single | {keyword for model in offer.models for keyword in model.keywords}

    @staticmethod
    def _files(source: Path) -> list[Path]:
        """Return the model files of a source: those of a folder, or the file itself."""
        try:
            if not source.is_dir():
                return [source]
            return sorted(
                path
                for path in source.iterdir()
                if path.suffix == SUFFIX and not path.name.startswith(".")
            )
        except OSError:
            return []

    def _current(self, path: Path) -> ServedModel | None:
        """Return the model of a file; None, after a note, if it cannot be used."""
        signature = _signature(path)
        known = self._read.get(path)
        if known is not None and known[0] == signature:
            return known[1]
        model = None
        try:
            model = self._served(str(path), path.stem, read_model(path))
        except KwsError as error:
            note(f"kws: left out: {error}")
        except Exception as error:  # the others stay, whatever is in a file
            note(f"kws: left out: {path}: unexpected {type(error).__name__}: {error!s:.200}")
        self._read[path] = (signature, model)
        return model

    def _served(
        self, source: str, stem: str, file: ModelFile, languages: tuple[str, ...] = ()
    ) -> ServedModel:
        """Return a model under a name of its own, after it has been opened once."""
        if source not in self._names:  # and keep it: clients remember names
            taken = set(self._names.values())
            further = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
            self._names[source] = next(n for n in (stem, *further) if n not in taken)
        name = self._names[source]
        tuned = replace(self._tuning.apply(name, file), path=name)  # by which groups know it
        KeywordSpotter(tuned)  # raises where network and contract do not match
        version = network_digest(file)[:8]
        return ServedModel(name, tuned, version, languages, self._tuning.refractory_of(name, file))


def _signature(path: Path) -> object:
    """Return what changes when a file does; None if it cannot be told."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
