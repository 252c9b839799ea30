"""Values out of foreign JSON."""

import pytest

from kws.fields import strict_json


def test_json_is_read_as_it_is() -> None:
    text = '{"a": [1, -2.5e3, true, null, "x"], "b": 1.7976931348623157e308}'
    assert strict_json(text) == {"a": [1, -2500.0, True, None, "x"], "b": 1.7976931348623157e308}
    assert strict_json(text.encode()) == strict_json(text)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[-2.5E400]"])
def test_numbers_that_no_other_parser_takes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not JSON|is too large a number"):
        strict_json(text)
