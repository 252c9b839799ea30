import shutil
from pathlib import Path

import pytest

from kws.errors import KwsError, ModelError
from kws.serving import catalog as catalog_module
from kws.serving.catalog import Catalog
from kws.serving.tuning import Tuning

MODELS = Path(__file__).resolve().parents[3] / "kws" / "models"


def names(offer):
    return [model.name for model in offer.models]


def test_a_keyword_of_two_models_has_two_names():
    offer = Catalog(["commands", "words"], Tuning()).offer()
    words = {word.name: word.model.name for word in offer.words}
    assert words["yes"] == "commands"
    assert words["words:yes"] == "words"
    assert words["cat"] == "words"
    chosen, unknown = offer.choose(["words:yes", "commands:no", "cat", "absent"])
    assert unknown == ["absent"]
    assert {one.model.name: one.names for one in chosen} == {
        "words": {"yes": "words:yes", "cat": "cat"},
        "commands": {"no": "commands:no"},
    }
    every, _ = offer.choose(None)
    assert sum(len(one.names) for one in every) == len(words)


def test_one_model_and_its_keywords():
    offer = Catalog(["commands", "words"], Tuning()).offer()
    assert offer.choose_model(None, None).model.name == "commands"
    assert offer.choose_model("words", ["cat"]).names == {"cat": "cat"}
    for model, keywords, word in (
        ("absent", None, "commands"),
        ("commands", ["cat"], "no keyword of commands"),
        ("words", [], "no keyword is named"),
    ):
        with pytest.raises(ModelError, match=word):
            offer.choose_model(model, keywords)


def test_a_folder_changes_while_it_is_served(folder, capsys):
    catalog = Catalog([str(folder)], Tuning())
    assert names(catalog.offer()) == ["commands"]
    (first,) = catalog.offer().models
    assert catalog.offer().models[0] is first, "what has not changed is not read again"

    shutil.copy(MODELS / "words.tflite", folder / "half.tflite")
    whole = (folder / "half.tflite").read_bytes()
    (folder / "half.tflite").write_bytes(whole[:1000])
    for _ in range(3):
        assert names(catalog.offer()) == ["commands"]
    assert capsys.readouterr().err.count("half.tflite") == 1, "it is named once"

    (folder / "half.tflite").write_bytes(whole)
    (folder / ".hidden.tflite").write_bytes(whole)
    (folder / "notes.txt").write_text("of no model")
    assert names(catalog.offer()) == ["commands", "half"]

    (folder / "commands.tflite").unlink()
    assert names(catalog.offer()) == ["half"]
    shutil.rmtree(folder)
    assert names(catalog.offer()) == []
    with pytest.raises(ModelError, match="no model"):
        catalog.offer().choose_model(None, None)


def test_another_file_under_the_same_name_is_another_model(folder):
    catalog = Catalog([str(folder)], Tuning())
    (before,) = catalog.offer().models
    shutil.copy(MODELS / "commands-small.tflite", folder / "new")
    (folder / "new").replace(folder / "commands.tflite")
    (after,) = catalog.offer().models
    assert (before.name, after.name) == ("commands", "commands")
    assert before.version != after.version


def test_a_named_file_that_changes_keeps_its_name_however_it_was_spelled(folder, monkeypatch):
    monkeypatch.chdir(folder)
    catalog = Catalog(["./commands.tflite"], Tuning())
    assert names(catalog.offer()) == ["commands"]
    shutil.copy(MODELS / "commands-small.tflite", folder / "new")
    (folder / "new").replace(folder / "commands.tflite")
    assert names(catalog.offer()) == ["commands"]


def test_a_file_that_nobody_foresaw_is_left_out_and_the_others_stay(folder, monkeypatch, capsys):
    catalog = Catalog([str(folder)], Tuning())

    def fail(path):
        raise IndexError("list index out of range")

    monkeypatch.setattr(catalog_module, "read_model", fail)
    shutil.copy(MODELS / "words.tflite", folder)
    for _ in range(2):
        assert names(catalog.offer()) == ["commands"]
    assert capsys.readouterr().err.count("words.tflite: unexpected IndexError") == 1


def test_two_files_of_one_name_can_be_told_apart(folder):
    offer = Catalog(["commands", str(folder)], Tuning()).offer()
    assert names(offer) == ["commands", "commands-2"]
    assert offer.choose(["commands-2:yes"])[0][0].model is offer.models[1]


def test_a_file_that_was_named_must_be_a_model(folder, tmp_path):
    (tmp_path / "page.tflite").write_text("<html>not found</html>")
    for source in (tmp_path / "page.tflite", tmp_path / "absent.tflite"):
        with pytest.raises(ModelError, match=source.name):
            Catalog([str(source)], Tuning())
    catalog = Catalog([str(folder / "commands.tflite")], Tuning())
    (folder / "commands.tflite").unlink()
    assert catalog.offer().models == ()


def test_no_more_models_than_there_is_room_for(folder, monkeypatch, capsys):
    monkeypatch.setattr(catalog_module, "MOST_MODELS", 2)
    for number in range(3):
        shutil.copy(folder / "commands.tflite", folder / f"copy{number}.tflite")
    catalog = Catalog([str(folder)], Tuning())
    assert len(catalog.offer().models) == 2
    assert capsys.readouterr().err.count("2 models") == 1


def test_thresholds_and_refractory_periods_of_single_words(folder):
    tuning = Tuning({"yes": 0.5, "words:no": 0.25}, {"yes": 5.0, "no": 0.1})
    commands, words = Catalog(["commands", "words"], tuning).offer().models
    assert commands.file.metadata.detector.thresholds["yes"] == 0.5
    assert words.file.metadata.detector.thresholds["yes"] == 0.5
    assert commands.file.metadata.detector.thresholds["no"] != 0.25
    assert words.file.metadata.detector.thresholds["no"] == 0.25
    assert commands.file.metadata.detector.refractory == 0.1
    own = Catalog(["commands"], Tuning()).offer().models[0]
    assert not own.refractory
    usual = own.file.metadata.detector.refractory
    assert (commands.refractory["yes"], commands.refractory["go"]) == (5.0, usual)


def test_tuning_of_a_word_that_is_not_there(folder, capsys):
    with pytest.raises(KwsError, match="'jes' is no keyword"):
        Catalog(["commands"], Tuning({"jes": 0.5}))
    Catalog([str(folder)], Tuning({"later": 0.5}))  # a folder may bring it
    assert "'later'" in capsys.readouterr().err
