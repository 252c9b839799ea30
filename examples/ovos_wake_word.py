"""A wake word of Open Voice OS, detected by a model of kws.

Shows what the listener of Open Voice OS does: the plugin manager makes the wake word that the
configuration names, chunks of bytes go in, and it is asked whether the word was said. Needs
ovos-plugin-manager.

    python examples/ovos_wake_word.py demo/synthesized_commands.wav stop
"""

import sys
import wave

from ovos_plugin_manager.wakewords import OVOSWakeWordFactory


def main(path: str, keyword: str) -> int:
    """Print when the keyword was heard."""
    # the same as in mycroft.conf
    config = {"hotwords": {keyword: {"module": "ovos-ww-plugin-kws", "model": "commands"}}}
    engine = OVOSWakeWordFactory.create_hotword(keyword, config)
    with wave.open(path) as file:
        if file.getparams()[:3] != (1, 2, 16000):
            print(f"{path}: is not 16-bit mono at 16 kHz", file=sys.stderr)
            return 2
        while chunk := file.readframes(1024):
            engine.update(chunk)
            if engine.found_wake_word():
                print(f"heard {keyword!r} by {file.tell() / 16000:.2f} s")
    engine.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
