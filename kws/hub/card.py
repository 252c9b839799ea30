"""The card of a model on the Hugging Face Hub: what the Hub reads, and what people read."""

from __future__ import annotations

import hashlib
import html
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..markdown import code, point_cells, printable, rate, shown_threshold, table
from ..metadata import Metadata, OperatingPoint, unmeasured
from ..modelfile import ModelFile
from .client import HubError, in_one_line

#: What the Hub calls the task; it has no name of its own for keyword spotting.
PIPELINE_TAG = "audio-classification"
#: Tags by the model's task.
TAGS = {
    "commands": ("keyword-spotting", "wake-word", "voice-commands"),
    "wake-words": ("keyword-spotting", "wake-word"),
    "sounds": ("sound-event-detection",),
}
#: Operating points that a card holds; a model file may have ten thousand.
MOST_POINTS = 500
#: Labels that a card lists.
MOST_LABELS = 200

BODY = string.Template("""\
# $name

A model of kws (keyword spotting for devices) that finds $finds in a stream of audio,
on devices of the Raspberry Pi class and below: $size in one file, a step every $step ms.

## How to use it

```python
import kws

pipe = kws.pipeline("keyword-spotting", model="$repository")
print(pipe("clip.wav"))
```

As a stream, with a time stamp for each detection:

```python
from kws import KeywordSpotter

spotter = KeywordSpotter.from_pretrained("$repository")
for detection in spotter.process(samples):  # $rate Hz, mono, int16 or float32
    print(detection.keyword, detection.score, detection.start, detection.end)
```

On the command line: `kws spot --model $repository recording.wav`.

## Labels

$labels

## Thresholds and what was measured

$points

## Limits

$limits

## File

`model.tflite`: a TFLite network and its contract, `kws.json`, appended as a ZIP. SHA-256 of the
file: `$digest`. `kws inspect $repository` says all that is in it.
""")


@dataclass(frozen=True)
class CardDetails:
    """What a card says that no model file holds.

    Attributes
    ----------
    licence : str or None
        The licence as the Hub names it, such as ``apache-2.0``.
    languages : sequence of str
        Codes of the languages of the keywords, such as ``en``.
    datasets : sequence of str
        Data sets on the Hub that the model was trained on, such as ``google/speech_commands``.
    """

    licence: str | None = None
    languages: Sequence[str] = ()
    datasets: Sequence[str] = ()


def hub_card(
    hub: Any,
    model: ModelFile,
    content: bytes,
    repository: str,
    details: CardDetails,
    text: str | None = None,
) -> str:
    """Write the card of a model: metadata that the Hub reads, and a page for people.

    Parameters
    ----------
    hub : module
        The package huggingface_hub, which writes the metadata.
    model : ModelFile
        The model.
    content : bytes
        The whole model file.
    repository : str
        Where it goes: ``org/name``.
    details : CardDetails
        What the model file does not hold.
    text : str, optional
        A card of the user's own, which is kept: what its metadata does not say is added. Without
        it, the page is made from the model file.

    Returns
    -------
    str
        The content of README.md.

    Raises
    ------
    HubError
        If the metadata of the user's own card cannot be read.
    """
    data = _data(hub, model.metadata, repository, details)
    if text is None:
        body = _body(model, content, repository)
        return f"---\n{data.to_yaml()}\n---\n\n{body}"
    try:
        card = hub.ModelCard(text)
        merged = hub.ModelCardData(**{**data.to_dict(), **card.data.to_dict()}).to_yaml()
    except Exception as error:  # whatever a YAML reader raises of text by hand
        words = in_one_line(error)
        raise HubError(f"the card's metadata cannot be read: mend it ({words})") from error
    return f"---\n{merged}\n---\n\n{card.text.lstrip()}"


def _data(hub: Any, metadata: Metadata, repository: str, details: CardDetails) -> Any:
    """Return the metadata of a card, as huggingface_hub has it."""
    name = repository.partition("/")[2]
    results = [
        one for point in metadata.operating_points[:MOST_POINTS] for one in _results(hub, point)
    ]
    return hub.ModelCardData(
        library_name="kws",
        pipeline_tag=PIPELINE_TAG,
        tags=[*TAGS[metadata.task], "tflite", "on-device"],
        license=details.licence,
        language=list(details.languages) or None,
        datasets=list(details.datasets) or None,
        model_name=name,
        eval_results=results or None,
    )


def _results(hub: Any, point: OperatingPoint) -> list[Any]:
    """Return what was measured at an operating point, as results of an evaluation."""
    keyword = html.escape(printable(point.keyword))
    threshold = shown_threshold(point.threshold)
    metrics: list[tuple[str, str, float, tuple[float, float]]] = [
        (
            "false_accepts_per_hour",
            "False accepts per hour",
            point.false_accepts_per_hour,
            point.false_accepts_per_hour_interval,
        )
    ]
    if point.miss_rate is not None:
        metrics.append(("miss_rate", "Miss rate", point.miss_rate, point.miss_rate_interval))
    return [
        hub.EvalResult(
            task_type=PIPELINE_TAG,
            task_name="Keyword spotting",
            dataset_type="kws-operating-points",
            dataset_name="recordings that the thresholds were not chosen on",
            dataset_config=keyword,
            metric_type=kind,
            metric_value=value,
            metric_name=f"{words} of {keyword} at threshold {threshold}",
            metric_args={
                "keyword": keyword,
                "threshold": point.threshold,
                "interval_95": [float(bound) for bound in interval],
                "hours": point.hours,
                "recordings": point.recordings,
            },
        )
        for kind, words, value, interval in metrics
    ]


def _body(model: ModelFile, content: bytes, repository: str) -> str:
    """Return the page for people; labels, which nobody has checked, are no markup in it."""
    metadata, front_end = model.metadata, model.metadata.front_end
    shown = metadata.labels[:MOST_LABELS]
    more = len(metadata.labels) - len(shown)
    return BODY.substitute(
        name=repository.partition("/")[2],
        repository=repository,
        finds={"commands": "spoken commands", "wake-words": "wake words"}.get(
            metadata.task, "environmental sounds"
        ),
        size=f"{len(content) / 1000:,.0f} kB",
        step=f"{1000 * metadata.streaming.frames * front_end.hop_seconds:g}",
        rate=front_end.sample_rate,
        labels=", ".join(map(code, shown)) + (f" and {more:,} more" if more else ""),
        points=_points(metadata),
        limits="\n".join(f"- {limit}" for limit in _limits(metadata)),
        digest=hashlib.sha256(content).hexdigest(),
    )


def _points(metadata: Metadata) -> str:
    """Return the thresholds, and the table of what was measured of them."""
    thresholds = "Thresholds that the model uses: " + ", ".join(
        f"{code(keyword)} {shown_threshold(metadata.detector.thresholds[keyword])}"
        for keyword in metadata.keywords[:MOST_LABELS]
    )
    points = metadata.operating_points
    if not points:
        return f"{thresholds}.\n\nNothing was measured of them."
    shown = points[:MOST_POINTS]
    rows = ((code(point.keyword), *point_cells(point)) for point in shown)
    more = (
        f"\n\nThe file has {len(points) - len(shown):,} more." if len(points) > len(shown) else ""
    )
    return (
        f"{thresholds}.\n\nMeasured on recordings that the thresholds were not chosen on; in "
        "brackets the exact 95 % intervals. A false accept is a detection where nobody said the "
        "keyword.\n\n"
        + table(
            ("keyword", "threshold", "false accepts per hour", "hours", "missed", "recordings"),
            rows,
        )
        + more
    )


def _limits(metadata: Metadata) -> list[str]:
    """Return what the model does not do, or nobody knows of it, a sentence each."""
    found = []
    unknown = unmeasured(metadata)
    if unknown:
        shown = ", ".join(map(code, unknown[:MOST_LABELS]))
        found.append(f"How often it fires by itself was not measured: {shown}.")
    points = metadata.operating_points
    if points:
        worst = max(points, key=lambda point: point.false_accepts_per_hour)
        often = rate(worst.false_accepts_per_hour, worst.false_accepts_per_hour_interval)
        found.append(
            f"Most false accepts: {code(worst.keyword)}, {often} per hour in {worst.hours:.2f} "
            "hours of audio."
        )
    found.append("Rooms, distances, accents and microphones that were not measured may be worse.")
    return found
