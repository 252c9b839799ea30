"""The file that `kws train --phrases` takes: phrases, and what is special to each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError
from kws.grammar.yaml_text import List, Mapping, Node, Text, read_yaml

#: Bytes of the file, at most.
MOST_BYTES = 4 << 20


@dataclass(frozen=True)
class ListedPhrase:
    """A phrase of the list.

    Attributes
    ----------
    phrase : str
        As it is written.
    positives : tuple of Path
        Folders of its recordings; none if it is synthesized only.
    language : str or None
        As espeak-ng names it; None for that of the command line.
    synthesize : int or None
        Times that text to speech says it; None for those of the command line.
    """

    phrase: str
    positives: tuple[Path, ...] = ()
    language: str | None = None
    synthesize: int | None = None


def read_phrases(path: Path) -> list[ListedPhrase]:
    """Read a list of phrases.

    Parameters
    ----------
    path : Path
        A list of phrases in YAML; or a mapping of phrases to ``positives``, ``language`` and
        ``synthesize``. Folders are relative to that of the file.

    Returns
    -------
    list of ListedPhrase
        In the order of the file.

    Raises
    ------
    KwsError
        If it cannot be read, or holds something else.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise KwsError(f"{path}: larger than {MOST_BYTES >> 20} MB: list fewer phrases")
        top = read_yaml(content.decode(), str(path))
    except OSError as error:
        raise KwsError(f"{path}: cannot be read ({error.strerror}): check the path") from None
    except UnicodeDecodeError:
        raise KwsError(f"{path}: is not in UTF-8: save it as UTF-8") from None
    if isinstance(top, List):
        listed = [ListedPhrase(_text(path, one)) for one in top.items]
    elif isinstance(top, Mapping):
        listed = [
            _phrase(path, top.lines[phrase], phrase, node) for phrase, node in top.items.items()
        ]
    else:
        listed = []
    if not listed:
        raise KwsError(f"{path}: no phrases: write one a line, as - hey device")
    return listed


def _phrase(path: Path, line: int, phrase: str, node: Node) -> ListedPhrase:
    """Read what is special to a phrase."""
    if not isinstance(node, Mapping):
        raise KwsError(
            f"{path}: line {line}: {phrase!r:.60}: write positives: FOLDER below it, or {{}} after "
            "the colon"
        )
    for name in node.items:
        if name not in ("positives", "language", "synthesize"):
            raise KwsError(
                f"{path}: line {node.lines[name]}: {name!r:.40}: a phrase has positives, language "
                "and synthesize"
            )
    folders = node.items.get("positives", List((), line))
    given = folders.items if isinstance(folders, List) else (folders,)
    language = node.items.get("language")
    times = node.items.get("synthesize")
    synthesize = None
    if times is not None:
        text = _text(path, times)
        if not text.isdecimal():
            raise KwsError(f"{path}: line {times.line}: synthesize {text!r:.40}: is no number")
        synthesize = int(text)
    return ListedPhrase(
        phrase,
        tuple(path.parent / _text(path, one) for one in given),
        None if language is None else _text(path, language),
        synthesize,
    )


def _text(path: Path, node: Node) -> str:
    if not isinstance(node, Text):
        raise KwsError(f"{path}: line {node.line}: a text is wanted here")
    return node.text
