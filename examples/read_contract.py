"""Read the contract of a model file without kws.

Shows that a model file is a TFLite file with a ZIP archive behind it: Python's `zipfile` finds
`kws.json`, and nothing has to be installed.

    python examples/read_contract.py kws/models/commands.tflite
"""

import json
import sys
import zipfile


def main(path: str) -> None:
    """Print labels, front end, step and what was measured of each threshold."""
    with zipfile.ZipFile(path) as archive:
        contract = json.loads(archive.read("kws.json"))
    front_end, streaming = contract["front_end"], contract["streaming"]
    parts = front_end if isinstance(front_end, list) else [front_end]
    print("task:    ", contract["task"])
    print("labels:  ", ", ".join(contract["labels"]))
    for part in parts:
        print(f"frames:   {part['bands']} log-mel bands every {part['hop']} samples")
    print(f"step:     {streaming['frames']} frames, {len(streaming['states'])} states")
    print("keyword   threshold  false accepts per hour, and 95 % interval")
    for point in contract["operating_points"]:
        low, high = point["false_accepts_per_hour_interval"]
        print(
            f"{point['keyword']:9} {point['threshold']:9.2f}  "
            f"{point['false_accepts_per_hour']:.2f} ({low:.2f} to {high:.2f})"
        )


if __name__ == "__main__":
    main(sys.argv[1])
