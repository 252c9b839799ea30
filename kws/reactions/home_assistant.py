"""What makes Home Assistant discover a microphone: an event entity, and a trigger per keyword."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

#: What the topic of the status says.
ONLINE, OFFLINE = "online", "offline"
#: Prefix of the topics by which Home Assistant discovers devices, unless it was set up otherwise.
PREFIX = "homeassistant"


def status_topic(topic: str) -> str:
    """Return the topic that says whether kws is there.

    Parameters
    ----------
    topic : str
        Of the detections.

    Returns
    -------
    str
    """
    return f"{topic}/status"


def discovery_messages(
    prefix: str, topic: str, model: str, keywords: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the topics and messages that announce a device, to be retained by the broker.

    The event entity has a history, and tells when kws is away. The triggers are what the editor of
    automations offers for the device.

    Parameters
    ----------
    prefix : str
        Of the topics of discovery.
    topic : str
        Of the detections.
    model : str
        The model, as it was named.
    keywords : sequence of str
        What can be detected.

    Returns
    -------
    list of (str, str)
        Topic and JSON message.
    """
    device_id = f"kws_{_identifier(topic)}"
    device = {"identifiers": [device_id], "name": f"kws {topic}", "model": model}
    keywords = list(dict.fromkeys(keywords))
    event = {
        "name": "Keyword",
        "unique_id": f"{device_id}_keyword",
        "icon": "mdi:account-voice",
        "state_topic": topic,
        "event_types": keywords,
        "value_template": "{{ dict(value_json, event_type=value_json.keyword) | to_json }}",
        "availability_topic": status_topic(topic),
        "device": device,
    }
    messages: list[tuple[str, dict[str, Any]]] = [(f"{prefix}/event/{device_id}/config", event)]
    for keyword in keywords:
        trigger = {
            "automation_type": "trigger",
            "type": "detected",
            "subtype": keyword,
            "topic": topic,
            "payload": keyword,
            "value_template": "{{ value_json.keyword }}",
            "device": device,
        }
        where = f"{prefix}/device_automation/{device_id}/{_identifier(keyword)}/config"
        messages.append((where, trigger))
    return [(where, json.dumps(message)) for where, message in messages]


def _identifier(name: str) -> str:
    """Return a name in letters that topics may have; names that differ stay different."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]
    if plain == name:
        return plain
    return f"{plain}_{hashlib.sha256(name.encode()).hexdigest()[:8]}".strip("_")
