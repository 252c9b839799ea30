"""Settings in TOML, by name from a package or as a user's own file, checked key by key."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from kws.errors import KwsError

#: Bytes of the largest file taken.
LARGEST = 1 << 16


@dataclass(frozen=True)
class Settings:
    """One kind of settings.

    Attributes
    ----------
    kind : str
        What messages call it.
    folder : Traversable
        Of the package, with those that have a name: ``<name>.toml``.
    else_give : str
        What may be given in place of a name, for messages.
    schema : callable
        Returns the pydantic model that checks the keys. Called late: pydantic is not light.
    first_wrong : callable
        Says in one line what pydantic's error found first.
    error : type of KwsError
        What is raised.
    """

    kind: str
    folder: Traversable
    else_give: str
    schema: Callable[[], type[Any]]
    first_wrong: Callable[[Any], str]
    error: type[KwsError]

    def names(self) -> tuple[str, ...]:
        """List the settings that have a name.

        Returns
        -------
        tuple of str
            The names in the package, in alphabetical order.
        """
        names = (entry.name for entry in self.folder.iterdir())
        return tuple(sorted(name[: -len(".toml")] for name in names if name.endswith(".toml")))

    def read(self, name_or_path: str | Path) -> Any:
        """Read settings and check them.

        Parameters
        ----------
        name_or_path : str or Path
            One of `names`, else the path of a TOML file.

        Returns
        -------
        object
            The checked settings, an object of the schema.

        Raises
        ------
        KwsError
            Of the kind ``error``, if there are no such settings, the file is not TOML, or a key
            or value is wrong.
        """
        name = str(name_or_path)
        if name in self.names():
            return self._checked((self.folder / f"{name}.toml").read_bytes(), name)
        return self._checked(self._content(Path(name_or_path), name), name)

    def _content(self, path: Path, name: str) -> bytes:
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise self.error(f"{name}: is not a file: give a {self.kind} in TOML")
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except FileNotFoundError:
            raise self.error(
                f"{name}: no such {self.kind}: give one of {', '.join(self.names())}, "
                f"{self.else_give}"
            ) from None
        except (OSError, ValueError) as error:  # ValueError: a null byte in the path
            reason = getattr(error, "strerror", None) or error
            raise self.error(f"{name!r}: cannot be read: {reason}") from None
        if len(content) > LARGEST:
            raise self.error(f"{name}: is larger than {LARGEST >> 10} kB: this is no {self.kind}")
        return content

    def _checked(self, content: bytes, name: str) -> Any:
        import pydantic

        try:
            values = tomllib.loads(content.decode())
        except UnicodeDecodeError:
            raise self.error(f"{name}: is not UTF-8 text: save it as such") from None
        except (ValueError, RecursionError) as error:
            raise self.error(f"{name}: is not TOML: {error}") from None
        try:
            return self.schema().model_validate(values)
        except pydantic.ValidationError as error:
            raise self.error(f"{name}: {self.first_wrong(error)}") from None
