"""Who may use the studio."""

from pathlib import Path

from kws_studio.access import Access, Invitation, new_token


def test_a_token_must_be_the_right_one() -> None:
    token = new_token()
    assert len({new_token() for _ in range(100)}) == 100
    access = Access(token, "c")
    assert access.allows(token)
    for given in (None, "", token[:-1], token + "a", "é" * 24):
        assert not access.allows(given)
    assert Access(None, "c").allows(None)


def test_pages_from_elsewhere_may_not_ask() -> None:
    access = Access(None, "c")
    own = {"Host": "127.0.0.1:8766", "Origin": "http://127.0.0.1:8766"}
    assert access.allows_request(own) is None
    assert access.allows_request({"Host": "localhost:8766"}) is None
    assert "host" in str(access.allows_request({"Host": "evil.example"}))
    assert "pages of" in str(access.allows_request({**own, "Origin": "https://evil.example"}))


def test_an_invitation_stays_until_it_ends(tmp_path: Path) -> None:
    first = Invitation(tmp_path)
    assert first.code is None
    assert not first.is_right("")
    code = first.open()
    again = Invitation(tmp_path)  # the studio started again
    assert again.open() == again.code == code
    assert again.is_right(code)
    assert not again.is_right(code[:-1])
    again.close()
    assert first.code is None
    assert not first.is_right(code)
