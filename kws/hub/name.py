"""What names a model on the Hugging Face Hub: ``org/name``, and a revision if one is meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

#: One part of the name of a repository, as the Hub takes it.
_PART = r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?"
#: Two parts, and a branch, a tag or a commit behind an at sign.
_NAME = re.compile(rf"({_PART}/{_PART})(?:@([\w][\w./-]{{0,199}}))?", re.ASCII)
#: What ends in one of these is a file that somebody mistyped, and no repository.
_FILES = (".tflite", ".git")


@dataclass(frozen=True)
class HubName:
    """The name of a repository on the Hub.

    Attributes
    ----------
    repository : str
        ``org/name``.
    revision : str or None
        A branch, a tag or a commit; None for the repository's main branch.
    """

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


def parse_name(text: str | Path) -> HubName | None:
    """Return the name of a repository that a text is.

    Parameters
    ----------
    text : str or Path
        What a person gave where a model is wanted.

    Returns
    -------
    HubName or None
        None if the text is not ``org/name`` or ``org/name@revision``.

    Examples
    --------
    >>> parse_name("anna/lights@v2")
    HubName(repository='anna/lights', revision='v2')
    >>> parse_name("build/model.tflite") is None
    True
    """
    match = _NAME.fullmatch(str(text))
    if match is None or ".." in str(text) or "--" in match.group(1):
        return None
    if match.group(1).endswith(_FILES):
        return None
    return HubName(match.group(1), match.group(2))


def hub_name(model: str | Path) -> HubName | None:
    """Return the repository that a text names; what is there under that path goes before it.

    Parameters
    ----------
    model : str or Path
        What a person gave where a model is wanted.

    Returns
    -------
    HubName or None
        None if the text names no repository, or there is a file or a folder of that path.
    """
    name = parse_name(model)
    try:
        return None if name is None or Path(model).exists() else name
    except OSError:  # a folder that may not be entered: the reader of files says so
        return None
