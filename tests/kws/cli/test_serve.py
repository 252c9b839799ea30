"""The verb serve: what it refuses before it listens."""

import socket

import pytest

from ...conftest import kws_here


def refused(*arguments):
    done = kws_here("serve", *arguments)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--uri", "10400"), "tcp://HOST:PORT"),
        (("--http", "8765"), "host and a port"),
        (("--threshold", "yes"), "KEYWORD=NUMBER"),
        (("--threshold", "yes=2"), "from 0 to 1"),
        (("--threshold", "yes=nan"), "from 0 to 1"),
        (("--refractory", "=1"), "KEYWORD=NUMBER"),
        (("--clients", "0"), "1 to 1000"),
        (("--idle", "nan"), "1 to 86400"),
        (("--zeroconf",), "other machines"),
        (("--http", "--zeroconf"), "other machines"),
        (("--http", "--allow-origin", "*"), "--allow-origin"),
        (("--http", "8765"), "such as 127.0.0.1:8765"),
        (("--uri", "tcp://127.0.0.1:99999"), "up to 65535, such as tcp://"),
    ],
)
def test_arguments_that_cannot_be_right(arguments, word):
    assert word in refused(*arguments)


def test_what_is_missing_is_named():
    try:
        import wyoming  # noqa: F401
    except ImportError:
        assert "wyoming is missing" in refused()
    else:
        assert "absent" in refused("--model", "absent")


def test_a_port_that_is_taken():
    pytest.importorskip("wyoming", reason="no wyoming: pip install '.[serve]'")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert "is in use" in refused("--uri", f"tcp://127.0.0.1:{port}")


def test_a_unix_socket_that_is_taken(tmp_path):
    pytest.importorskip("wyoming", reason="no wyoming: pip install '.[serve]'")
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        taken.listen()
        assert "is in use" in refused("--uri", f"unix://{path}")
    assert path.exists()
    line = refused("--uri", f"unix://{tmp_path}/absent/socket")
    assert "cannot be listened on" in line
    assert "name a folder" in line


def test_a_name_that_no_machine_has():
    pytest.importorskip("wyoming", reason="no wyoming: pip install '.[serve]'")
    line = refused("--uri", f"tcp://{100 * 'a'}.local:1")
    assert "cannot be listened on" in line
    assert "give an address of this machine" in line
