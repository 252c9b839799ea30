"""The small Hub as a process, and client processes that see no other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

RIGHT = "hf_right"
HERE = Path(__file__).parent


class Client:
    """Runs commands in processes that see the small Hub alone, with a cache of their own."""

    def __init__(self, address: str, home: Path) -> None:
        self.address, self.home = address, home
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        home = {"HF_HOME": str(self.home), "HF_HUB_DISABLE_TELEMETRY": "1"}
        return {**kept, "HF_ENDPOINT": self.address, **home, **more}

    def kws(
        self, *arguments: object, token: str | None = None, status: int = 0, **more: str
    ) -> str:
        """Run a command; gives what it prints, or what it complains of."""
        process = self._processes.get(str(more))
        if process is None:
            process = self._processes[str(more)] = subprocess.Popen(
                [sys.executable, str(HERE / "client_process.py")],
                env=self.environment(**more),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        asked = {"arguments": [str(one) for one in arguments], "token": token}
        print(json.dumps(asked), file=process.stdin, flush=True)
        answer = json.loads(process.stdout.readline())
        assert answer["status"] == status, answer
        return str(answer["out"] if status == 0 else answer["err"])

    def python(self, *arguments: object, token: str = RIGHT, **more: str) -> str:
        """Run Python; gives what it prints."""
        command = [sys.executable, *map(str, arguments)]
        environment = self.environment(HF_TOKEN=token, **more)
        return subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout

    def requests(self) -> list[str]:
        """What the Hub was asked for since it began."""
        with urllib.request.urlopen(f"{self.address}/requests") as answer:
            return list(json.load(answer))

    def close(self) -> None:
        for process in self._processes.values():
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


@pytest.fixture(scope="session")
def hub_address() -> Iterator[str]:
    with subprocess.Popen(
        [sys.executable, str(HERE / "hub_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        server.stdin.close()
        server.wait(10)


@pytest.fixture(scope="session")
def client(hub_address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    pytest.importorskip("huggingface_hub", reason="needs the extra hub: pip install '.[hub]'")
    client = Client(hub_address, tmp_path_factory.mktemp("hub"))
    yield client
    client.close()


@pytest.fixture(scope="session")
def pushed(client: Client) -> str:
    """A repository with the model of the package."""
    client.kws("push", "commands", "anna/lights", "--license", "apache-2.0", token=RIGHT)
    return "anna/lights"
