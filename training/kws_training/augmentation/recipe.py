"""Recipes: one TOML file says what augmentation does, and is checked key by key."""

from __future__ import annotations

import difflib
import functools
from dataclasses import fields
from importlib import resources
from pathlib import Path
from types import GenericAlias
from typing import Any

from kws.errors import KwsError

from ..data.settings import Settings
from .augment import Augmentation
from .effects import CODECS, check_codecs
from .snr import SNR_REFERENCES

#: Characters of a wrong value that a message shows.
_SHOWN = 60


class RecipeError(KwsError):
    """A recipe that cannot be used."""


def recipe_names() -> tuple[str, ...]:
    """List the recipes in the package.

    Returns
    -------
    tuple of str
        Their names in alphabetical order.
    """
    return _settings().names()


def read_recipe(recipe: str | Path) -> Augmentation:
    """Read a recipe; keys that it does not set stay as they are in ``light``.

    Parameters
    ----------
    recipe : str or Path
        The name of a recipe in the package (`recipe_names`), else the path of a TOML file.

    Returns
    -------
    Augmentation
        The settings.

    Raises
    ------
    RecipeError
        If there is no such recipe, it is not TOML, or a key or value is wrong.
    KwsError
        If it wants a codec that libsndfile cannot write here.
    """
    augmentation = Augmentation(**_settings().read(recipe).model_dump(exclude_unset=True))
    if augmentation.codecs > 0:
        check_codecs(augmentation.codec_names)
    return augmentation


def _settings() -> Settings:
    folder = resources.files(__package__) / "recipes"
    return Settings("recipe", folder, "or a TOML file", recipe_schema, _first, RecipeError)


@functools.cache
def recipe_schema() -> type[Any]:
    """Return the pydantic model that checks a recipe.

    Returns
    -------
    type
        The fields of `Augmentation` with their limits; no other key is allowed.
    """
    from typing import Annotated, Literal

    from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

    def between(low: float, high: float) -> Any:
        return Annotated[float, Field(strict=True, ge=low, le=high, allow_inf_nan=False)]

    def ordered(pair: tuple[float, float]) -> tuple[float, float]:
        if pair[0] > pair[1]:
            raise ValueError("the first number must not be above the second")
        return pair

    def span(low: float, high: float) -> Any:
        bound = between(low, high)
        return Annotated[GenericAlias(tuple, (bound, bound)), AfterValidator(ordered)]

    share = between(0, 1)
    # types made at run time, from the codecs that there are
    codec_names = GenericAlias(tuple, (Literal.__getitem__(tuple(CODECS)), ...))
    limits: dict[str, Any] = {
        "speed": between(0, 0.5),
        "pitch": share,
        "semitones": between(0, 12),
        "rooms": share,
        "room_count": Annotated[int, Field(strict=True, ge=1, le=2000)],
        "room_width": span(1, 50),
        "room_height": span(1, 20),
        "absorption": span(0.02, 0.99),
        "distance": span(0.05, 50),
        "noise": share,
        "snr": span(-30, 100),
        "snr_reference": Literal.__getitem__(tuple(SNR_REFERENCES)),
        "tones": share,
        "filtering": share,
        "filter_gain": between(0, 40),
        "gain": span(-80, 80),
        "clipping": share,
        "overload": span(0, 60),
        "telephone": share,
        "codecs": share,
        "codec_names": Annotated[codec_names, Field(min_length=1, max_length=100)],
        "warp": between(0, 0.5),
        "equalisation": between(0, 40),
        "masks": share,
    }
    base = type("Base", (BaseModel,), {"model_config": ConfigDict(extra="forbid")})
    wanted: dict[str, Any] = {key: (kind, None) for key, kind in limits.items()}
    return create_model("Recipe", __base__=base, **wanted)


def _first(error: Any) -> str:
    """Say in one line what is wrong with the first key that is."""
    details = error.errors(include_url=False, include_context=False)
    first = details[0]
    key = ".".join(str(part) for part in first["loc"][:1])
    if first["type"] == "extra_forbidden":
        names = [entry.name for entry in fields(Augmentation)]
        near = difflib.get_close_matches(key, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(names)}"
        return f"{_short(key)}: unknown key: {hint}"
    value = first["input"]
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if first["type"] in ("tuple_type", "missing", "too_long", "too_short"):
        many = key == "codec_names"
        reason = "should be a list of codecs" if many else "should be two numbers, [low, high]"
    return f"{key}: {_short(value)}: {reason}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
