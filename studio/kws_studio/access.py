"""Who may use the studio: this machine, who has the token, and who was invited to record."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kws.files import whole_file
from kws.serving.origins import OriginRules

#: Random bytes of a token.
TOKEN_BYTES = 18
#: Where invited people record.
INVITED = "/say/"


@dataclass(frozen=True)
class Access:
    """Who may use a studio.

    Attributes
    ----------
    token : str or None
        What a request must bring; None where only this machine can ask.
    cookie : str
        Name of the cookie that holds it: cookies of two ports are not told apart.
    rules : OriginRules
        Which pages may ask.
    """

    token: str | None
    cookie: str
    rules: OriginRules = field(default_factory=OriginRules)

    def allows(self, given: str | None) -> bool:
        """Tell whether a token is the right one.

        Parameters
        ----------
        given : str or None
            What came.
        """
        if self.token is None:
            return True
        return given is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def allows_request(self, headers: Mapping[str, str]) -> str | None:
        """Return why a page may not ask; None if it may.

        Parameters
        ----------
        headers : mapping of str to str
            Of the request.
        """
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if not self.rules.allows_host(host):
            return f"host {host!r:.100} is not this machine: ask by its number or name"
        if not self.rules.allows_origin(origin, host):
            return f"pages of {origin!r:.100} may not use this studio"
        return None


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Invitation:
    """The link by which others record for a project, and may do nothing else.

    Parameters
    ----------
    root : Path
        The project's folder: the link stays the same when the studio starts again.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / "jobs" / ".invitation"

    @property
    def code(self) -> str | None:
        """What the link ends with; None where nobody is invited."""
        try:
            code = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return None
        return code if isinstance(code, str) and len(code) >= TOKEN_BYTES else None

    def open(self) -> str:
        """Invite, and return the code; the same one while people are invited."""
        code = self.code
        if code is None:
            code = new_token()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self._path) as stream:
                stream.write(json.dumps(code).encode())
        return code

    def close(self) -> None:
        """Invite nobody any more: the link leads nowhere."""
        self._path.unlink(missing_ok=True)

    def is_right(self, given: str) -> bool:
        """Tell whether a code is that of the link.

        Parameters
        ----------
        given : str
            What came.
        """
        code = self.code
        return code is not None and hmac.compare_digest(given.encode(), code.encode())
