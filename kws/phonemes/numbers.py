"""The names of numbers in English."""

from __future__ import annotations

ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEENS = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen"),
    *("sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
#: Digits of a number, at most, whose words are known.
MOST_DIGITS = 6


def number_words(digits: str) -> tuple[str, ...]:
    """Return the words of a number.

    Parameters
    ----------
    digits : str
        1 to `MOST_DIGITS` digits, 0 to 9.

    Returns
    -------
    tuple of str
        Up to 99 the number; of longer ones, and of those that begin with 0, each digit.

    Examples
    --------
    >>> number_words("42"), number_words("112")
    (('forty', 'two'), ('one', 'one', 'two'))
    """
    number = int(digits)
    if len(digits) == 1:
        return (ONES[number],)
    if len(digits) > 2 or digits[0] == "0":
        return tuple(ONES[int(digit)] for digit in digits)
    if number < 20:
        return (TEENS[number - 10],)
    ten = TENS[number // 10 - 2]
    return (ten, ONES[number % 10]) if number % 10 else (ten,)
