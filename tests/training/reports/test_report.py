"""The folder of a report: everything on the page is there, and nothing on it is trusted."""

import json
import wave
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from kws.frontend import WORDS, YAMNET, JoinedConfig
from kws.markdown import code
from kws.modelfile import read_model
from kws_training.data.dataset import Clip, Skipped
from kws_training.evaluation.evaluate import Evaluation, count_results
from kws_training.evaluation.groups import group_results
from kws_training.evaluation.results import ClipResult
from kws_training.reports.card import model_card
from kws_training.reports.report import ReportError, check_folder, write_report

MODEL = Path(__file__).resolve().parents[3] / "kws" / "models" / "commands.tflite"
NASTY = "<script>alert(1)</script> $\\frac{1}$ | `x` \"'&"


def evaluation(rename=None, provenance=None, wrong=3):
    """Sixty clips of two words by three speakers, some of them taken for the other word."""
    rename = rename or {}
    model = read_model(MODEL)
    metadata = replace(
        model.metadata,
        labels=tuple(rename.get(label, label) for label in model.metadata.labels),
        operating_points=tuple(
            replace(point, keyword=rename.get(point.keyword, point.keyword))
            for point in model.metadata.operating_points
        ),
        provenance=model.metadata.provenance if provenance is None else provenance,
    )
    results = []
    for n in range(60):
        said, other = ("yes", "no") if n % 2 else ("no", "yes")
        said, other = rename.get(said, said), rename.get(other, other)
        path = Path("data") / said.replace("/", "_") / f"s{n % 3}_nohash_{n}.wav"
        heard = other if n < wrong else said
        results.append(ClipResult(Clip(path, said, said, f"s{n % 3}"), heard, 0.5 + n / 200))
    skipped = [Skipped(Path(f"data/{NASTY}.wav".replace("/script", "")), "is empty")]
    report = count_results(results, metadata.labels, skipped)
    groups = {"speaker": group_results(report.results, "speaker")}
    return Evaluation(replace(model, metadata=metadata), 142_000, ("data",), report, groups)


def audio_of(one):
    return [np.full(1600, n, np.int16) for n in range(one.report.clips)]


def written(folder, one):
    write_report(folder, one, audio_of(one), one.report.to_dict())
    return (folder / "index.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its tags are in order."""

    VOID = frozenset({"meta", "img", "source", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.tags, self.text = [], [], set(), ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            assert not name.startswith("on")
            if name in ("src", "href", "srcset"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


CURVE = [{"recordings": 100 * 2**n, "accuracy": 0.7 + 0.08 * n, "clips": 300} for n in range(4)]


def test_page_shows_what_lies_beside_it(tmp_path):
    one = evaluation(provenance={"learning_curve": CURVE})
    page = Page(written(tmp_path / "report", one))
    for link in page.links:
        assert (tmp_path / "report" / link).is_file(), link
    files = {p.relative_to(tmp_path / "report").as_posix() for p in tmp_path.rglob("*.*")}
    dark = {name.replace("light", "dark") for name in files if "light" in name}
    assert dark | {"card.md", "report.json"} <= files
    assert {"wrong/001.wav", "curve-light.png", "confusion-light.png"} <= set(page.links)
    assert "95.0 %" in page.text  # 57 of 60
    assert "From 400 to 800 recordings" in page.text
    assert "1 recordings were not judged" in page.text


def test_clips_that_went_wrong_can_be_played_the_surest_first(tmp_path):
    one = evaluation(wrong=3)
    written(tmp_path / "report", one)
    values = []
    for name in sorted((tmp_path / "report" / "wrong").iterdir()):
        with wave.open(str(name)) as file:
            assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (16000, 2, 1)
            values.append(int.from_bytes(file.readframes(1), "little"))
    assert values == [2, 1, 0]  # the clips' numbers; the score grows with them
    mistakes = json.loads((tmp_path / "report" / "report.json").read_text())["mistakes"]
    assert [m["score"] for m in mistakes] == pytest.approx([0.51, 0.505, 0.5])


def test_at_most_a_hundred_clips_are_copied(tmp_path):
    one = evaluation()
    many = one.report.results * 40  # 120 of them wrong
    report = count_results(
        [replace(result) for result in many], one.model.metadata.labels, []
    )  # each an object of its own, as in an evaluation
    one = replace(one, report=report)
    page = Page(written(tmp_path / "report", one))
    assert len(list((tmp_path / "report" / "wrong").iterdir())) == 100
    assert "The 100 of 120 clips" in page.text


def test_nothing_wrong_is_said(tmp_path):
    page = Page(written(tmp_path / "report", evaluation(wrong=0)))
    assert "every clip was recognised" in page.text
    assert not (tmp_path / "report" / "wrong").exists()


def test_labels_paths_and_provenance_are_not_trusted(tmp_path):
    deep = {"recipe": {NASTY: [{"x": NASTY}]}, "bell": "\a\u202e"}
    for _ in range(300):
        deep = {"deep": deep}
    one = evaluation({"yes": NASTY}, provenance={"learning_curve": "<b>", "a": deep})
    page = Page(written(tmp_path / "report", one))
    assert "script" not in page.tags
    assert NASTY in page.text
    assert "cannot be read: learning_curve must be a list" in page.text
    card = (tmp_path / "report" / "card.md").read_text(encoding="utf-8")
    assert "\a" not in card
    assert "\u202e" not in card
    assert "<script" not in card
    rows = [line for line in card.splitlines() if line.startswith("| <code>&lt;script&gt;")]
    assert rows  # of its class and of its operating point
    for row in rows:
        assert row.count("`") % 2 == 0
        assert row.replace("\\|", "").count("|") in (5, 7)


def test_sounds_without_silence_and_unknown(tmp_path):
    one = evaluation({"yes": "rain", "no": "dog", "_silence_": "sea", "_unknown_": "cow"})
    metadata = replace(one.model.metadata, operating_points=())
    one = replace(one, model=replace(one.model, metadata=metadata), groups={})
    page = Page(written(tmp_path / "report", one))
    assert "The model file states none." in page.text
    assert "say nothing that they could be grouped by" in page.text
    assert "--learning-curve stores one" in page.text


def test_many_classes_and_letters_of_other_scripts(tmp_path):
    labels = [f"класс {n} نعم 好" for n in range(80)]
    results = [
        ClipResult(Clip(Path(f"d/{n}/a.wav"), label, label, "a"), labels[(n + n % 2) % 80], 0.5)
        for n, label in enumerate(labels)
    ]
    one = replace(evaluation(), report=count_results(results, labels, []))
    assert labels[79] in Page(written(tmp_path / "report", one)).text


def test_card_states_the_figures():
    card = model_card(evaluation())
    assert "**Accuracy 95.0 % (86.1 to 99.0)** of 60 clips, 3 speakers" in card
    assert "`recipe.temperature`: `2.0`" in card
    assert "| `no` | 0.80 | 2.75 (0.57 to 8.02) | 1.09 | 6.1 % (2.5 to 12.2) | 114 |" in card
    assert "Worst `speaker`: `s0`" in card
    assert "Yours to fill in" in card


def test_a_class_without_clips_has_a_dash_for_its_recall(tmp_path):
    made = evaluation()
    first = made.report.results[0]
    results = [replace(first, heard="up"), *made.report.results[1:]]
    report = count_results(results, made.model.metadata.labels, [])
    made = replace(made, report=report)
    page = written(tmp_path / "report", made)
    assert "0.0 % (0.0 to 100.0)" not in page
    assert "–</td>" in page
    assert "| `up` | 0 | 0.0 % (0.0 to 97.5) | – |" in model_card(made)


def test_card_names_joined_front_ends():
    one = evaluation()
    front_end = JoinedConfig((YAMNET, WORDS))
    metadata = replace(one.model.metadata, front_end=front_end)
    card = model_card(replace(one, model=replace(one.model, metadata=metadata)))
    assert "64 bands from 125 to 7500 Hz, window 25 ms, hop 10 ms; and 40 bands from 0" in card


def test_an_older_report_is_replaced_and_nothing_else_is_left(tmp_path):
    folder = tmp_path / "report"
    written(folder, evaluation(provenance={"learning_curve": CURVE}))
    written(folder, evaluation(wrong=0))
    assert not (folder / "curve-light.png").exists()
    assert not (folder / "wrong").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    (tmp_path / "empty").mkdir()
    written(tmp_path / "empty", evaluation())


def test_other_folders_are_not_overwritten(tmp_path):
    written(tmp_path / "report", evaluation())
    (tmp_path / "report" / "notes.txt").write_text("mine")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name, reason in (
        ("report", "notes.txt"),
        ("photos", "cat.png"),
        ("file", "is a file"),
        ("no/such", "no such folder"),
        (".", "no report of kws"),
        ("a\0b", "cannot be used"),
    ):
        with pytest.raises(ReportError, match=reason):
            check_folder(tmp_path / name)
    (tmp_path / "report" / "notes.txt").unlink()
    (tmp_path / "report" / "wrong" / "my.wav").write_text("mine")
    with pytest.raises(ReportError, match=r"wrong/my\.wav"):
        written(tmp_path / "report", evaluation())


def test_a_report_that_fails_leaves_the_older_one(tmp_path):
    folder = tmp_path / "report"
    before = written(folder, evaluation())
    one = evaluation(wrong=5)
    with pytest.raises(IndexError):
        write_report(folder, one, audio_of(one)[:3], one.report.to_dict())
    assert (folder / "index.html").read_text(encoding="utf-8") == before
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_a_label_is_no_markup_in_a_card():
    assert code("<script>alert(1)</script>|`") == (
        "<code>&lt;script&gt;alert(1)&lt;/script&gt;\\|&#x27;</code>"
    )
    assert code("yes") == "`yes`"
