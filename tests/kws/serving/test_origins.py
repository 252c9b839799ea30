import socket

import pytest

from kws.errors import KwsError
from kws.serving.origins import OriginRules


def test_a_page_whose_name_was_led_here_is_a_stranger():
    rules = OriginRules(["https://panel.example:8443"])
    for host in ("127.0.0.1:8765", "localhost", "[::1]:80", "192.168.1.7:8765", "panel.example"):
        assert rules.allows_host(host), host
    assert rules.allows_host(socket.gethostname())
    for host in ("evil.example:8765", "localhost.evil.example", "", "[::1", "127.0.0.1.nip.io"):
        assert not rules.allows_host(host), host
    for host in ("localhost:evil.example", "localhost/evil.example", "evil@localhost", "[::1]:\\x"):
        assert not rules.allows_host(host)
    for host in ("evil.example[::1]", "[::1]evil.example", "[::1]:80:80", "[127.0.0.1]"):
        assert not rules.allows_host(host), host


def test_pages_of_the_server_itself_and_those_that_are_named():
    rules = OriginRules(["https://Panel.example:8443"])
    assert rules.allows_origin(None, "127.0.0.1:8765")
    assert rules.allows_origin("http://127.0.0.1:8765", "127.0.0.1:8765")
    assert rules.allows_origin("https://panel.example:8443", "127.0.0.1:8765")
    assert rules.is_named("https://panel.example:8443")
    for origin in (
        "null",
        "",
        "http://127.0.0.1:8766",
        "http://evil.example",
        "https://panel.example",
        "file://",
    ):
        assert not rules.allows_origin(origin, "127.0.0.1:8765"), origin
        assert not rules.is_named(origin)


@pytest.mark.parametrize("text", ["*", "panel.example", "https://a/b", "ftp://a", "https://[", ""])
def test_what_is_no_origin(text):
    with pytest.raises(KwsError, match="--allow-origin"):
        OriginRules([text])
