"""Messages to a broker: what is refused, and a real mosquitto that goes away and comes back."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.cli.verb import BAD_INPUT
from kws.detections import Detection
from kws.errors import KwsError
from kws.installing import install_extra
from kws.reactions.home_assistant import discovery_messages
from kws.reactions.mqtt import MOST_WAITING, Broker, MqttMessages, detection_message

from ...conftest import kws_here

YES = Detection("yes", 0.89012, 0.99, 1.59)
KEYWORDS = ["yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go"]


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("broker/kws", Broker("broker", 1883, "kws", False)),
        ("10.0.0.7:1999/home/kitchen/", Broker("10.0.0.7", 1999, "home/kitchen", False)),
        ("mqtts://broker.local/küche", Broker("broker.local", 8883, "küche", True)),
        ("mqtts://broker:1/a b", Broker("broker", 1, "a b", True)),
        ("[::1]:1883/kws", Broker("::1", 1883, "kws", False)),
    ],
)
def test_where_a_broker_is(text: str, broker: Broker) -> None:
    assert Broker.parse(text) == broker


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "give"),
        ("broker", "give"),
        ("broker/", "give"),
        ("/kws", "give"),
        ("http://broker/kws", "give"),
        ("broker:many/kws", "give HOST"),
        ("broker:70000/kws", "give HOST"),
        ("[::1/kws", "give HOST"),
        ("broker/home/+", "a topic has no"),
        ("broker/home/#", "a topic has no"),
        ("broker/$SYS", "a topic has no"),
        ("broker/a\x07b", "a topic has no"),
        ("broker/" + "a" * 300, "longer than 256 bytes"),
        ("me:secret@broker/kws", "KWS_MQTT_USERNAME"),
        ("mqtts://me:secret@broker:many/kws", "KWS_MQTT_USERNAME"),
        ("me:secret@[broker/kws", "KWS_MQTT_USERNAME"),
    ],
)
def test_what_is_no_broker_is_refused(text: str, said: str) -> None:
    with pytest.raises(KwsError, match=said) as caught:
        Broker.parse(text)
    assert "secret" not in str(caught.value)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=40))
def test_whatever_is_given_is_a_broker_or_refused(text: str) -> None:
    try:
        broker = Broker.parse(text)
    except KwsError as error:
        assert "\n" not in str(error)
    else:
        assert 0 < broker.port < 65536
        assert broker.host


def test_the_message_has_the_keys_of_json_and_the_time() -> None:
    values = json.loads(detection_message(YES, "-"))
    assert values.pop("time").endswith("+00:00")
    assert values == {"file": "-", "keyword": "yes", "score": 0.8901, "start": 0.99, "end": 1.59}


def test_home_assistant_is_told_an_event_entity_and_a_trigger_for_each_keyword() -> None:
    phrases = ["stop", "Hey Küche", "hey kuche", "stop"]
    messages = discovery_messages("homeassistant", "home/kitchen", "hey.tflite", phrases)
    topics = [topic for topic, _ in messages]
    assert len(set(topics)) == len(topics) == 4
    for topic in topics:  # what Home Assistant takes: <prefix>/<component>/[<node>/]<object>/config
        prefix, component, *ids, config = topic.split("/")
        assert (prefix, config) == ("homeassistant", "config")
        assert component in ("event", "device_automation")
        assert all(one.replace("_", "").isalnum() and one.isascii() for one in ids)
    event, *triggers = [json.loads(message) for _, message in messages]
    assert event["event_types"] == phrases[:3]
    assert event["availability_topic"] == "home/kitchen/status"
    assert [trigger["subtype"] for trigger in triggers] == phrases[:3]
    assert {trigger["topic"] for trigger in triggers} == {event["state_topic"]} == {"home/kitchen"}
    assert {json.dumps(trigger["device"]) for trigger in triggers} == {json.dumps(event["device"])}


def test_the_templates_make_of_a_message_what_home_assistant_wants() -> None:
    sandbox = pytest.importorskip("jinja2.sandbox", reason="no Jinja: pip install jinja2")
    environment = sandbox.ImmutableSandboxedEnvironment()  # as Home Assistant's is
    environment.filters["to_json"] = json.dumps
    message = json.loads(detection_message(YES, "-"))
    announced = discovery_messages("homeassistant", "kws", "commands", ["yes"])
    event, trigger = [json.loads(one)["value_template"] for _, one in announced]
    rendered = environment.from_string(event).render(value_json=message)
    assert json.loads(rendered) == {**message, "event_type": "yes"}
    assert environment.from_string(trigger).render(value_json=message) == "yes"


@pytest.mark.parametrize("prefix", ["", "home/#", "a\nb"])
def test_what_is_no_prefix_is_refused(prefix: str) -> None:
    pytest.importorskip("paho.mqtt.client", reason="needs the extra mqtt")
    with pytest.raises(KwsError, match="--mqtt-discovery"):
        MqttMessages(Broker("127.0.0.1", 1, "kws", False), "commands", ["yes"], prefix)


def test_what_does_not_go_together_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)  # as if not installed
    for arguments, said in (
        (["--mqtt-discovery"], "goes with --mqtt"),
        (["--mqtt", "broker"], "give [mqtt://"),
        (["--mqtt", "broker/kws"], f"needs paho-mqtt 2: {install_extra('mqtt')}"),
    ):
        done = kws_here("spot", "absent.wav", *arguments)
        assert (done.returncode, done.stdout) == (BAD_INPUT, "")
        assert said in done.stderr


# --- a real broker ---


class Mosquitto:
    """A broker of a test, and what its subscriber gets."""

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join([f"listener {self.port} 127.0.0.1", *lines, ""]))
        self.process: subprocess.Popen[bytes] | None = None
        self.messages: queue.SimpleQueue[tuple[str, str, bool]] = queue.SimpleQueue()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [_program(), "-c", self._config], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        while True:
            assert self.process.poll() is None, "mosquitto does not start"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def get(self, topic: str) -> str:
        """Return the next message of a topic that comes."""
        while True:
            found, message, _ = self.messages.get(timeout=30)
            if found == topic:
                return message

    def subscribe(self, **tls: str) -> object:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        client = Client(CallbackAPIVersion.VERSION2)
        if tls:
            client.tls_set(**tls)
            client.username_pw_set("kws", "secret")
        subscribed: queue.SimpleQueue[None] = queue.SimpleQueue()
        client.on_connect = lambda *_: client.subscribe([("#", 1)])
        client.on_subscribe = lambda *_: subscribed.put(None)
        client.on_message = lambda _, __, one: self.messages.put(
            (one.topic, one.payload.decode(), one.retain)
        )
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        subscribed.get(timeout=30)
        return client


def _program() -> str:
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if found is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    return found


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Makes brokers, not started yet, and stops them at the end."""
    pytest.importorskip("paho.mqtt.client", reason="needs the extra mqtt")
    made: list[Mosquitto] = []

    def make(*lines: str) -> Mosquitto:
        made.append(Mosquitto(tmp_path, *lines))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.mark.reach
def test_spot_sends_detections_and_says_hello_and_goodbye(
    broker: Callable[..., Mosquitto], demo_path: Path
) -> None:
    mosquitto = broker("allow_anonymous true")
    mosquitto.start()
    client = mosquitto.subscribe()
    where = f"127.0.0.1:{mosquitto.port}/home/kitchen"
    done = kws_here("spot", demo_path, "--json", "--mqtt", where, "--mqtt-discovery", "ha")
    assert (done.returncode, done.stderr) == (0, "")
    # a detection that comes while the broker greets may be sent before the status
    came = [mosquitto.messages.get(timeout=30)]
    while came[-1][:2] != ("home/kitchen/status", "offline"):
        came.append(mosquitto.messages.get(timeout=30))
    assert ("home/kitchen/status", "online", False) in came
    got = [json.loads(message) for topic, message, _ in came if topic == "home/kitchen"]
    assert all(one.pop("time") for one in got)
    assert got == [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["keyword"] for one in got] == KEYWORDS
    client.disconnect()
    # who comes later finds the announcements and the status, and no detection
    client = mosquitto.subscribe()
    later = [mosquitto.messages.get(timeout=30) for _ in range(2 + len(KEYWORDS))]
    assert all(retained for _, _, retained in later)
    assert {topic.split("/")[0] for topic, _, _ in later} == {"ha", "home"}
    assert ("home/kitchen/status", "offline", True) in later
    client.disconnect()


@pytest.mark.reach
def test_a_broker_that_goes_away_and_comes_back(
    broker: Callable[..., Mosquitto], capfd: pytest.CaptureFixture[str]
) -> None:
    mosquitto = broker("allow_anonymous true")
    messages = MqttMessages(
        Broker("127.0.0.1", mosquitto.port, "kws", False), "commands", ["yes"], None
    )

    def react(first: int, last: int) -> None:
        for number in range(first, last):  # returns, whether there is a broker or not
            messages.react(Detection("yes", 0.9, number, number + 1), "-", wait=False)

    said: list[str] = []

    def wait_until_said(what: str) -> None:
        while not any(what in line for line in said):
            said.extend(capfd.readouterr().err.splitlines())
            time.sleep(0.01)

    try:
        react(0, 2)  # before there is one
        wait_until_said("cannot be reached")
        mosquitto.start()
        client = mosquitto.subscribe()
        assert [json.loads(mosquitto.get("kws"))["start"] for _ in range(2)] == [0, 1]
        mosquitto.stop()
        wait_until_said("the connection is lost")
        react(2, 2 + MOST_WAITING + 3)
        wait_until_said("(3 left out so far)")
        assert sum("left out" in line for line in said) == 3
        mosquitto.start()
        wait_until_said("connected again")
        client.reconnect()
        messages.finish()
        assert "not sent" not in capfd.readouterr().err
    finally:
        messages.stop()
    client.disconnect()


@pytest.mark.reach
def test_a_process_that_is_killed_is_offline_by_its_last_will(
    broker: Callable[..., Mosquitto],
) -> None:
    mosquitto = broker("allow_anonymous true")
    mosquitto.start()
    client = mosquitto.subscribe()
    command = [sys.executable, "-m", "kws", "spot", "-", "--mqtt", f"127.0.0.1:{mosquitto.port}/k"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE)
    assert mosquitto.get("k/status") == "online"
    process.send_signal(signal.SIGKILL)
    assert mosquitto.get("k/status") == "offline"
    process.communicate()
    client.disconnect()


@pytest.mark.reach
def test_tls_and_a_password(
    broker: Callable[..., Mosquitto], tmp_path: Path, demo_path: Path
) -> None:
    for program in ("openssl", "mosquitto_passwd"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install openssl mosquitto")
    key, certificate, passwords = (tmp_path / name for name in ("key", "certificate", "passwords"))
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(request, check=True, capture_output=True)
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "kws", "secret"], check=True)
    for path in (tmp_path, key, passwords):  # mosquitto gives up root's rights
        path.chmod(0o755)
    mosquitto = broker(
        "allow_anonymous false",
        f"password_file {passwords}",
        f"certfile {certificate}",
        f"keyfile {key}",
        "user root",
    )
    mosquitto.start()
    client = mosquitto.subscribe(ca_certs=str(certificate))

    def spot(scheme: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        where = f"{scheme}://127.0.0.1:{mosquitto.port}/k"
        command = [sys.executable, "-c", QUICKLY, "spot", demo_path, "--mqtt", where]
        return subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, check=True
        )

    login = {"KWS_MQTT_USERNAME": "kws", "KWS_MQTT_PASSWORD": "secret"}
    trusted = {"SSL_CERT_FILE": str(certificate)}
    assert spot("mqtts", **login, **trusted).stderr == b""
    assert json.loads(mosquitto.get("k"))["keyword"] == "yes"
    unsigned = spot("mqtts", **login).stderr
    assert b"certificate is not trusted" in unsigned
    assert b"10 messages were not sent" in unsigned
    refused = spot("mqtts", **{**login, "KWS_MQTT_PASSWORD": "guess"}, **trusted).stderr
    assert b"refuses the connection (Not authorized): set KWS_MQTT_USERNAME" in refused
    client.disconnect()


#: The command line, with little patience for a broker that will not have it.
QUICKLY = """
import sys
from kws.reactions import mqtt
mqtt.FINISH_SECONDS = 1.5
from kws.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
