"""Reads values out of foreign JSON: each has the type and range it should have, or is refused."""

from __future__ import annotations

import json
import math
from typing import Any

from .errors import ModelError

#: Characters of a text, at most: names of tensors, keywords, tasks.
LONGEST_TEXT = 256
#: Bounds of intervals, at most: rates per hour are the largest.
HIGHEST_BOUND = 1e6


def strict_json(text: bytes | str) -> Any:
    """Parse JSON as RFC 8259 has it, with numbers that a double can hold.

    Python takes NaN and Infinity as well, and reads 1e999 as infinity: who writes such a value
    again writes what other parsers refuse.

    Parameters
    ----------
    text : bytes or str
        Of one value.

    Returns
    -------
    object

    Raises
    ------
    ValueError
        If it is no JSON, or a number is too large.
    RecursionError
        If it is nested too deep.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_finite)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits:.40} is too large a number")
    return value


class FieldReader:
    """Reads the fields of one JSON object.

    Every method takes the key of a field and raises `ModelError` if the field is missing, has
    another type, or is out of range; the message says where in the file it is.

    Parameters
    ----------
    values : object
        What the JSON holds; anything but a dict is refused.
    where : str
        Where in the file the object is, for messages.

    Raises
    ------
    ModelError
        If ``values`` is no dict.

    Examples
    --------
    >>> reader = FieldReader({"hop": 160}, "kws.json: front_end")
    >>> reader.count("hop", 1, 1000)
    160
    >>> reader.count("window", 1, 1000)
    Traceback (most recent call last):
    kws.errors.ModelError: kws.json: front_end: key 'window' is missing
    """

    def __init__(self, values: object, where: str) -> None:
        if not isinstance(values, dict):
            raise ModelError(f"{where} is not an object")
        self.values: dict[str, Any] = values
        self.where = where

    def get(self, key: str) -> Any:
        """Return a value of any type.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        object
            The value.
        """
        if key not in self.values:
            raise ModelError(f"{self.where}: key {key!r} is missing")
        return self.values[key]

    def number(self, key: str, low: float, high: float) -> float:
        """Return a number from ``low`` to ``high``; an int stays an int.

        Parameters
        ----------
        key : str
            Name of the field.
        low, high : float
            The number's range, both ends included.

        Returns
        -------
        float
            The number.
        """
        value = self.get(key)
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not low <= value <= high:  # NaN is in no range
            raise ModelError(f"{self.where}: {key!r} must be {low} to {high}, not {value!r:.40}")
        return float(value) if isinstance(value, float) else value

    def count(self, key: str, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``.

        Parameters
        ----------
        key : str
            Name of the field.
        low, high : int
            The number's range, both ends included.

        Returns
        -------
        int
            The number.
        """
        value = self.number(key, low, high)
        if not isinstance(value, int):
            raise ModelError(f"{self.where}: {key!r} must be a whole number, not {value!r}")
        return value

    def text(self, key: str) -> str:
        """Return a text of 1 to `LONGEST_TEXT` characters.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        str
            The text.
        """
        value = self.get(key)
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TEXT:
            raise ModelError(f"{self.where}: {key!r} must be a short text, not {value!r:.40}")
        return value

    def items(self, key: str, most: int) -> list[Any]:
        """Return a list of at most ``most`` values of any type.

        Parameters
        ----------
        key : str
            Name of the field.
        most : int
            Length of the longest list that is taken.

        Returns
        -------
        list
            The values, of any type.
        """
        value = self.get(key)
        if not isinstance(value, list) or len(value) > most:
            raise ModelError(f"{self.where}: {key!r} must be a list of at most {most}")
        return value

    def group(self, key: str) -> FieldReader:
        """Return a reader of the object that a field holds.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        FieldReader
            Its messages say where the object is.
        """
        return FieldReader(self.get(key), f"{self.where}: {key}")

    def numbers(self, key: str, most: int, low: float, high: float) -> tuple[float, ...]:
        """Return a list of at most ``most`` numbers from ``low`` to ``high``.

        Parameters
        ----------
        key : str
            Name of the field.
        most : int
            Length of the longest list that is taken.
        low, high : float
            Range of each number, both ends included.

        Returns
        -------
        tuple of float
            The numbers.
        """
        each = self._numbered(key, most)
        return tuple(each.number(name, low, high) for name in each.values)

    def counts(self, key: str, most: int, low: int, high: int) -> tuple[int, ...]:
        """Return a list of at most ``most`` whole numbers from ``low`` to ``high``.

        Parameters
        ----------
        key : str
            Name of the field.
        most : int
            Length of the longest list that is taken.
        low, high : int
            Range of each number, both ends included.

        Returns
        -------
        tuple of int
            The numbers.
        """
        each = self._numbered(key, most)
        return tuple(each.count(name, low, high) for name in each.values)

    def interval(self, key: str) -> tuple[float, float]:
        """Return a pair of numbers from 0 to `HIGHEST_BOUND`.

        Parameters
        ----------
        key : str
            Name of the field.

        Returns
        -------
        low, high : float
            The pair, in the order of the file.
        """
        pair = self.items(key, 2)
        bounds = FieldReader(dict(zip("ab", pair, strict=False)), f"{self.where}: {key}")
        return bounds.number("a", 0, HIGHEST_BOUND), bounds.number("b", 0, HIGHEST_BOUND)

    def _numbered(self, key: str, most: int) -> FieldReader:
        """Return a reader of the values of a list, whose keys are their numbers from 0."""
        values = self.items(key, most)
        return FieldReader(
            {str(number): value for number, value in enumerate(values)}, f"{self.where}: {key}"
        )
