"""The verb push: puts a model and its card on the Hugging Face Hub."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import KwsError
from ..modelfile import MAX_METADATA_BYTES
from ..packaged import find_model, model_content
from .arguments import MODEL_HELP, names
from .pull import repository
from .verb import Verb


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "name",
        type=repository,
        metavar="ORG/NAME[@BRANCH]",
        help="the repository on the Hub, and the branch; both are made if they are not there",
    )
    parser.add_argument(
        "--private", action="store_true", help="a repository that you alone can read"
    )
    card = parser.add_mutually_exclusive_group()
    card.add_argument(
        "--card",
        type=Path,
        metavar="FILE.md",
        help="your own card, such as kws evaluate --report writes; what its metadata does not say "
        "is added",
    )
    card.add_argument(
        "--no-card", action="store_true", help="leave the card in the repository as it is"
    )
    parser.add_argument(
        "--license", metavar="NAME", help="the licence as the Hub names it, such as apache-2.0"
    )
    parser.add_argument(
        "--language",
        type=names,
        default=[],
        metavar="A,B,…",
        help="codes of the languages of the keywords, such as en",
    )
    parser.add_argument(
        "--datasets",
        type=names,
        default=[],
        metavar="A,B,…",
        help="data sets on the Hub that the model was trained on, such as google/speech_commands",
    )
    parser.add_argument("--json", action="store_true", help="what was pushed as one JSON object")


def _run(options: argparse.Namespace) -> int:
    from ..hub.card import CardDetails
    from ..hub.upload import push_model

    model = find_model(options.model)
    content = model_content(options.model)
    text = None if options.card is None else _read_card(options.card)
    details = CardDetails(options.license, options.language, options.datasets)
    pushed = push_model(
        model,
        content,
        options.name,
        None if options.no_card else details,
        text,
        private=options.private,
    )
    if options.json:
        print(json.dumps({"url": pushed.url, "commit": pushed.commit}, indent=1))
    else:
        print(f"{pushed.url} has the model, at commit {pushed.commit}")
    return 0


def _read_card(path: Path) -> str:
    """Read a card of the user's own."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_METADATA_BYTES + 1)
    except OSError as error:
        raise KwsError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    if len(content) > MAX_METADATA_BYTES:
        raise KwsError(f"{path}: a card has at most {MAX_METADATA_BYTES} bytes: shorten it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KwsError(f"{path}: is not UTF-8: save the card as UTF-8") from None


PUSH = Verb(
    "push",
    "put a model and its card on the Hugging Face Hub",
    "kws push model.tflite anna/lights --license apache-2.0 --language en",
    _configure,
    _run,
)
