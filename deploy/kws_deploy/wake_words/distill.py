"""From teachers and recordings of wake words to a student on the front end of microWakeWord."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from kws.arrays import Float32
from kws.audio import load_audio
from kws.calibration.scores import Trace, trace_blocks
from kws.console import note
from kws.errors import AudioError
from kws.metadata import WAKE_WORDS, DetectorDefaults, OperatingPoint
from kws.micro_frontend import CEILING, CHANNELS, MicroConfig
from kws.modelfile import ModelFile, pack, parse_model
from kws.pcm import to_int16
from kws_training.augmentation.augment import Augmentation
from kws_training.augmentation.rooms import find_responses
from kws_training.cache import cache_folder
from kws_training.data.dataset import Clip, Skipped
from kws_training.data.digest import digest_of
from kws_training.data.images import image_of
from kws_training.evaluation.evaluate import open_model
from kws_training.fitting.loop import set_seed
from kws_training.progress import bar
from kws_training.publishing import publish
from kws_training.synthesis.engines import installed
from kws_training.synthesis.phrases import SynthesizedClip, synthesized_phrase
from kws_training.wake_words.data import WakeWordData, WakeWordSources, prepare
from kws_training.wake_words.defaults import STATED_RATES, WakeWordOptions
from kws_training.wake_words.kinds import kinds_of
from kws_training.wake_words.phrases import PhraseClip, find_phrase
from kws_training.wake_words.thresholds import (
    KindScores,
    Thresholds,
    state_points,
    thresholds_at,
)

from ..students.micro import STRIDE, MicroNetwork, MicroShape
from .defaults import HIGHEST_THRESHOLD, SMOOTHING, MicroOptions
from .fit import FitConfig, fit_student
from .streams import RATE, HeardStream, Recording, hear, to_frames
from .teachers import check_teachers

#: What happens to each recording before it is heard.
AUGMENTATION = Augmentation(
    speed=0.12,
    rooms=0.4,
    room_count=60,
    noise=0.75,
    snr=(-3.0, 30.0),
    filtering=0.3,
    gain=(-32.0, 8.0),
    clipping=0.05,
)
#: Streams by which int8 is scaled, and frames of each.
CALIBRATION_STREAMS, CALIBRATION_FRAMES = 24, 600


@dataclass(frozen=True)
class DistilledWakeWords:
    """A student of wake words.

    Attributes
    ----------
    model : ModelFile
        The student in int8.
    points : tuple of OperatingPoint
        What thresholds give on recordings that nothing was trained or chosen on.
    skipped : tuple of Skipped
        Recordings that could not be used.
    """

    model: ModelFile
    points: tuple[OperatingPoint, ...]
    skipped: tuple[Skipped, ...]


def distill_wake_words(
    teachers: Sequence[ModelFile], sources: WakeWordSources, options: MicroOptions
) -> DistilledWakeWords:
    """Train a student of wake words.

    Parameters
    ----------
    teachers : sequence of ModelFile
        Of the same wake words in the same order; the mean of their logits is taught.
    sources : WakeWordSources
        Recordings, the wake words in the order of the teachers' labels.
    options : MicroOptions
        What the user decides.

    Raises
    ------
    KwsError
        If a teacher or a recording cannot be used.
    """
    labels = check_teachers(teachers)
    data = prepare(
        sources,
        WakeWordOptions(
            synthesized=options.synthesized,
            language=options.language,
            hold_out=options.hold_out,
            seed=options.seed,
        ),
    )
    set_seed(options.seed)
    recordings = [*_phrases(data, options), *_negatives(data.training.clips)]
    responses, _ = find_responses(AUGMENTATION, [], options.seed, progress=bar)
    stream = hear(
        recordings,
        options.copies,
        [open_model(teacher) for teacher in teachers],
        AUGMENTATION,
        [samples for _, samples in _read(data.noise.clips)],
        responses,
        options.seed,
        bar,
    )
    note(f"{stream.hours:.2f} h to learn from")
    config = FitConfig(steps=options.steps)
    shape = MicroShape()
    step = fit_student(MicroNetwork(len(labels), shape), stream, config, options.seed, note)
    detector = teachers[0].metadata.detector
    assert isinstance(detector, DetectorDefaults)  # a model of wake words has no other
    model = publish(
        step,
        "int8",
        calibration_streams(stream, step.receptive_field, options.seed),
        task=WAKE_WORDS,
        labels=labels,
        front_end=MicroConfig(),
        detector=replace(detector, smoothing=SMOOTHING),
        provenance=_provenance(teachers, data, options, config, shape),
        name="the student",
    )
    note("listening to the negatives as the device would")
    thresholds = choose_thresholds(model, data, options)
    points = state_points(
        model,
        list(thresholds.values()),
        [one.held_out for one in data.wake_words],
        data.test.clips,
        options.seed,
    )
    chosen = thresholds[options.false_accepts_per_hour]
    metadata = replace(
        model.metadata,
        operating_points=points,
        detector=replace(model.metadata.detector, thresholds=chosen),
    )
    finished = parse_model(pack(model.network, metadata), model.path)
    return DistilledWakeWords(finished, points, tuple(data.skipped))


def calibration_streams(stream: HeardStream, receptive_field: int, seed: int) -> Float32:
    """Return representative streams, float32 (streams, frames, 40), by which int8 is scaled.

    Parameters
    ----------
    stream : HeardStream
        What the student learned from.
    receptive_field : int
        Frames before the first step that counts.
    seed : int
        Seed of where the streams begin.
    """
    rng = np.random.default_rng((seed, 4))
    length = receptive_field + CALIBRATION_FRAMES
    starts = rng.integers(0, max(1, len(stream.frames) - length), CALIBRATION_STREAMS)
    # shorter than a stream is only what a test makes
    whole = np.resize(stream.frames, (max(length, len(stream.frames)), CHANNELS))
    streams = [whole[start : start + length] for start in starts]
    silence = np.zeros((length, CHANNELS), np.uint8)
    frames = to_frames(np.stack([*streams, silence]))
    # the range of the input is 0 to 26, whatever was heard: features are quantized outside too
    frames[-1, -STRIDE, 0] = CEILING
    return frames


def choose_thresholds(
    model: ModelFile, data: WakeWordData, options: MicroOptions
) -> dict[float, Thresholds]:
    """Choose the thresholds of each rate of false accepts per hour, by the negatives' kinds.

    Parameters
    ----------
    model : ModelFile
        The student, whose thresholds are not chosen yet.
    data : WakeWordData
        The negatives, those that were trained on and others.
    options : MicroOptions
        Which rate is wanted.
    """
    parts = data.training, data.development
    clips = [clip for part in parts for clip in part.clips]
    lengths = [len(image) for part in parts for image in part.images]
    kinds = kinds_of(clips, [length * MicroConfig().hop_seconds / 3600 for length in lengths])
    count = len(data.training.clips)
    heard = []
    for kind in sorted(set(kinds)):
        rows = [row for row, its in enumerate(kinds) if its == kind]
        trained = _traces(model, [clips[row] for row in rows if row < count])
        fresh = _traces(model, [clips[row] for row in rows if row >= count])
        heard.append(KindScores(kind, trained, fresh, []))
    rates = sorted({*STATED_RATES, options.false_accepts_per_hour})
    found = {}
    for rate in rates:
        levels = thresholds_at(model, heard, rate)
        found[rate] = {one: min(level, HIGHEST_THRESHOLD) for one, level in levels.items()}
        for keyword, level in levels.items():
            if level > HIGHEST_THRESHOLD and rate == options.false_accepts_per_hour:
                note(
                    f"{keyword}: {rate:g} false accepts per hour would need a threshold of "
                    f"{level:.3f}: it is {HIGHEST_THRESHOLD}, the highest that ESPHome tells"
                )
    return found


def _traces(model: ModelFile, clips: Sequence[Clip]) -> list[Trace]:
    """Return the scores of recordings that are heard as one stream, if there are any."""
    if not clips:
        return []
    blocks = (samples for _, samples in _read(clips))
    return [trace_blocks(open_model(model), blocks)]


def _phrases(data: WakeWordData, options: MicroOptions) -> list[Recording]:
    """Return the recordings of phrases, and synthesized speech that is none."""
    found = []
    for number, one in enumerate(data.wake_words):
        places = {clip.path: phrase for clip, phrase in one.people}
        for clip, samples in _read([clip for clip, _ in one.people]):
            found.append(_recording(samples, number, places[clip.path]))
        if options.synthesized:
            said, others = _synthesized(one.keyword, options)
            for made in said:
                phrase = find_phrase(image_of(made.samples), {})
                if phrase is not None:
                    found.append(_recording(made.samples, number, phrase))
            found += [Recording(to_int16(made.samples)) for made in others]
    return found


def _synthesized(
    keyword: str, options: MicroOptions
) -> tuple[list[SynthesizedClip], list[SynthesizedClip]]:
    """Return what text to speech says, as the cache has it since `prepare`: phrases and others."""
    engines = installed(options.language)
    if not engines:
        return [], []
    count = options.synthesized
    made = synthesized_phrase(
        keyword, count, count, engines, options.seed, cache_folder("phrases"), options.language
    )
    return made.positives, made.negatives


def _recording(samples: Float32, number: int, phrase: PhraseClip) -> Recording:
    """Return a recording with the place of the phrase in samples."""
    config = MicroConfig()
    begin, end = phrase.first * config.hop, config.samples(phrase.last + 1)
    return Recording(to_int16(samples), number, begin, min(end, len(samples)))


def _negatives(clips: Sequence[Clip]) -> list[Recording]:
    return [Recording(to_int16(samples)) for _, samples in _read(clips)]


def _read(clips: Sequence[Clip]) -> Iterator[tuple[Clip, Float32]]:
    """Yield the recordings that can be read. They were read before: damaged ones are reported."""
    for clip in clips:
        try:
            yield clip, load_audio(clip.path, RATE)
        except AudioError:
            continue


def _provenance(
    teachers: Sequence[ModelFile],
    data: WakeWordData,
    options: MicroOptions,
    config: FitConfig,
    shape: MicroShape,
) -> dict[str, Any]:
    """Return what a student's file tells of its making."""
    return {
        "student": {"name": "micro", **asdict(shape)},
        "options": asdict(options),
        "recipe": asdict(config),
        "augmentation": AUGMENTATION.to_dict(),
        "teachers_sha256": [digest_of(one.network) for one in teachers],
        "recordings": {
            one.keyword: {
                "people": len(one.people),
                "synthesized": len(one.synthesized),
                "held_out": len(one.held_out),
            }
            for one in data.wake_words
        },
        "negative_hours": round(data.training.hours, 3),
        "data_sha256": data.sha256,
    }
