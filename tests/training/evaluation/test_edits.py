"""How far what was written down is from what was said."""

from hypothesis import given
from hypothesis import strategies as st

from kws_training.evaluation.edits import edit_distance

SIGNS = st.lists(st.integers(0, 3), max_size=5)


def reference(wanted, found):
    """Levenshtein's distance by its definition."""
    if not wanted or not found:
        return len(wanted) + len(found)
    return min(
        reference(wanted[1:], found) + 1,
        reference(wanted, found[1:]) + 1,
        reference(wanted[1:], found[1:]) + (wanted[0] != found[0]),
    )


@given(SIGNS, SIGNS)
def test_numbers(wanted, found):
    assert edit_distance(wanted, found) == reference(wanted, found)


def test_texts():
    assert edit_distance("abcd", "abcd") == 0
    assert edit_distance("abcd", "acde") == 2
    assert edit_distance("", "ab") == edit_distance("ab", "") == 2
