"""Trains the word base on every labelled word there is: images, recordings, synthesized words.

It learns three things at once: which of the labels a word is, which of all words there are, and
which phonemes words in a row are made of (`connected`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.arrays import Float32, Int64
from kws.console import note
from kws.frontend import WORDS
from kws.metadata import SILENCE, UNKNOWN, DetectorDefaults, Metadata, is_label, keywords_of
from kws.modelfile import pack

from ..augmentation.noise import NoisyWindowMaker
from ..augmentation.spectra import SpectralAugmentation, WindowMaker
from ..augmentation.windows import NEITHER, WindowShape, window_targets
from ..data.checkpoint import Checkpoint
from ..data.dataset import DataError
from ..data.digest import digest_of
from ..data.images import WordImages, in_silence, to_frames
from ..data.splits import share_of
from ..fitting.loop import (
    Batch,
    Descent,
    TrainingLoop,
    ahead,
    cross_entropy,
    set_seed,
    weighted_losses,
)
from ..networks.convert import convert
from ..networks.streaming import StepModel, Whole, look_back, step_model, whole_model
from ..networks.word_base import FEATURE_STRIDE, RESULT_STRIDE, SHAPE_KEY, Base, BaseShape, WordBase
from ..progress import bar
from ..synthesis.utterances import SYNTHETIC
from ..versions import used_versions
from .connected import AUGMENTATION, ConnectedWords, SpelledWords, ctc_loss

#: Results per training window.
RESULTS = 2
#: Frames of a window of connected words: two words after what the first column has heard.
CONNECTED = 264
#: Share of the connected words that are synthesized.
SYNTHESIZED = 0.55
#: Seconds over which scores are averaged, and in which a keyword is not detected again.
SMOOTHING = 0.24
REFRACTORY = 0.8
#: A word is a label of its own from so many speakers on.
SPEAKERS = 20
#: A model file has at most 1,000 labels, silence and unknown among them.
MOST_WORDS = 998


@dataclass(frozen=True)
class Recipe:
    """How a word base is trained.

    Attributes
    ----------
    epochs, batch : int
        An epoch is as many windows as there are images of people.
    light : float
        Share of the epochs, the last ones, with `LIGHT` augmentation.
    silence, synthesized : float
        Shares of each batch that are windows without any word, and synthesized words.
    label_smoothing : float
    others : float
        How much the auxiliary loss counts: which of all words it is, synthesized ones included.
    phonemes : float
        How much the loss of the phonemes counts; 0 for none.
    connected : int
        Windows of connected words in a batch, for that loss.
    folded : bool
        Whether the batch norm of a base that is gone on from stays folded into its weights.
    """

    epochs: int = 24
    batch: int = 128
    light: float = 0.4
    silence: float = 1 / 16
    synthesized: float = 0.2
    label_smoothing: float = 0.05
    others: float = 0.5
    phonemes: float = 0.5
    connected: int = 56
    folded: bool = False
    descent: Descent = field(default_factory=Descent)


HEAVY = SpectralAugmentation()
#: Closer to what is judged: less noise, fewer neighbours, smaller changes of the voice.
LIGHT = SpectralAugmentation(
    stretch=0.1,
    warp=0.06,
    equalisation=3.0,
    snr=(5.0, 35.0),
    noise=0.5,
    neighbours=0.1,
    reverberation=0.2,
    masks=0.2,
)


#: To go on from a word base with all words.
FURTHER = Recipe(epochs=8, descent=Descent(learning_rate=2e-3))
#: To go on from a word base with a few keywords: gently, lightly augmented from the beginning.
NARROWED = Recipe(
    epochs=8, light=1.0, phonemes=0.0, folded=True, descent=Descent(learning_rate=1e-3)
)


@dataclass(frozen=True)
class Pretrained:
    """A word base.

    Attributes
    ----------
    content : bytes
        The model file.
    accuracy : float
        Share of the validation images that its float network names rightly, all labels.
    images : int
        Validation images.
    """

    content: bytes
    accuracy: float
    images: int


def labels_for(
    words: WordImages, left_out: Sequence[str], keywords: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Choose the labels: silence, unknown, and every word that enough people have said.

    Only the keywords are considered, where they are given; other words are then unknown.

    Raises
    ------
    DataError
        If there are fewer than two such words or more than a model file can name, or one cannot
        be a label.
    """
    people = [
        word
        for word in sorted(set(words.words.tolist()))
        if word not in left_out
        and word in keywords_of((word,))
        and (keywords is None or word in keywords)
        and len(set(words.speakers[words.words == word].tolist())) >= SPEAKERS
    ]
    for keyword in keywords or ():
        if keyword not in people:
            raise DataError(f"{keyword}: fewer than {SPEAKERS} people say it")
    if len(people) < 2:
        raise DataError(
            f"a word base needs two words said by {SPEAKERS} people each: give --features or "
            "--data with more speakers"
        )
    for word in people:
        if not is_label(word):
            raise DataError(f"{word!r:.60}: a word has 1 to 100 printable characters: rename it")
    if len(people) > MOST_WORDS:
        raise DataError(f"{len(people)} words by {SPEAKERS} people: at most {MOST_WORDS} fit")
    return (SILENCE, UNKNOWN, *people)


def pretrain(
    words: WordImages,
    synthesized: WordImages | None,
    noise: Float32,
    left_out: Sequence[str],
    validation: float,
    shape: BaseShape,
    recipe: Recipe,
    seed: int,
    checkpoints: Path,
    keywords: Sequence[str] | None = None,
    start: Base | None = None,
) -> Pretrained:
    """Train a word base and make its model file.

    Parameters
    ----------
    words : WordImages
        Words said by people; ``_unknown_`` are other words.
    synthesized : WordImages or None
        Words said by machines.
    noise : float32 (frames, bands)
        ln(power) of recorded noise.
    left_out : sequence of str
        Words to keep out of everything: to judge by.
    validation : float
        Share of the speakers that validate, of those that no list says anything of.
    shape : BaseShape
        Of a new base.
    recipe : Recipe
    seed : int
    checkpoints : Path
        Folder in which the state after each epoch is kept, so that a run that was interrupted
        goes on.
    keywords : sequence of str, optional
        The labels, where not every word is to be one.
    start : Base, optional
        A word base to go on from, in its shape.
    """
    set_seed(seed)
    shape = shape if start is None else start.shape
    origin = None if start is None else start.digest
    words = words.where(~np.isin(words.words, list(left_out)) & (words.sets != "test"))
    chosen = [share_of("word base " + one) < validation for one in words.speakers.tolist()]
    validates = np.where(words.sets == "", chosen, words.sets == "validation")
    labels = labels_for(words.where(~validates), left_out, keywords)
    known = np.isin(words.words, labels[2:])
    held = words.where(validates & known)
    material = _Material.of(words.where(~validates), synthesized, labels, left_out)
    speakers = len(set(words.speakers[~validates].tolist()))
    note(
        f"{(~material.synthetic).sum()} images of {speakers} people and "
        f"{material.synthetic.sum()} synthesized ones to train, {len(held.images)} to validate; "
        f"{len(labels) - 2} words"
    )

    window = WindowShape(shape.receptive_field, RESULT_STRIDE, RESULTS)
    silences = round(recipe.batch * recipe.silence)
    machines = round(recipe.batch * recipe.synthesized) if material.synthetic.any() else 0
    people = recipe.batch - silences - machines
    counts = (people, machines, silences)
    network = WordBase(WORDS, len(labels), shape, folded=start is not None and recipe.folded)
    if start is not None and not recipe.folded:
        maker = WindowMaker(noise, WORDS.floor, WORDS.ceiling, HEAVY)
        source = _batches(
            np.random.default_rng((seed, 3)), maker, material, window, labels, recipe, counts
        )
        network.unfold(start.weights_for(labels), next(source).inputs)
    step = step_model(network, RESULT_STRIDE, (1, WORDS.bands))
    spelled = _spelled(words.where(~validates), synthesized, left_out) if recipe.phonemes else None
    model = _training_model(network, window.frames, len(material.words), spelled)
    if start is not None and recipe.folded:
        network.load(start.weights_for(labels))
    judge = whole_model(network, step.receptive_field + 4 * RESULT_STRIDE, (1, WORDS.bands))
    per_epoch = math.ceil((~material.synthetic).sum() / people)
    connected = None if spelled is None else _connected(spelled, noise, network)
    outputs = 2 if spelled is None else 3
    loop = TrainingLoop(
        model,
        per_epoch * recipe.epochs,
        recipe.descent,
        weighted_losses(
            (1.0, recipe.others, recipe.phonemes)[:outputs],
            (cross_entropy, cross_entropy, ctc_loss)[:outputs],
        ),
    )
    # what is known of phonemes depends on what is installed
    said = None if spelled is None else (spelled.signs, spelled.phonemes)
    digest = _digest(material, noise, (labels, asdict(shape), asdict(recipe), seed, origin, said))
    checkpoint = Checkpoint(checkpoints / f"{digest[:16]}.npz")
    begin, prior = 0, np.zeros(len(labels))
    saved = checkpoint.read()
    if saved is not None:
        begin, (*state, prior) = saved
        loop.restore(state)
        note(f"going on after epoch {begin}")
    accuracy = math.nan
    for epoch in range(begin, recipe.epochs):
        light = epoch >= round(recipe.epochs * (1 - recipe.light))
        maker = WindowMaker(noise, WORDS.floor, WORDS.ceiling, LIGHT if light else HEAVY)
        batches = _batches(
            np.random.default_rng((seed, epoch)), maker, material, window, labels, recipe, counts
        )
        if connected is not None:
            batches = _beside(
                batches, connected, np.random.default_rng((seed, epoch, 1)), recipe.connected
            )
        losses = []
        prior = 0.0 * prior
        source = ahead(lambda batches=batches: next(batches), per_epoch)  # type: ignore[misc]
        numbers = bar(iter(range(per_epoch)), per_epoch, f"epoch {epoch + 1}/{recipe.epochs}")
        for _, batch in zip(numbers, source, strict=True):
            losses.append(loop.step(batch))
            prior += (batch.targets[0] * batch.weights[0][..., None]).sum((0, 1))
        checkpoint.write(epoch + 1, [*loop.state(), prior])
        with loop.average.applied():
            accuracy = _accuracy(judge, held, labels)
        note(
            f"epoch {epoch + 1:2}/{recipe.epochs}: loss {np.mean(losses):.3f}, "
            f"validation accuracy {accuracy:.1%}"
        )
    model.set_weights(loop.average.weights)
    # logits for labels that are all as probable: whoever uses some of the words says how
    # probable each is (logit adjustment, arXiv 2007.07314)
    share = prior / prior.sum()
    network.bias().assign(np.asarray(network.bias()) - np.log(np.maximum(share, 1e-6)))
    accuracy = _accuracy(judge, held, labels)
    streams = representative(
        WindowMaker(noise, WORDS.floor, WORDS.ceiling, HEAVY), material.images, seed
    )
    provenance = {
        SHAPE_KEY: asdict(shape),
        "recipe": asdict(recipe),
        "seed": seed,
        "left_out": sorted(left_out),
        "start_sha256": origin,
        "images": {
            "people": int((~material.synthetic).sum()),
            "synthesized": int(material.synthetic.sum()),
        },
        "speakers": speakers,
        "data_sha256": digest,
        "versions": used_versions(),
    }
    content = _model_file(step, labels, streams, provenance)
    checkpoint.remove()
    return Pretrained(content, accuracy, len(held.images))


@dataclass(frozen=True)
class _Material:
    """What is trained on.

    Attributes
    ----------
    images : uint8 (n, 98, 40)
    labels : int64 (n,)
        Index of the label: of words without a label of their own, unknown.
    others : int64 (n,)
        Index in ``words``; -1 for what is no single word.
    synthetic : bool (n,)
    words : tuple of str
    """

    images: npt.NDArray[np.uint8]
    labels: Int64
    others: Int64
    synthetic: npt.NDArray[np.bool_]
    words: tuple[str, ...]

    @classmethod
    def of(
        cls,
        people: WordImages,
        synthesized: WordImages | None,
        labels: tuple[str, ...],
        left_out: Sequence[str],
    ) -> _Material:
        both = people
        if synthesized is not None:
            both = people + synthesized.where(~np.isin(synthesized.words, list(left_out)))
        words = tuple(sorted(set(keywords_of(tuple(both.words.tolist())))))
        label = {word: labels.index(word) if word in labels else 1 for word in set(both.words)}
        place = {word: number for number, word in enumerate(words)}
        return cls(
            both.images,
            np.array([label[word] for word in both.words.tolist()]),
            np.array([place.get(word, -1) for word in both.words.tolist()]),
            _by_machines(both),
            words,
        )


def _by_machines(words: WordImages) -> npt.NDArray[np.bool_]:
    """Tell which words are synthesized."""
    return np.array([one.startswith(SYNTHETIC) for one in words.speakers.tolist()])


def _digest(material: _Material, noise: Float32, settings: tuple[Any, ...]) -> str:
    """Return a digest of all that a training depends on."""
    arrays = (material.images, material.labels, material.others, material.synthetic, noise)
    return digest_of((*settings, material.words), *arrays)


def _training_model(
    network: WordBase, frames: int, words: int, spelled: SpelledWords | None
) -> Any:
    """Build the training model: logits of the labels, of all words there are, and of phonemes."""
    import keras

    x = keras.Input((frames, 1, WORDS.bands), name="frames")
    summary = network.summary(x, Whole())
    others = keras.layers.Conv2D(words, 1)(summary)[:, :, 0]
    outputs = [network.logits(summary), others]
    if spelled is None:
        return keras.Model(x, outputs)
    connected = keras.Input((CONNECTED, 1, WORDS.bands), name="connected")
    features = keras.layers.SpatialDropout2D(0.05)(network.features(connected, Whole()))
    phonemes = keras.layers.Conv2D(len(spelled.signs) + 1, 1)(features)[:, :, 0]
    return keras.Model([x, connected], [*outputs, phonemes])


def _spelled(
    people: WordImages, synthesized: WordImages | None, left_out: Sequence[str]
) -> SpelledWords | None:
    """Return the words whose phonemes are known; None if there are none."""
    words = people
    if synthesized is not None:
        words = words + synthesized.where(~np.isin(synthesized.words, list(left_out)))
    spelled = SpelledWords.of(words, _by_machines(words), SYNTHESIZED)
    return spelled if len(spelled.images) else None


def _connected(spelled: SpelledWords, noise: Float32, network: WordBase) -> ConnectedWords:
    """Return what makes windows of connected words, in much noise of many kinds."""
    maker = NoisyWindowMaker(noise, WORDS.floor, WORDS.ceiling, AUGMENTATION)
    heard = FEATURE_STRIDE + look_back(network.features, FEATURE_STRIDE, (1, WORDS.bands))
    return ConnectedWords(spelled, maker, CONNECTED, heard)


def _beside(
    batches: Iterator[Batch], connected: ConnectedWords, rng: np.random.Generator, count: int
) -> Iterator[Batch]:
    """Put windows of connected words beside each batch of words."""
    for words in batches:
        frames, phonemes, weights = connected.batch(rng, count)
        yield Batch([words.inputs, frames], [*words.targets, phonemes], [*words.weights, weights])


def _batches(
    rng: np.random.Generator,
    maker: WindowMaker,
    material: _Material,
    window: WindowShape,
    labels: tuple[str, ...],
    recipe: Recipe,
    counts: tuple[int, int, int],
) -> Iterator[Batch]:
    """Make batches of words of people, synthesized words and silence, so many of each.

    Rare words are drawn more often: each word by the root of the number of its images.
    """
    people, machines, silences = counts
    said, spoken = np.flatnonzero(~material.synthetic), np.flatnonzero(material.synthetic)
    share = np.bincount(material.others[said] + 1)[material.others[said] + 1] ** -0.5
    share /= share.sum()
    while True:
        rows = rng.choice(said, people, p=share)
        if machines:
            rows = np.concatenate([rows, rng.choice(spoken, machines)])
        beside = rng.permutation(rows)
        clips = maker.words(
            rng,
            to_frames(material.images[rows]),
            to_frames(material.images[beside]),
            window.frames,
            window.receptive_field - 2,
        )
        # a word that is unknown as a whole is another thing than a part of a word
        label = np.where(material.labels[rows] == 1, len(labels), material.labels[rows])
        wanted = window_targets(window, clips.first, clips.last + 1, label, (*labels, "other"))
        whole = wanted > 1
        wanted = np.where(wanted == len(labels), 1, wanted)
        wanted = np.concatenate([wanted, np.zeros((silences, window.results), np.int64)])
        targets = _smooth(wanted, len(labels), recipe.label_smoothing)
        others = np.broadcast_to(material.others[rows][:, None], whole.shape)
        others = np.concatenate([np.where(whole, others, -1), wanted[people + machines :] - 1])
        yield Batch(
            np.concatenate([clips.frames, maker.silence(rng, silences, window.frames)])[:, :, None],
            [targets, _smooth(others, len(material.words), 0.0)],
            [(wanted != NEITHER).astype(np.float32), (others >= 0).astype(np.float32)],
        )


def _smooth(indices: Int64, count: int, smoothing: float) -> Float32:
    """Return indices as one-hot vectors; what is below 0 does not matter."""
    out = np.full((*indices.shape, count), smoothing / count, np.float32)
    np.put_along_axis(
        out, np.maximum(indices, 0)[..., None], np.float32(1 - smoothing + smoothing / count), -1
    )
    return out


def _accuracy(judge: Any, held: WordImages, labels: tuple[str, ...]) -> float:
    """Return the share of images, in the middle of silence, that are named rightly."""
    if not len(held.images):
        return math.nan
    right = 0
    for start in range(0, len(held.images), 256):
        clips = to_frames(held.images[start : start + 256])
        frames = in_silence(clips, judge.input_shape[1])
        logits = np.asarray(judge(frames, training=False)).mean(axis=1)
        heard = np.array(labels)[logits.argmax(axis=1)]
        right += int((heard == held.words[start : start + 256]).sum())
    return right / len(held.images)


def representative(maker: WindowMaker, images: npt.NDArray[np.uint8], seed: int) -> Float32:
    """Make representative streams: words, noise, and the front end's extremes.

    Parameters
    ----------
    maker : WindowMaker
    images : uint8 (n, 98, 40)
        What is trained on.
    seed : int

    Returns
    -------
    float32 (streams, frames, bands)
    """
    rng = np.random.default_rng(seed)
    streams = []
    for _ in range(16):
        clips = to_frames(images[rng.integers(len(images), size=3)])
        windows = maker.words(rng, clips, clips[::-1], 160, 140)
        streams.append(np.concatenate([*windows.frames, maker.silence(rng, 1, 80)[0]]))
    streams.append(np.full_like(streams[0], WORDS.floor))
    streams.append(streams[0] + WORDS.ceiling - streams[0].max())
    return np.stack(streams)


def _model_file(
    step: StepModel, labels: tuple[str, ...], streams: Float32, provenance: dict[str, Any]
) -> bytes:
    converted = convert(step, "int8", streams)
    defaults = DetectorDefaults(
        smoothing=SMOOTHING,
        refractory=REFRACTORY,
        longest=1.2,
        thresholds=dict.fromkeys(keywords_of(labels), 0.5),
    )
    return pack(
        converted.network,
        Metadata(
            task="commands",
            labels=labels,
            front_end=WORDS,
            streaming=converted.streaming,
            detector=defaults,
            provenance=provenance,
        ),
    )
