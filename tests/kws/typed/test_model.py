"""Typed phrases as model files: from text to detections, and what is refused."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws import KeywordSpotter
from kws.errors import KwsError, ModelError
from kws.group import SpotterGroup
from kws.metadata import WAKE_WORDS
from kws.modelfile import SCHEMA_WITH_PHRASES, pack, parse_model, read_model, write_model
from kws.packaged import packaged_model
from kws.typed.model import typed_model

from ...phoneme_network import phoneme_model, tones

NIGHT, LIGHT = ["g", "uh", "d", "n", "ay", "t"], ["dh", "ax", "l", "ay", "t"]


@pytest.fixture(scope="module")
def typed():
    return typed_model(phoneme_model(), ["good night", "the light"])


@pytest.fixture(scope="module")
def audio():
    return np.concatenate([tones(NIGHT), tones(["t", "ow"]), tones(LIGHT), tones(NIGHT[:4])])


def found(spotter, pieces):
    detections = [one for piece in pieces for one in spotter.process(piece)]
    return detections + spotter.flush()


def test_what_is_typed_is_spotted_with_its_times(typed, audio):
    first, second = found(KeywordSpotter(typed), [audio])
    assert (first.keyword, second.keyword) == ("good night", "the light")
    # 0.3 s of quiet, then a tone of 80 ms and as much quiet for each phoneme; found with the last
    assert first.start == pytest.approx(0.3, abs=0.05)
    assert 1.08 < first.end < 1.3
    assert second.start > first.end + 1


@given(st.lists(st.integers(0, 9000), max_size=12))
@settings(max_examples=10, deadline=None)
def test_chunks_of_any_size_give_the_same(typed, audio, sizes):
    cuts = np.cumsum(sizes)
    pieces = np.split(audio, cuts[cuts < len(audio)])
    assert found(KeywordSpotter(typed), pieces) == found(KeywordSpotter(typed), [audio])


def test_a_stream_gives_the_posteriors_of_the_whole(typed, audio):
    spotter = KeywordSpotter(typed)
    whole = spotter.posteriors(audio)
    pieces = [spotter.process_posteriors(audio[i : i + 700]) for i in range(0, len(audio), 700)]
    assert (np.concatenate(pieces) == whole).all()


def test_a_stream_goes_on_from_its_state(typed, audio):
    one, other = KeywordSpotter(typed), KeywordSpotter(typed)
    half = len(audio) // 3
    before = one.process(audio[:half])
    other.restore(one.state())
    assert found(other, [audio[half:]]) == found(one, [audio[half:]])
    assert before + found(KeywordSpotter(typed), [audio])[len(before) :]
    with pytest.raises(KwsError, match="another model"):
        KeywordSpotter(typed_model(phoneme_model(), ["good light", "the night"])).restore(
            one.state()
        )


def test_one_network_serves_the_phrases_of_several_files(typed, audio):
    named = replace(typed, path="typed")
    other = replace(typed_model(phoneme_model(), ["/t ow/"]), path="other")
    group = SpotterGroup([named, other, replace(packaged_model(), path="commands")])
    alone = found(KeywordSpotter(named), [audio]) + found(KeywordSpotter(other), [audio])
    together = [one for one in found(group, np.array_split(audio, 5)) if one.model != "commands"]
    assert sorted((d.keyword, d.score, d.start, d.end) for d in together) == sorted(
        (d.keyword, d.score, d.start, d.end) for d in alone
    )


def test_only_some_phrases_may_matter(typed, audio):
    spotter = KeywordSpotter(typed, keywords=["the light"])
    (only,) = found(spotter, [audio])
    assert only.keyword == "the light"
    assert only == found(KeywordSpotter(typed), [audio])[1]


def test_a_clip_is_named(typed):
    spotter = KeywordSpotter(typed)
    assert spotter.classify(tones(LIGHT)).label == "the light"
    assert spotter.classify(tones(["t", "ow"])).label == "_unknown_"


def test_a_file_is_one_like_any_other(typed, tmp_path, audio):
    path = tmp_path / "night.tflite"
    write_model(path, typed.network, typed.metadata)
    again = read_model(path)
    assert again.metadata == typed.metadata
    assert again.metadata.task == WAKE_WORDS
    assert found(KeywordSpotter(again), [audio]) == found(KeywordSpotter(typed), [audio])
    with zipfile.ZipFile(path) as archive:
        values = json.loads(archive.read("kws.json"))
    assert values["schema"] == SCHEMA_WITH_PHRASES == 3  # which earlier versions refuse
    assert values["phrases"]["words"][0][0][0] == "g uh d"


def test_what_cannot_be_typed_is_refused_in_one_line():
    model = phoneme_model()
    for phrases, reason in (
        ([], "0 phrases: one file has 1 to 200"),
        ([" "], "a phrase has 1 to 100 letters"),
        (["?!"], "there is no word in it"),
        (["good night", "good  night"], "is typed twice"),
        (["_night_"], "begins and ends with an underscore"),
        (["/q/"], "'q' is no phoneme"),
        (["night " * 40], "a phrase has 1 to 100 letters"),
    ):
        with pytest.raises(KwsError, match=reason) as info:
            typed_model(model, phrases)
        assert "\n" not in str(info.value)
    with pytest.raises(KwsError, match="is a model of commands, not of phonemes"):
        typed_model(packaged_model(), ["good night"])
    with pytest.raises(KwsError, match="threshold 2: must be 0 to 1"):
        typed_model(model, ["good night"], 2)


def hostile(typed, change):
    """Return the bytes of a file whose contract was changed by somebody."""
    content = pack(typed.network, typed.metadata)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        values = json.loads(archive.read("kws.json"))
    change(values)
    stream = io.BytesIO()
    stream.write(typed.network)
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("kws.json", json.dumps(values))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v["phrases"].pop("words"), "key 'words' is missing"),
        (lambda v: v["phrases"]["words"].pop(), "'words' must have one entry per label"),
        (lambda v: v["phrases"]["centres"].pop(), "'centres' must have one entry per label"),
        (lambda v: v["phrases"]["outputs"].pop(), "are not those that this version knows"),
        (lambda v: v["phrases"]["words"].__setitem__(0, []), "lists of 1 to 30"),
        (lambda v: v["phrases"]["words"].__setitem__(0, [["n"]] * 31), "lists of 1 to 30"),
        (lambda v: v["phrases"]["words"].__setitem__(0, [[]]), "lists of 1 to 64"),
        (lambda v: v["phrases"]["words"].__setitem__(0, [["n"] * 65]), "lists of 1 to 64"),
        (lambda v: v["phrases"]["words"].__setitem__(0, [[""]]), "1 to 40 phonemes"),
        (lambda v: v["phrases"]["words"].__setitem__(0, [["n " * 41]]), "1 to 40 phonemes"),
        (lambda v: v["phrases"]["words"].__setitem__(0, [[7]]), "1 to 40 phonemes"),
        (lambda v: v["phrases"]["words"].__setitem__(0, [["_blank_"]]), "is no phoneme"),
        (lambda v: v["phrases"].__setitem__("slope", -1), "'slope' must be 0 to"),
        (lambda v: v["phrases"]["centres"].__setitem__(0, 1e9), "'0' must be"),
        (lambda v: v.__setitem__("schema", 1), "'phrases' goes with schema 3 and no other"),
        (lambda v: v.__setitem__("schema", 4), "this version reads 1 to 3"),
        (lambda v: v.__setitem__("task", "commands"), "phrases: are for the task wake-words"),
        (lambda v: v.__setitem__("warping", {}), "has no warping"),
    ],
)
def test_a_hostile_contract_is_refused_in_one_line(typed, change, reason):
    with pytest.raises(ModelError, match=reason) as info:
        parse_model(hostile(typed, change), "hostile.tflite")
    assert "\n" not in str(info.value)


def test_a_network_of_something_else_is_refused(typed):
    other = pack(packaged_model().network, typed.metadata)
    with pytest.raises(ModelError):
        KeywordSpotter(parse_model(other, "other.tflite"))


def test_phrases_without_a_file():
    spotter = KeywordSpotter(typed_model(phoneme_model(), ["good night"]), sample_rate=8000)
    assert spotter.keywords == ("good night",)
