"""Names between commas."""

import pytest

from kws.errors import KwsError
from kws.name_list import names


def test_a_name_that_is_far_too_long_is_refused_in_one_line():
    with pytest.raises(KwsError, match="put commas between them") as error:
        names("yes," + "a" * 200_000)
    assert len(str(error.value)) < 300
    assert len(names("yes," * 50_000)) == 50_000
