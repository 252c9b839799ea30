"""The verb pretrain, task phonemes: a network that writes down the sounds of English."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace

from kws.console import note
from kws.errors import KwsError
from kws.modelfile import write_model

from ..tensorflow_loading import import_tensorflow

#: Options of `kws pretrain` that are for the word base alone.
WORDS_ALONE = (
    *("negatives", "leave_out", "keywords", "teacher", "teacher_data", "speech"),
    "enrolment_only",
)


def run_phonemes(options: argparse.Namespace) -> int:
    """Train a phoneme network as the options say.

    Parameters
    ----------
    options : argparse.Namespace
        Those of `kws pretrain`.

    Returns
    -------
    int
        Exit status.

    Raises
    ------
    KwsError
        If an option is for the word base alone, or there is no speech.
    """
    for name in WORDS_ALONE:
        if getattr(options, name):
            raise KwsError(f"--{name.replace('_', '-')}: is for --task words, not phonemes")

    from kws.grammar.reading import read_grammar

    from ..cache import cache_folder
    from ..data.dataset import Skipped, find_clips
    from ..data.images import WordImages, noise_frames, read_images, recorded_images
    from ..data.recordings import ClipSet, read_noise
    from ..data.unlabelled import find_recordings
    from ..networks.phoneme_network import read_phoneme_network
    from ..phonemes.defaults import SENTENCES
    from ..phonemes.sentences import SpokenSentences, counts_for, say_sentences
    from ..phonemes.texts import CommonWords, Orders, Texts
    from ..synthesis.engines import installed

    texts: list[Texts] = [CommonWords()]
    grammar = None
    if options.grammar is not None:
        if options.synthesize == 0:
            raise KwsError(
                "--grammar: its orders are said by text to speech: leave --synthesize 0 out"
            )
        orders = Orders(read_grammar(options.grammar))
        texts.append(orders)
        grammar = orders.digest
    noise, damaged = read_noise(find_recordings(options.noise))
    if not noise:
        raise KwsError(f"{options.noise[0]}: no recording of noise could be read")
    skipped: list[Skipped] = [*damaged]
    words = WordImages.none() if options.features is None else read_images(options.features)
    if options.data:
        recordings = ClipSet.read(find_clips(options.data, None, options.speaker_rule))
        skipped += recordings.skipped
        words = words + recorded_images(recordings)
    sentences = SpokenSentences([], [], [])
    count = SENTENCES if options.synthesize is None else options.synthesize
    if count:
        engines = installed()
        counts = counts_for(count // len(texts), engines)
        for one in texts:
            said = ", ".join(f"{name}: {number}" for name, number in counts.items())
            note(f"{one.name} by {said}")
            sentences += say_sentences(one, engines, counts, options.seed, cache_folder("phonemes"))
    frames = noise_frames(noise, ClipSet([], [], []))
    if not len(frames):
        raise KwsError(f"{options.noise[0]}: the recordings of noise are too short")
    start = None if options.start is None else read_phoneme_network(options.start)
    import_tensorflow()
    from ..phonemes.data import prepare
    from ..phonemes.defaults import CONTINUED, FitConfig, PhonemeOptions
    from ..phonemes.train import train

    config = FitConfig() if start is None else CONTINUED
    if options.epochs is not None:
        config = replace(config, epochs=options.epochs)
    data = prepare(words, sentences, frames)
    trained = train(
        data,
        PhonemeOptions(fit=config, seed=options.seed, grammar=grammar),
        cache_folder("checkpoints"),
        start,
    )
    write_model(options.output, trained.model.network, trained.model.metadata)
    for skip in skipped:
        note(f"skipped: {skip.path}: {skip.reason}")
    size = options.output.stat().st_size
    known = trained.errors == trained.errors  # not nan: there was something to validate with
    if options.json:
        figures = {
            "model": str(options.output),
            "bytes": size,
            "phoneme_error_rate": trained.errors if known else None,
            "skipped": [{"file": str(s.path), "reason": s.reason} for s in skipped],
        }
        print(json.dumps(figures, indent=1))
        return 0
    if known:
        print(f"phoneme error rate: {trained.errors:.1%} on other people's words, other sentences")
    print(f"wrote {options.output} ({size / 1000:.0f} kB)")
    return 0
