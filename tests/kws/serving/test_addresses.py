import pytest

from kws.errors import KwsError
from kws.serving.addresses import parse_http, parse_uri


@pytest.mark.parametrize(
    ("text", "is_local"),
    [
        ("tcp://127.0.0.1:10400", True),
        ("tcp://localhost:0", True),
        ("tcp://[::1]:10400", True),
        ("tcp://0.0.0.0:10400", False),
        ("tcp://kitchen.example:65535", False),
        ("unix:///run/kws/socket", True),
    ],
)
def test_addresses_of_wyoming_servers(text, is_local):
    address = parse_uri(text)
    assert str(address) == text
    assert address.is_local is is_local


def test_addresses_of_http_servers():
    assert str(parse_http("127.0.0.1:8765")) == "http://127.0.0.1:8765"
    assert str(parse_http("http://[::1]:80/")) == "http://[::1]:80"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10400",
        "tcp://",
        "tcp://host",
        "tcp://:10400",
        "tcp://host:65536",
        "tcp://host:one",
        "tcp://user@host:1",
        "tcp://host:1/path",
        "tcp://[::1:1",
        "unix://",
        "stdio://",
    ],
)
def test_what_is_no_address(text):
    with pytest.raises(KwsError, match=r"give .*tcp://|give a host and a port"):
        parse_uri(text)
