"""Give each clip one label.

Shows `KeywordSpotter.classify`, which takes a whole clip and returns the most probable label and
the score of every label. The clips are cut out of the demo recording, at the times in its table.

    python examples/classify_clips.py demo/synthesized_commands.wav demo/synthesized_commands.csv
"""

import csv
import sys
from pathlib import Path

from kws import KeywordSpotter
from kws.audio import load_audio


def main(recording: str, table: str) -> None:
    """Print what was said in each clip, what the model says, and its runner-up."""
    spotter = KeywordSpotter.default()
    samples = load_audio(recording, spotter.sample_rate)
    with Path(table).open(newline="") as file:
        for row in csv.DictReader(file):
            # a second around the word, as the clips of Speech Commands are
            middle = (float(row["start"]) + float(row["end"])) / 2
            start = round((middle - 0.5) * spotter.sample_rate)
            result = spotter.classify(samples[start : start + spotter.sample_rate])
            second = sorted(result.scores, key=result.scores.__getitem__)[-2]
            print(
                f"{row['keyword']:8} {result.label:9} {result.score:.2f}   "
                f"then {second} {result.scores[second]:.2f}"
            )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
