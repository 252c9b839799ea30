"""Say what a clip is, and what is said when, in the three lines of a pipeline.

Shows `kws.pipeline`: on a recording, on an array, and on a stream. The model is org/name on the
Hugging Face Hub (with the extra hub), a model in the package, or a file.

    python examples/hub_pipeline.py commands demo/synthesized_commands.wav
"""

import sys
from collections.abc import Iterator

import kws
from kws.arrays import Float32
from kws.audio import read_recording


def main(model: str, path: str) -> None:
    """Print the detections of a recording, each in its context."""
    pipe = kws.pipeline("keyword-spotting", model=model, top_k=2)

    # a whole recording, by its name
    for found in pipe(path, return_timestamps=True):
        print(f"{found['start']:6.2f} s  {found['label']:8} {found['score']:.2f}")

    # a clip, as datasets and microphones hand it over: an array and its rate
    recording = read_recording(path)
    second = recording.samples[: 2 * recording.sample_rate]
    best, next_best = pipe({"raw": second, "sampling_rate": recording.sample_rate})
    print(f"the first two seconds: {best['label']}, then {next_best['label']}")

    # a stream: detections come while it goes on
    def microphone() -> Iterator[dict[str, Float32 | int]]:
        step = recording.sample_rate // 10
        for start in range(0, len(recording.samples), step):
            chunk = recording.samples[start : start + step]
            yield {"raw": chunk, "sampling_rate": recording.sample_rate}

    first = next(iter(pipe(microphone())))
    print(f"the first of the stream: {first['label']} until {first['end']:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
