"""A Ray cluster of two nodes with two cores each, on the loopback of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kws.errors import KwsError

#: Cores that a node offers.
CORES = 2
#: Seconds that a node has to join.
PATIENCE = 180.0
#: Bytes of the memory that the processes of a node share.
STORE = 150_000_000


@dataclass(frozen=True)
class TwoNodes:
    """A running cluster.

    Attributes
    ----------
    address : str
        What ``--ray`` takes.
    second : subprocess.Popen
        The node that is not the head; it may be killed.
    """

    address: str
    second: subprocess.Popen[bytes]


@contextlib.contextmanager
def two_nodes(paths: Sequence[Path] = ()) -> Iterator[TwoNodes]:
    """Start a cluster, and end it.

    Parameters
    ----------
    paths : sequence of Path
        Folders in which its workers look for modules, besides their own.

    Yields
    ------
    TwoNodes

    Raises
    ------
    KwsError
        If a node does not start; the message ends with what it said.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    # a node that is killed is missed after seconds, not after half a minute
    environment |= {
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
    }
    nodes: list[subprocess.Popen[bytes]] = []
    # paths of sockets have a hundred characters at most
    with tempfile.TemporaryDirectory(prefix="kws-ray-", dir="/tmp") as folder:
        head = ["--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false"]
        try:
            for arguments in ([*head, f"--temp-dir={folder}"], [f"--address={address}"]):
                log = Path(folder, f"node{len(nodes)}.log")
                nodes.append(_start(arguments, environment, log))
                _wait_for(address, CORES * len(nodes), nodes[-1], log)
            yield TwoNodes(address, nodes[1])
        finally:
            for node in reversed(nodes):
                _end(node)


def _start(
    arguments: Sequence[str], environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a node in a group of processes of its own."""
    command = [
        str(Path(sys.executable).with_name("ray")),
        "start",
        "--block",
        "--disable-usage-stats",
        "--node-ip-address=127.0.0.1",
        f"--num-cpus={CORES}",
        f"--object-store-memory={STORE}",
        *arguments,
    ]
    with log.open("wb") as stream:
        return subprocess.Popen(
            command, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )


def _wait_for(address: str, cores: int, node: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the cluster has so many cores."""
    import ray

    host, port = address.split(":")
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and node.poll() is None:
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            # Ray itself would wait for minutes
            socket.create_connection((host, int(port)), 1).close()
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            try:
                if ray.cluster_resources().get("CPU", 0) >= cores:
                    return
            finally:
                ray.shutdown()
        time.sleep(0.5)
    raise KwsError(f"no Ray node: {log.read_text()[-1000:]}")


def _end(node: subprocess.Popen[bytes]) -> None:
    """End a node and all that it started."""
    for how, seconds in ((signal.SIGTERM, 20), (signal.SIGKILL, 20)):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(node.pid, how)
            node.wait(seconds)
