"""Pushes a model and its card to the Hugging Face Hub, in one commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..modelfile import ModelFile
from .card import CardDetails, hub_card
from .client import PATIENCE, HubError, calm, expected_errors, explain, import_hub, in_one_line
from .download import MODEL_NAME
from .name import HubName

#: Name of the card in a repository.
CARD_NAME = "README.md"


@dataclass(frozen=True)
class PushedModel:
    """A model that is on the Hub now.

    Attributes
    ----------
    url : str
        The page of the repository.
    commit : str
        The commit; the newest one where the Hub had the same files already.
    """

    url: str
    commit: str


def push_model(
    model: ModelFile,
    content: bytes,
    name: HubName,
    details: CardDetails | None,
    text: str | None = None,
    private: bool = False,
) -> PushedModel:
    """Push a model file, with its card, to a repository; both are made if they are not there.

    Parameters
    ----------
    model : ModelFile
        The model.
    content : bytes
        The whole model file.
    name : HubName
        The repository; its revision is the branch to push to, which is made if it is not there.
    details : CardDetails or None
        What the card says that no model file holds; None to leave the repository's card as it is.
    text : str, optional
        A card of the user's own; see `kws.hub.card.hub_card`.
    private : bool
        Whether the repository must be private; a new one is made so.

    Returns
    -------
    PushedModel

    Raises
    ------
    HubError
        If huggingface_hub is missing, the token may not do that, the Hub cannot be reached, or
        the repository is there and not private.
    """
    hub = import_hub(str(name))
    files = {MODEL_NAME: content}
    if details is not None:
        files[CARD_NAME] = hub_card(hub, model, content, name.repository, details, text).encode()
    with calm(hub):
        try:
            return _push(hub, name, files, private)
        except expected_errors(hub) as error:
            raise HubError(f"{name}: {explain(hub, error, name.repository)}") from error
        except ValueError as error:
            words = in_one_line(error)
            raise HubError(f"{name}: the Hub refuses the card: mend it ({words})") from error


def _push(hub: Any, name: HubName, files: dict[str, bytes], private: bool) -> PushedModel:
    """Make the repository and the branch if need be, and commit the files."""
    client = hub.HfApi()
    client.create_repo(name.repository, private=private or None, exist_ok=True)
    # of a repository that is there, create_repo leaves who may see it as it is
    if private and not client.model_info(name.repository, timeout=PATIENCE).private:
        raise HubError(
            f"{name}: is there, and everybody can read it: make it private in its settings, or "
            "push to another name"
        )
    if name.revision is not None:
        client.create_branch(name.repository, branch=name.revision, exist_ok=True)
    commit = client.create_commit(
        name.repository,
        operations=[
            hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)
            for path, content in files.items()
        ],
        commit_message=f"Upload {MODEL_NAME} with kws",
        revision=name.revision,
    )
    return PushedModel(f"{hub.constants.ENDPOINT}/{name.repository}", str(commit.oid))
