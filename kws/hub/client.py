"""The package huggingface_hub: found, kept from talking, and its errors in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..errors import KwsError
from ..installing import install_extra

#: Seconds to wait for a connection to the Hub, and for each piece that is sent or received:
#: huggingface_hub itself would wait for ever.
PATIENCE = 60.0
#: What people do to be known to the Hub.
LOG_IN = "log in (hf auth login, or HF_TOKEN)"


class HubError(KwsError):
    """A repository on the Hub that cannot be used."""


def import_hub(what: str) -> Any:
    """Return the package huggingface_hub.

    Parameters
    ----------
    what : str
        What needs it, as the beginning of the message where it is missing.

    Returns
    -------
    module

    Raises
    ------
    HubError
        If it is not installed, or has no folder for its cache.
    """
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise HubError(
            f"{what}: the Hugging Face Hub needs the huggingface_hub package: "
            f"{install_extra('hub')}"
        ) from None
    if huggingface_hub.constants.HF_HUB_CACHE.startswith("~"):  # as if that were a folder's name
        raise HubError(
            f"{what}: no home folder is known (HOME is not set): set HF_HOME to a folder that can "
            "be written, for what is downloaded"
        )
    return huggingface_hub


def expected_errors(hub: Any) -> tuple[type[Exception], ...]:
    """Return what calls of the Hub raise where something outside this program is the reason.

    Parameters
    ----------
    hub : module
        The package huggingface_hub.

    Returns
    -------
    tuple of type
        Among them what the operating system raises.
    """
    # HTTPError is of another package in each major version of huggingface_hub
    errors = hub.errors
    return (errors.HTTPError, errors.EntryNotFoundError, errors.HFValidationError, OSError)


@contextlib.contextmanager
def calm(hub: Any) -> Iterator[None]:
    """Keep huggingface_hub from logging, and from waiting for ever for a Hub that is silent.

    What goes wrong is said once, by the error. A program that has given huggingface_hub a client of
    its own keeps the patience of that one.

    Parameters
    ----------
    hub : module
        The package huggingface_hub.
    """
    before = hub.utils.logging.get_verbosity()
    session = hub.utils.get_session()
    patience = session.timeout
    hub.utils.logging.set_verbosity_error()
    if patience.read is None:
        session.timeout = PATIENCE
    try:
        yield
    finally:
        session.timeout = patience
        hub.utils.logging.set_verbosity(before)


def is_unreachable(hub: Any, error: Exception) -> bool:
    """Tell whether the Hub gave no answer of its own, so that a copy in the cache may serve.

    Parameters
    ----------
    hub : module
        The package huggingface_hub.
    error : Exception
        What a call raised.

    Returns
    -------
    bool
        True without a network, in offline mode, behind a login page, and where the Hub is
        overloaded or broken.
    """
    status = _status(error)
    if status is not None:
        return status == 429 or status >= 500
    errors = hub.errors
    return isinstance(
        error, errors.HTTPError | errors.OfflineModeIsEnabled | errors.FileMetadataError
    )


def explain(hub: Any, error: Exception, repository: str) -> str:
    """Say what went wrong with a repository, and what to do, as the end of a message.

    Parameters
    ----------
    hub : module
        The package huggingface_hub.
    error : Exception
        What a call raised.
    repository : str
        ``org/name``.

    Returns
    -------
    str
        One line.
    """
    errors, endpoint = hub.errors, hub.constants.ENDPOINT
    status = _status(error)
    known = [
        (
            errors.GatedRepoError,
            f"is gated: accept its conditions at {endpoint}/{repository}, then {LOG_IN}",
        ),
        (
            errors.RepositoryNotFoundError,
            "is no file here, and no repository on the Hub that you may read: check the name, and "
            f"{LOG_IN} for a private one",
        ),
        (
            errors.RevisionNotFoundError,
            "there is no such revision: name a branch, a tag or a commit of the repository",
        ),
        (errors.HFValidationError, "is no name of a repository: give org/name"),
        (
            errors.OfflineModeIsEnabled,
            "is not in the cache, and HF_HUB_OFFLINE forbids the network: fetch it once without",
        ),
        (
            errors.FileMetadataError,
            f"what answers at {endpoint} is not the Hub: check the network (a login page?) and "
            "HF_ENDPOINT",
        ),
    ]
    for kind, words in known:
        if isinstance(error, kind):
            return words
    if status is not None:
        return _of_status(error, status)
    if isinstance(error, errors.HTTPError):
        return (
            f"the Hub cannot be reached at {endpoint} ({_first_line(error)}): check the network; "
            "what is in the cache can be used without it"
        )
    if "Consistency check failed" in str(error):
        return "the file arrived incomplete: try again"
    return f"{_first_line(error)}: try again"


def _of_status(error: Exception, status: int) -> str:
    """Say what the status of an answer means."""
    if status == 401:
        return f"the Hub does not take the token, or wants one: {LOG_IN}"
    if status == 403:
        return (
            "the token may not do that: give it the permission on the Hub's page of tokens, or "
            f"{LOG_IN} with another"
        )
    if status == 404:
        return "the Hub does not have that: check the name"
    if status == 429:
        wait = error.response.headers.get("Retry-After", "")  # type: ignore[attr-defined]
        later = f"in {wait} seconds" if wait.isdecimal() else "in some minutes"
        return f"too many requests: try again {later}, or {LOG_IN}, which allows more"
    if status >= 500:
        return f"the Hub has an error of its own ({status}): try again later"
    return f"the Hub refuses it ({status}: {_first_line(error)}): check the name and the content"


def _status(error: Exception) -> int | None:
    """Return the status of the answer that an error tells of; None if there was none."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def in_one_line(error: Exception) -> str:
    """Return the text of an error as one line, short enough for a message.

    Parameters
    ----------
    error : Exception
        Any error.

    Returns
    -------
    str
    """
    return " ".join(str(error).split())[:300]


def _first_line(error: Exception) -> str:
    """Return the first line of an error's text that says something, short enough for a message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200].rstrip(".:")
