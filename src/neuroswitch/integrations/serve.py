"""Serve circuits with vLLM: one OpenAI-compatible server, each circuit a model name of its own.

A circuit at a multiplier is a LoRA adapter, so requests for `base`, `refusal@0` and `refusal@2` share one
batch, across as many devices as vLLM is given. This starts the server, checks it with one request
for each name, and stops it again; serving itself is vLLM's. Knows nothing of prompts or metrics.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from neuroswitch.answering import Server, require_vllm, running, wait_until_healthy
from neuroswitch.circuits import CONFIG, DESCRIPTION, Circuit, export, load
from neuroswitch.errors import BadCircuit
from neuroswitch.methods import random_circuit
from neuroswitch.models import LanguageModel, LoadOptions, load_model
from neuroswitch.progress import Progress, silent

BASE = "base"
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `--max-lora-rank`."""


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """How circuits are served.

    Attributes:
        multipliers: One model name is made for each circuit and each of these.
        controls: How many random circuits are served beside each, for evaluations: `talk.random0@2`.
        host: Address to listen on; the default is reached from this machine only.
        port: Port to listen on.
        tensor_parallel: Devices, or on a CPU processes, that share the model.
        start_seconds: How long the engine may take to load and compile.
        arguments: Further arguments of vLLM's server, as on its command line.
    """

    multipliers: tuple[float, ...] = (0.0, 2.0)
    controls: int = 0
    host: str = "127.0.0.1"
    port: int = 8000
    tensor_parallel: int = 1
    start_seconds: float = 1800.0
    arguments: tuple[str, ...] = ()


class Steering(NamedTuple):
    """What one model name stands for."""

    circuit: Circuit
    multiplier: float


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
    require_vllm()
    circuits = {name: load(folder) for name, folder in find_circuits(folders).items()}
    with serving_steerings(base, named_steerings(circuits, options), options, progress=progress) as server:
        yield server


@contextmanager
def serving_steerings(
    base: LanguageModel | str | Path,
    steerings: Mapping[str, Steering],
    options: ServeOptions = ServeOptions(),
    *,
    progress: Progress = silent,
) -> Iterator[Server]:
    """Run a server as `serving` does, with the model names as given; `base` may be loaded already."""
    require_vllm()
    model = base if isinstance(base, LanguageModel) else load_model(base, options=LoadOptions(device="meta"))
    with tempfile.TemporaryDirectory(prefix="neuroswitch-serve-") as workspace:
        progress("exporting circuits", 0, 1)
        adapters = export_adapters(steerings, model, Path(workspace))
        progress("exporting circuits", 1, 1)
        progress("starting vLLM", 0, 1)
        log = Path(workspace) / "vllm.log"
        with log.open("wb") as stream, running(command(model, adapters, options), stream) as process:
            url = f"http://{options.host}:{options.port}"
            server = Server(f"{url}/v1", (BASE, *adapters), process, log)
            wait_until_healthy(server, url, options.start_seconds)
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


def named_steerings(circuits: Mapping[str, Circuit], options: ServeOptions) -> dict[str, Steering]:
    """Name each circuit, and its random controls, at each multiplier."""
    beside = {
        f"{name}.random{seed}": random_circuit(circuit, seed=seed)
        for name, circuit in circuits.items()
        for seed in range(options.controls)
    }
    return {
        f"{name}@{multiplier:g}": Steering(circuit, multiplier)
        for name, circuit in {**circuits, **beside}.items()
        for multiplier in options.multipliers
    }


def export_adapters(
    steerings: Mapping[str, Steering], model: LanguageModel, workspace: Path
) -> dict[str, Path]:
    """Write every steering as a LoRA: model name -> adapter folder."""
    return {
        name: export(circuit, model, "lora", workspace / name, multiplier=multiplier)
        for name, (circuit, multiplier) in steerings.items()
    }


def command(model: LanguageModel, adapters: dict[str, Path], options: ServeOptions) -> list[str]:
    """Return the command line of vLLM's server."""
    ranks = [json.loads((folder / CONFIG).read_text())["r"] for folder in adapters.values()]
    rank = max(ranks, default=RANKS[0])
    location = str(model.module.config._name_or_path)
    revision = None if Path(location).is_dir() else model.identity.revision
    return [
        *(sys.executable, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", location, "--served-model-name", BASE),
        *(("--revision", revision) if revision else ()),
        *("--host", options.host, "--port", str(options.port)),
        *("--tensor-parallel-size", str(options.tensor_parallel)),
        *("--enable-lora", "--max-lora-rank", str(next(allowed for allowed in RANKS if allowed >= rank))),
        # answers of the server are compared with ours: nothing but greedy decoding, whatever the checkpoint says
        *("--generation-config", "vllm"),
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
