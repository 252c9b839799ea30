"""A message to an MQTT broker for each detection, through the optional package paho-mqtt."""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ..console import note
from ..detections import Detection, detection_values
from ..errors import KwsError
from ..installing import install_extra
from .home_assistant import OFFLINE, ONLINE, discovery_messages, status_topic

#: Ports of MQTT, without and with TLS.
PORT, TLS_PORT = 1883, 8883
#: Messages that wait for a broker that is away or slow, at most.
MOST_WAITING = 16
#: Seconds between attempts to reach the broker: at first, and at most.
RETRY_SECONDS = (1, 30)
#: Seconds for the last messages at the end of a recording.
FINISH_SECONDS = 10.0
#: Seconds to say goodbye to the broker.
GOODBYE_SECONDS = 1.0
#: Longest topic, in bytes of UTF-8: beyond it nobody means one. MQTT allows 65,535.
LONGEST_TOPIC = 256
#: Reasons of a broker that has something against the login: bad user or password, not authorized.
_LOGIN = (134, 135)
#: Variables of the environment: on a command line everybody on the machine could read them.
USERNAME, PASSWORD = "KWS_MQTT_USERNAME", "KWS_MQTT_PASSWORD"


@dataclass(frozen=True)
class Broker:
    """Where detections are sent to.

    Attributes
    ----------
    host : str
        Name or address.
    port : int
        Number of the port.
    topic : str
        Of the detections.
    tls : bool
        Whether the connection is encrypted and the broker proves who it is.
    """

    host: str
    port: int
    topic: str
    tls: bool

    @classmethod
    def parse(cls, text: str) -> Broker:
        """Read ``[mqtt://|mqtts://]HOST[:PORT]/TOPIC``.

        Parameters
        ----------
        text : str
            As it was given on the command line.

        Returns
        -------
        Broker

        Raises
        ------
        KwsError
            If it is something else.

        Examples
        --------
        >>> Broker.parse("broker.local/home/kitchen")
        Broker(host='broker.local', port=1883, topic='home/kitchen', tls=False)
        """
        if "@" in text.partition("://")[2 if "://" in text else 0].partition("/")[0]:
            raise KwsError(  # before anything repeats what was given
                f"--mqtt: holds a user: put it into {USERNAME} and {PASSWORD} of the environment"
            )
        wanted = f"--mqtt {text!r:.100}: "
        try:
            parts = urlsplit(text if "://" in text else f"mqtt://{text}", allow_fragments=False)
            host, port = parts.hostname, parts.port
        except ValueError as error:  # a port that is none, brackets that are not closed
            raise KwsError(f"{wanted}{error}: give HOST[:PORT]/TOPIC") from None
        topic = parts.path.strip("/")
        if parts.scheme not in ("mqtt", "mqtts") or not host or not topic or parts.query:
            raise KwsError(f"{wanted}give [mqtt://|mqtts://]HOST[:PORT]/TOPIC")
        _check_topic(wanted, topic)
        tls = parts.scheme == "mqtts"
        return cls(host, port or (TLS_PORT if tls else PORT), topic, tls)


def detection_message(detection: Detection, file: str) -> str:
    """Return the message of a detection: the keys of ``--json``, and the time of day.

    Parameters
    ----------
    detection : Detection
        What was detected, just now.
    file : str
        The recording, as it was named.

    Returns
    -------
    str
        A JSON object.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({**detection_values(detection, file), "time": now})


class MqttMessages:
    """Sends a message for each detection, and never makes the audio wait.

    The connection lives in a thread of paho-mqtt, which comes back to a broker that was away.
    ``TOPIC/status`` is ``online`` or, if need be by the last will, ``offline``.

    Parameters
    ----------
    broker : Broker
        Where to.
    model : str
        The model, as it was named.
    keywords : sequence of str
        What can be detected.
    discovery : str or None
        Prefix of the topics by which Home Assistant discovers devices; None for no discovery.

    Raises
    ------
    KwsError
        If paho-mqtt is not installed, or the prefix is none.
    """

    def __init__(
        self, broker: Broker, model: str, keywords: Sequence[str], discovery: str | None
    ) -> None:
        try:
            from paho.mqtt.client import Client
            from paho.mqtt.enums import CallbackAPIVersion
        except ImportError:
            raise KwsError(f"--mqtt needs paho-mqtt 2: {install_extra('mqtt')}") from None
        if discovery is not None:
            _check_topic(f"--mqtt-discovery {discovery!r:.100}: ", discovery)
        self._broker = broker
        self._status = status_topic(broker.topic)
        self._announcements = (
            []
            if discovery is None
            else discovery_messages(discovery, broker.topic, model, keywords)
        )
        self._changed = threading.Condition()
        self._waiting = 0  # messages that the broker has not acknowledged
        self._own: set[int] = set()  # numbers of messages that are no detections
        self._dropped = 0
        self._said = ""  # what is wrong, so that it is said once
        self._gone = threading.Event()
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"kws-{secrets.token_hex(6)}")
        if USERNAME in os.environ:
            client.username_pw_set(os.environ[USERNAME], os.environ.get(PASSWORD))
        if broker.tls:
            client.tls_set()
        client.max_queued_messages_set(MOST_WAITING)
        client.reconnect_delay_set(*RETRY_SECONDS)
        client.will_set(self._status, OFFLINE, qos=1, retain=True)
        client.on_connect = self._connected
        client.on_connect_fail = self._unreachable
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        client.connect_async(broker.host, broker.port)
        client.loop_start()
        self._client = client

    def react(self, detection: Detection, file: str, *, wait: bool) -> None:
        """Send the message of a detection, as soon as the broker takes it.

        Parameters
        ----------
        detection : Detection
            What was detected.
        file : str
            The recording, as it was named.
        wait : bool
            Whether to wait for a while where too many messages are waiting.
        """
        if wait:
            self._wait(MOST_WAITING - 1)
        with self._changed:
            self._waiting += 1
        sent = self._client.publish(self._broker.topic, detection_message(detection, file), qos=1)
        if sent.rc == _queue_size():
            self._acknowledge()
            self._dropped += 1
            note(
                f"kws: --mqtt: left out {detection.keyword!r} at {detection.start:.2f} s, since "
                f"{MOST_WAITING} messages are waiting ({self._dropped} left out so far)"
            )

    def finish(self) -> None:
        """Wait for a while until all messages are sent; says how many were not."""
        self._wait(0)
        if self._waiting:
            note(f"kws: --mqtt: {self._waiting} messages were not sent")

    def stop(self) -> None:
        """Say goodbye to the broker."""
        if self._client.is_connected():
            self._gone.clear()  # it may have been away before
            self._client.publish(self._status, OFFLINE, retain=True)
            self._client.disconnect()
            self._gone.wait(GOODBYE_SECONDS)
        else:
            self._client.disconnect()  # so that its thread ends; it may be about to connect

    def _wait(self, most: int) -> None:
        """Wait until so many messages wait at most, for `FINISH_SECONDS`."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting <= most, FINISH_SECONDS)

    def _acknowledge(self) -> None:
        with self._changed:
            self._waiting -= 1
            self._changed.notify_all()

    def _published(self, _: Any, __: object, number: int, *___: object) -> None:
        if number in self._own:
            self._own.discard(number)
        else:
            self._acknowledge()

    def _say(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            note(f"kws: --mqtt: {self._broker.host}:{self._broker.port}: {problem}")

    def _connected(self, client: Any, _: object, flags: object, reason: Any, *__: object) -> None:
        if reason.is_failure:
            hint = f": set {USERNAME} and {PASSWORD}" if reason.value in _LOGIN else ""
            self._say(f"refuses the connection ({reason}){hint}; trying again")
            return
        if self._said:
            self._say("connected again")
            self._said = ""
        # again each time: a broker that was started anew may have forgotten what it held
        self._own.clear()  # what was not sent before is not sent any more
        for topic, message in [*self._announcements, (self._status, ONLINE)]:
            self._own.add(client.publish(topic, message, retain=True).mid)

    def _unreachable(self, *_: object) -> None:
        untrusted = ", or its certificate is not trusted" if self._broker.tls else ""
        self._say(f"cannot be reached{untrusted}; trying again")

    def _disconnected(self, _: Any, __: object, flags: object, reason: Any, *___: object) -> None:
        self._gone.set()
        if reason.is_failure and not self._said:
            self._say("the connection is lost; trying again")


def _check_topic(what: str, topic: str) -> None:
    """Refuse what is no topic to publish to."""
    if not topic or not topic.isprintable() or set("+#$") & set(topic):
        raise KwsError(f"{what}a topic has no +, #, $ nor control characters, and is not empty")
    if len(topic.encode()) > LONGEST_TOPIC:
        raise KwsError(f"{what}is longer than {LONGEST_TOPIC} bytes")


def _queue_size() -> int:
    """Return paho's number for a message that does not fit into the queue."""
    from paho.mqtt.enums import MQTTErrorCode

    return int(MQTTErrorCode.MQTT_ERR_QUEUE_SIZE)
