"""Train a small command model from a folder of recordings, in Python.

Shows what `kws train` does: find the recordings, split them by speaker, train a head on the word
base in the package, and write one model file. Needs the extra `train`. The folder has one
sub-folder per word, with files such as `anna_nohash_0.wav`.

    python examples/train_model.py recordings model.tflite
"""

import sys
from pathlib import Path

from kws.modelfile import parse_model, write_model
from kws_training.augmentation.recipe import read_recipe
from kws_training.commands.defaults import CommandOptions
from kws_training.commands.train import train
from kws_training.data.dataset import find_clips
from kws_training.data.splits import split
from kws_training.data.training_files import TrainingFiles
from kws_training.data.unlabelled import find_background


def main(folder: str, output: str) -> None:
    """Train on a folder, and write the model file."""
    clips = find_clips([Path(folder)])
    training, validation = split(clips, fraction=0.1)  # no speaker is on both sides
    trained = train(
        TrainingFiles(training, validation, noise=find_background([Path(folder)])),
        yamnet=None,  # the word base alone needs no weights of YAMNet
        base=None,  # the word base in the package
        augmentation=read_recipe("light"),
        options=CommandOptions(extractor="words", copies=2, epochs=2),
    )
    model = parse_model(trained.content, output)
    write_model(output, model.network, model.metadata)
    report = trained.validation
    print(f"accuracy on validation speakers: {report.accuracy:.1%} of {report.clips} clips")
    print(f"keywords: {', '.join(model.metadata.keywords)}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
