"""Export the model in the package for browsers, and run it in Node on a recording.

Shows the class that a page uses, KeywordSpotter of kws.js, with a recording in place of the
microphone. Needs the extra `native` (a compiler) and Node. Serve the folder to try its page.

    python examples/export_web.py site demo/synthesized_commands.wav
"""

import subprocess
import sys
import wave
from pathlib import Path

from kws.packaged import packaged_model
from kws_deploy.web.export import export_web

#: What a page would do with samples of its own.
PROGRAM = """
import { readFile } from "node:fs/promises";
import { KeywordSpotter } from "%s";

const bytes = await readFile("/dev/stdin");
const samples = new Int16Array(new Uint8Array(bytes).buffer);
const spotter = await KeywordSpotter.load();
for (const { keyword, score, start } of [...spotter.process(samples), ...spotter.flush()])
  console.log(`${start.toFixed(2)} s  ${keyword}  ${score.toFixed(2)}`);
"""


def main(folder: str, recording: str) -> None:
    """Write the folder, and print what its module spots in a recording."""
    for path in export_web(packaged_model(), Path(folder)):
        print(f"{path.name:24} {path.stat().st_size:9,} bytes")
    program = PROGRAM % (Path(folder).resolve() / "kws.js").as_uri()
    with wave.open(recording) as file:  # mono, 16 bit, at the model's rate
        samples = file.readframes(file.getnframes())
    command = ["node", "--input-type=module", "--eval", program]
    subprocess.run(command, input=samples, check=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
