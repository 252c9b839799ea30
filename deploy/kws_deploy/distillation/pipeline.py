"""From teachers and recordings to a student's model file, and how all of them do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kws.arrays import Float32, Int64, UInt8
from kws.console import note
from kws.errors import KwsError
from kws.frontend import WORDS
from kws.metadata import SILENCE, UNKNOWN, DetectorDefaults, SegmenterDefaults
from kws.modelfile import ModelFile, pack, parse_model
from kws_training.augmentation.spectra import WindowMaker
from kws_training.cache import cache_folder
from kws_training.data.checkpoint import Checkpoint
from kws_training.data.dataset import Skipped
from kws_training.data.digest import digest_of
from kws_training.data.images import image_of, noise_frames, read_images, second_of, to_frames
from kws_training.evaluation.evaluate import judge_clips, open_model
from kws_training.evaluation.operating import development_rows, with_thresholds
from kws_training.evaluation.results import ClipReport
from kws_training.fitting.loop import set_seed
from kws_training.networks.convert import Precision
from kws_training.networks.streaming import StepModel
from kws_training.networks.word_base import SHAPE_KEY, BaseShape
from kws_training.progress import bar
from kws_training.publishing import publish
from kws_training.synthesis.sentences import sentence_engines, synthesized_sentences
from kws_training.synthesis.tones import tone_images
from kws_training.versions import used_versions
from kws_training.word_base.calibration import calibration_streams
from kws_training.word_base.defaults import HEAVY

from ..students.catalog import Student
from .examples import StudentData, join, labelled, recorded, taught, unlabelled
from .fit import FitConfig, Predict, StudentNetwork, clip_judge, train_students
from .negatives import chain_words, hours_of, whole_recordings
from .sources import Folders, Gathered, gather
from .teachers import FrameTeacher, hears

#: What the logits of keywords may be raised by after training.
SHIFTS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
#: Recordings of tones among what is no keyword: about ten minutes.
TONES = 250


@dataclass(frozen=True)
class DistillOptions:
    """What a user decides about distillation.

    Attributes
    ----------
    student : Student
        The network that is trained.
    keywords : tuple of str or None
        Some of the teacher's; all of them if None.
    copies : int
        Augmented copies of each recording for teachers that hear waveforms.
    fit : FitConfig
        How it is trained.
    sentences : int
        Sentences without the keywords that text to speech says.
    control : bool
        Whether the same network is trained without teachers beside it.
    seed : int
        Seed of weights, batches and augmentation.
    """

    student: Student
    keywords: tuple[str, ...] | None
    copies: int
    fit: FitConfig
    sentences: int
    control: bool
    seed: int


@dataclass(frozen=True)
class Distilled:
    """A student, and how it does beside its teachers and beside itself without them.

    Attributes
    ----------
    model : ModelFile
        The student in int8.
    unquantized : ModelFile
        The same in float32.
    teachers : tuple of ClipReport
        In the order in which they were named.
    student : ClipReport
        The student in int8, on the same clips as the teachers.
    alone : ClipReport or None
        The same network trained in the same way on labels alone, if it was.
    judges : str
        Who they are: see `Gathered`.
    skipped : list of Skipped
        Recordings that were left out, with the reason.
    """

    model: ModelFile
    unquantized: ModelFile
    teachers: tuple[ClipReport, ...]
    student: ClipReport
    alone: ClipReport | None
    judges: str
    skipped: list[Skipped]


def distill(
    teachers: Sequence[ModelFile], folders: Folders, options: DistillOptions, checkpoints: Path
) -> Distilled:
    """Train a student of teachers, for the same labels and held-out speakers.

    Parameters
    ----------
    teachers : sequence of ModelFile
        Their posteriors are averaged. Those with the student's front end judge every augmented
        window; the others judge augmented copies of the recordings alone. The first one says
        which speakers are held out, and what the detector's defaults are.
    folders : Folders
        Where the recordings are.
    options : DistillOptions
        What the user decides.
    checkpoints : Path
        Folder in which the state after each epoch is kept, so that a run that was interrupted
        goes on.

    Raises
    ------
    KwsError
        If a teacher, folder or file cannot be used.
    """
    set_seed(options.seed)
    labels = labels_of(teachers, options.keywords)
    keywords = tuple(label for label in labels if label in teachers[0].metadata.keywords)
    gathered = gather(teachers[0], keywords, folders)
    data = _student_data(teachers, labels, gathered, folders, options)
    for number, label in enumerate(labels):
        if label in keywords and not (data.labels == number).any():
            raise KwsError(
                f"{label}: no recording of this keyword is there to train on: add some, or name "
                "the others with --keywords"
            )
    recordings = _rejected(gathered, keywords, options)
    note(f"{len(data.images)} clips to learn from")
    note(f"{hours_of(recordings):.2f} h without keywords beside them, every frame of them")
    noise = noise_frames(gathered.noise, gathered.training)
    frames = to_frames(
        np.stack([image_of(second_of(audio)) for audio in gathered.validation.audio])
    )
    said = np.array([labels.index(clip.label) for clip in gathered.validation.clips])

    def report(epoch: int, losses: Sequence[float], predicts: Sequence[Predict]) -> None:
        shares = [float((predict(frames).argmax(axis=1) == said).mean()) for predict in predicts]
        note(
            f"epoch {epoch:2}/{options.fit.epochs}: loss {losses[0]:.3f}, validation accuracy "
            f"{shares[0]:.1%}" + (f"; without teacher {shares[1]:.1%}" if options.control else "")
        )

    def rejected(epoch: int) -> list[UInt8]:
        rng = np.random.default_rng((options.seed, epoch))
        return [*recordings, *chain_words(rng, data, labels.index(UNKNOWN))]

    networks = [options.student.network(len(labels)) for _ in range(1 + options.control)]
    # the first is taught, the control is not
    students = [StudentNetwork(one, taught=one is networks[0]) for one in networks]
    listeners = [
        lambda windows, length, teacher=teacher: FrameTeacher(teacher, labels, windows, length)
        for teacher in teachers
        if hears(teacher, WORDS)
    ]
    digest = _digest(data, recordings, noise, teachers, labels, options)
    checkpoint = Checkpoint(checkpoints / f"distill-{digest[:16]}.npz")
    steps = train_students(
        students,
        data,
        rejected,
        noise,
        labels,
        listeners,
        options.student.stride,
        options.fit,
        options.seed,
        checkpoint,
        report,
    )
    rows = np.array(development_rows(gathered.validation.clips))
    numbers = [labels.index(one) for one in keywords]
    shifts = []
    for network, step in zip(networks, steps, strict=True):
        logits = clip_judge(network, step)(frames[rows])
        shifts.append(keyword_shift(logits, said[rows], numbers))
        network.output.bias.assign_add(shifts[-1] * np.isin(np.arange(len(labels)), numbers))
    maker = WindowMaker(noise, WORDS.floor, WORDS.ceiling, HEAVY)
    streams = calibration_streams(maker, data.images, options.seed)
    provenance = _provenance(teachers, gathered, options, digest, len(data.images), shifts[0])
    thresholds = {one: teachers[0].metadata.detector.thresholds[one] for one in keywords}
    detector = replace(teachers[0].metadata.detector, thresholds=thresholds)
    model, *alone = (
        model_file(step, "int8", labels, detector, provenance, streams) for step in steps
    )
    unquantized = model_file(steps[0], "float32", labels, detector, provenance, streams)
    model, unquantized = (with_points(one, gathered, options.seed) for one in (model, unquantized))
    reports = [
        judge_clips(
            open_model(one, keywords=_selected(one, keywords)),
            gathered.judged.clips,
            gathered.judged.audio,
            gathered.judged.skipped,
            bar,
        )
        for one in (*teachers, model, *alone)
    ]
    result = Distilled(
        model,
        unquantized,
        tuple(reports[: len(teachers)]),
        reports[len(teachers)],
        reports[-1] if alone else None,
        gathered.judges,
        gathered.skipped,
    )
    checkpoint.remove()
    return result


def keyword_shift(logits: Float32, said: Int64, keywords: Sequence[int]) -> float:
    """Choose by how much the logits of keywords are raised, so that most clips are named rightly.

    In training a third of the windows are speech without keywords, and the hardest of it. So a
    student takes words for unknown ones more often than it must; thresholds go up with the scores.

    Parameters
    ----------
    logits : float32 (n, labels)
        What a student gives for clips.
    said : int64 (n,)
        The label of each clip.
    keywords : sequence of int
        Labels that are keywords.

    Returns
    -------
    float
        One of `SHIFTS`, the smallest of equals.
    """
    raised = np.zeros(logits.shape[1], np.float32)
    raised[list(keywords)] = 1.0
    right = [int(((logits + shift * raised).argmax(axis=1) == said).sum()) for shift in SHIFTS]
    return SHIFTS[int(np.argmax(right))]


def labels_of(teachers: Sequence[ModelFile], keywords: Sequence[str] | None) -> tuple[str, ...]:
    """Return the student's labels: the first teacher's, or those that are no keywords and some.

    Parameters
    ----------
    teachers : sequence of ModelFile
        At least one.
    keywords : sequence of str or None
        Some of the first teacher's keywords; all of them if None.

    Raises
    ------
    KwsError
        If a teacher is not for commands, or lacks one of the labels.
    """
    for teacher in teachers:
        metadata = teacher.metadata
        if metadata.task != "commands":
            raise KwsError(
                f"{teacher.path}: its task is {metadata.task}: commands are distilled here "
                "(kws train --wake-word makes a student of its own members)"
            )
        for needed in (SILENCE, UNKNOWN, *(keywords or teachers[0].metadata.keywords)):
            if needed not in metadata.labels:
                raise KwsError(f"{teacher.path}: a teacher must know {needed}")
    first = teachers[0].metadata
    wanted = first.keywords if keywords is None else keywords
    return tuple(one for one in first.labels if one in wanted or one not in first.keywords)


def _selected(model: ModelFile, keywords: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the keywords to select of a model, or None where it has no others."""
    return None if set(keywords) == set(model.metadata.keywords) else keywords


def model_file(
    step: StepModel,
    precision: Precision,
    labels: tuple[str, ...],
    detector: DetectorDefaults | SegmenterDefaults,
    provenance: dict[str, Any],
    streams: Float32,
) -> ModelFile:
    """Convert a trained student and put its contract beside it; its thresholds are not chosen.

    Parameters
    ----------
    step : StepModel
        The streaming form of the student.
    precision : {"float32", "int8"}
        Of the network.
    labels : tuple of str
        The student's labels.
    detector : DetectorDefaults or SegmenterDefaults
        How its posteriors become detections.
    provenance : dict
        What its file tells of its making.
    streams : float32 (streams, frames, bands)
        Front-end frames that int8 is calibrated with.
    """
    return publish(
        step,
        precision,
        streams,
        task="commands",
        labels=labels,
        front_end=WORDS,
        detector=detector,
        provenance=provenance,
        name=f"the student in {precision}",
    )


def with_points(model: ModelFile, gathered: Gathered, seed: int) -> ModelFile:
    """Choose the thresholds of a student on half of those who validate, and state what they give.

    See `kws_training.evaluation.operating.with_thresholds`.

    Parameters
    ----------
    model : ModelFile
        The student.
    gathered : Gathered
        The recordings.
    seed : int
        Seed of the halves and of the pauses between recordings.
    """
    content = pack(model.network, model.metadata)
    return parse_model(
        with_thresholds(content, gathered.validation, gathered.negatives, seed), model.path
    )


def _provenance(
    teachers: Sequence[ModelFile],
    gathered: Gathered,
    options: DistillOptions,
    digest: str,
    clips: int,
    shift: float,
) -> dict[str, Any]:
    """Return what a student's file tells of its making."""
    values: dict[str, Any] = {
        "student": options.student.to_dict(),
        "options": {
            **gathered.teacher_split,
            "copies": options.copies,
            "sentences": options.sentences,
            "seed": options.seed,
        },
        "recipe": asdict(options.fit),
        "teachers_sha256": [digest_of(one.network) for one in teachers],
        "training_sha256": digest,
        "clips": clips,
        "keyword_shift": shift,
    }
    if isinstance(options.student.shape, BaseShape):  # can be read back, as any word base
        values[SHAPE_KEY] = asdict(options.student.shape)
    return values


def _student_data(
    teachers: Sequence[ModelFile],
    labels: tuple[str, ...],
    gathered: Gathered,
    folders: Folders,
    options: DistillOptions,
) -> StudentData:
    """Make clips of all recordings and images, judged by the teachers who need waveforms."""
    keywords = tuple(one for one in labels if one in teachers[0].metadata.keywords)
    waveform = [
        open_model(one, keywords=_selected(one, keywords))
        for one in teachers
        if not hears(one, WORDS)
    ]
    if waveform:
        part = gathered.training + gathered.unlabelled
        note(f"{len(part.clips)} recordings; teachers judge {options.copies} copies of each")
        parts = [
            taught(
                part,
                labels,
                waveform,
                options.copies,
                options.fit.temperature,
                gathered.noise,
                options.seed,
                bar,
            )
        ]
    else:
        parts = [recorded(gathered.training, labels), unlabelled(gathered.unlabelled, labels)]
    if folders.features is not None:
        others = {
            clip.speaker for part in (gathered.validation, gathered.held_out) for clip in part.clips
        }
        images = read_images(folders.features)
        parts.append(labelled(images, labels, gathered.teacher_split["hold_out"], others))
    return join(parts)


def _rejected(
    gathered: Gathered, keywords: tuple[str, ...], options: DistillOptions
) -> list[UInt8]:
    """Return what is no keyword: recordings of speech, sentences by text to speech, and tones."""
    recordings = whole_recordings(gathered.negatives.training)
    if options.sentences:
        engines = sentence_engines()
        recordings += synthesized_sentences(
            keywords, options.sentences, engines, options.seed, cache_folder("sentences")
        )
    return recordings + tone_images(TONES, options.seed)


def _digest(
    data: StudentData,
    recordings: Sequence[UInt8],
    noise: Float32,
    teachers: Sequence[ModelFile],
    labels: tuple[str, ...],
    options: DistillOptions,
) -> str:
    """Return a digest of all that a training depends on."""
    networks = [teacher.network for teacher in teachers]
    arrays = [data.images, data.labels, data.words, data.teacher_posteriors, noise]
    start = [array for pair in options.student.start for array in pair]
    return digest_of((labels, options, used_versions()), *networks, *arrays, *start, *recordings)
