"""Who trains, validates and is held out, as the options of `kws train` say."""

import argparse
import dataclasses
import shutil

import pytest

from kws.cli.main import main
from kws.errors import KwsError
from kws_training.cli.train import TRAIN
from kws_training.cli.train_config import CommandConfig, SoundConfig, WakeWordConfig, config_of
from kws_training.cli.train_files import split_clips


def parse(*arguments):
    parser = argparse.ArgumentParser()
    TRAIN.configure(parser)
    return config_of(parser.parse_args([*map(str, arguments), "--output", "model.tflite"]))


def speakers(parts):
    return [{clip.speaker for clip in part} for part in parts]


@pytest.fixture
def listed(words, tmp_path):
    """The made-up words with official lists: speakers 1 and 2 validate, 3 and 4 test."""
    folder = tmp_path / "words"
    shutil.copytree(words, folder)
    for name, who in (("validation", "12"), ("testing", "34")):
        files = [path for path in folder.rglob("*.wav") if path.name[7] in who]
        names = sorted(path.relative_to(folder).as_posix() for path in files)
        (folder / f"{name}_list.txt").write_text("\n".join(names))
    return folder


def test_official_lists(listed):
    training, validation, test = speakers(split_clips(parse("--data", listed, "--split", "split")))
    assert validation == {"speaker1", "speaker2"}
    assert test == {"speaker3", "speaker4"}
    assert len(training) == 6


def test_a_column_without_validation_leaves_it_to_a_share(listed):
    (listed / "validation_list.txt").unlink()
    parts = speakers(split_clips(parse("--data", listed, "--split", "split")))
    assert parts[1]
    assert parts[2] == {"speaker3", "speaker4"}
    assert len(set.union(*parts)) == sum(map(len, parts)) == 10


def by_folder(words, folder, **sides):
    """Copy speakers to folders train, val and test."""
    for side, who in sides.items():
        for path in words.rglob("*.wav"):
            if path.name[7] in who:
                target = folder / side / path.parent.name / path.name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
    return folder


def test_folders_of_ones_own(words, tmp_path):
    folder = by_folder(words, tmp_path, train="012345", val="67", test="89")
    data = ("--data", folder / "train")
    given = (*data, "--validation-data", folder / "val", "--test-data", folder / "test")
    _, validation, test = speakers(split_clips(parse(*given)))
    assert (validation, test) == ({"speaker6", "speaker7"}, {"speaker8", "speaker9"})
    # with only one of them, the other comes from the data
    parts = speakers(split_clips(parse(*data, "--test-data", folder / "test")))
    assert parts[2] == {"speaker8", "speaker9"}
    assert len(parts[0] | parts[1]) == 6
    parts = speakers(
        split_clips(parse(*data, "--validation-data", folder / "val", "--hold-out", "0.5"))
    )
    assert parts[1] == {"speaker6", "speaker7"}
    assert parts[2]
    assert len(parts[0] | parts[2]) == 6


def test_a_word_that_is_only_tested(words, tmp_path):
    folder = by_folder(words, tmp_path, train="012345", test="89")
    (folder / "test" / "rise").rename(folder / "test" / "jump")
    config = parse("--data", folder / "train", "--test-data", folder / "test")
    with pytest.raises(KwsError, match="jump has no recordings to train with"):
        split_clips(config)
    # then it is any other word
    assert split_clips(dataclasses.replace(config, keywords=["rise", "fall"]))[2]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--split", "split", "--test-data", "{words}"], "--split says who validates"),
        (["--split", "split", "--hold-out", "0.1"], "--hold-out: --split and --test-data say"),
        (["--test-data", "{words}", "--hold-out", "0.1"], "--hold-out: --split and --test-data"),
        (["--validation-data", "{words}"], "its speaker is in training"),
        (["--split", "room"], "nothing says its 'room': the columns are split"),
        (["--test-data", "{words}/nowhere"], "no such folder"),
    ],
)
def test_options_that_contradict_each_other(listed, tmp_path, capsys, arguments, reason):
    arguments = [argument.format(words=listed) for argument in arguments]
    output = tmp_path / "model.tflite"
    assert main(["train", "--data", str(listed), "--output", str(output), *arguments]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["--data", "."], CommandConfig),
        (["--task", "sounds", "--data", "."], SoundConfig),
        (["--wake-word", "a", "--negatives", "."], WakeWordConfig),
        (["--task", "wake-words", "--wake-word", "a", "--negatives", "."], WakeWordConfig),
    ],
)
def test_each_task_has_its_configuration(arguments, kind):
    assert type(parse(*arguments)) is kind


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--wake-word", "a", "--negatives", ".", "--tap", "3"], "--tap: is not for --task wake"),
        (["--task", "sounds", "--data", ".", "--steps", "9"], "is for --task wake-words"),
        (["--task", "commands", "--data", ".", "--wake-word", "a"], "--wake-word: is not for"),
        (["--task", "wake-words"], "--wake-word: give the phrase"),
        (["--data", ".", "--tap", "15"], "YAMNet has layers 1 to 14"),
        (["--task", "sounds", "--data", ".", "--tap", "0"], "YAMNet has layers 1 to 14"),
        (["--data", ".", "--copies", "0"], "--copies 0: must be at least 1"),
    ],
)
def test_what_a_task_does_not_take_is_refused_by_its_name(arguments, reason):
    with pytest.raises(KwsError, match=reason):
        parse(*arguments)


def test_old_spellings_go_on_with_a_note(capsys):
    config = parse("--task", "sounds", "--data", ".", "--folds", "fold")
    assert config == parse("--task", "sounds", "--data", ".", "--fold-column", "fold")
    assert capsys.readouterr().err.splitlines() == [
        "kws: --folds is called --fold-column now: the next release takes the new name only"
    ]
    assert parse("--wake-word", "a", "--negatives", ".", "--members", "1").ensemble == 1
    assert "--ensemble" in capsys.readouterr().err
