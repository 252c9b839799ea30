"""Send a recording to a Wyoming server, as a satellite sends what its microphone hears.

Shows one session: what the server has, the wake words that are asked for, the audio, and each
detection as soon as it comes. Needs the package `wyoming` (the extra `serve`), and a server:

    kws serve --uri tcp://127.0.0.1:10400
    python examples/wyoming_client.py tcp://127.0.0.1:10400 demo/synthesized_commands.wav yes stop
"""

import asyncio
import sys
import wave

from wyoming.audio import AudioStop, wav_to_chunks
from wyoming.client import AsyncClient
from wyoming.error import Error
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected


async def send(client: AsyncClient, file: wave.Wave_read) -> None:
    """Send the audio of a WAV file of any rate, 1,024 samples at a time."""
    for event in wav_to_chunks(file, 1024, start_event=True):
        await client.write_event(event.event())
    await client.write_event(AudioStop().event())
    await client.write_event(Ping().event())  # whose answer comes when all else was answered


async def main(uri: str, path: str, names: list[str]) -> None:
    """Print the wake words in a recording, with times in milliseconds."""
    # the file first: without audio the server and this program would wait for each other
    with wave.open(path) as file:
        async with AsyncClient.from_uri(uri) as client:
            await client.write_event(Describe().event())
            answer = await client.read_event()
            if Error.is_type(answer.type):  # such as that all places are taken
                raise ConnectionError(Error.from_event(answer).text)
            models = Info.from_event(answer).wake[0].models
            print("it knows", ", ".join(model.name for model in models))
            await client.write_event(Detect(names or None).event())
            # both at once: a detection comes while the rest is being sent
            sender = asyncio.create_task(send(client, file))
            while (event := await client.read_event()) and not Pong.is_type(event.type):
                if Detection.is_type(event.type):
                    found = Detection.from_event(event)
                    print(f"{found.name} at {found.timestamp} ms")
                elif NotDetected.is_type(event.type):
                    print("nothing was detected")
                elif Error.is_type(event.type):
                    print("the server says:", Error.from_event(event).text)
            await sender


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: wyoming_client.py tcp://HOST:PORT RECORDING.wav [WAKE_WORD ...]")
    try:
        asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
    except (OSError, EOFError, ValueError, wave.Error) as error:
        sys.exit(f"cannot send {sys.argv[2]} to {sys.argv[1]}: {error}")
