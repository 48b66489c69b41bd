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
from pathlib import Path

from neuroswitch.activations import Intervention
from neuroswitch.answering import (
    BASE,
    Endpoint,
    Engine,
    LocalEngine,
    RemoteEngine,
    Server,
    require_models,
    require_vllm,
    running,
    wait_until_healthy,
)
from neuroswitch.circuits import CONFIG, DESCRIPTION, Circuit, export, random_circuit
from neuroswitch.errors import BadCircuit, BadOption, Prerequisite
from neuroswitch.methods import Scaling
from neuroswitch.models import LanguageModel, LoadOptions
from neuroswitch.models import load as load_model
from neuroswitch.options import LOCAL, VLLM, EngineChoice, ServeOptions, VllmOptions
from neuroswitch.progress import Progress, silent

CONCURRENCY = 16
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `--max-lora-rank`."""


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
    circuits = {name: Circuit.load(folder) for name, folder in find_circuits(folders).items()}
    with serving_steerings(base, named_steerings(circuits, options), options, progress=progress) as server:
        yield server


@contextmanager
def serving_steerings(
    base: LanguageModel | str | Path,
    steerings: Mapping[str, Scaling],
    options: VllmOptions = VllmOptions(),
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


def named_steerings(circuits: Mapping[str, Circuit], options: ServeOptions) -> dict[str, Scaling]:
    """Name each circuit, and its random controls, at each multiplier."""
    beside = {
        f"{name}.random{seed}": random_circuit(circuit, seed=seed)
        for name, circuit in circuits.items()
        for seed in range(options.controls)
    }
    return {
        f"{name}@{multiplier:g}": Scaling(circuit, 1.0 - multiplier)
        for name, circuit in {**circuits, **beside}.items()
        for multiplier in options.multipliers
    }


def export_adapters(
    steerings: Mapping[str, Scaling], model: LanguageModel, workspace: Path
) -> dict[str, Path]:
    """Write every steering as a LoRA: model name -> adapter folder."""
    return {
        name: export(one.circuit, model, "lora", workspace / name, strength=one.strength)
        for name, one in steerings.items()
    }


def command(model: LanguageModel, adapters: dict[str, Path], options: VllmOptions) -> list[str]:
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


LOCALLY = EngineChoice()


@contextmanager
def open_engine(
    choice: EngineChoice,
    model: LanguageModel,
    interventions: Mapping[str, Intervention],
    *,
    progress: Progress = silent,
) -> Iterator[Engine]:
    """Have an engine while the block is open.

    Args:
        choice: Which one.
        model: What answers; for the other engines than transformers it may be on the meta device.
        interventions: All that will be asked for besides the untouched model, by the name that the
            server has, or gets, for each.
        progress: Told how far vLLM is.

    Raises:
        BadOption: There is no such engine.
        Prerequisite: It is not installed, does not start, does not answer, lacks one of the models, or
            cannot apply one of the interventions.
    """
    if choice.local:
        yield LocalEngine(model)
        return
    scalings = {name: _scaling(one) for name, one in interventions.items()}
    templated = bool(model.tokenizer.chat_template)
    if choice.name == VLLM:
        with serving_steerings(model, scalings, choice.options, progress=progress) as server:
            endpoint = Endpoint(url=server.url, model=BASE, timeout=600, attempts=4, concurrency=CONCURRENCY)
            yield RemoteEngine(endpoint, interventions, templated, server)
    elif choice.name.startswith(("http://", "https://")):
        endpoint = Endpoint(url=choice.name, model=BASE, timeout=600, concurrency=CONCURRENCY)
        require_models(endpoint, [BASE, *scalings])
        yield RemoteEngine(endpoint, interventions, templated)
    else:
        raise BadOption(
            f"there is no engine {choice.name!r}",
            expected=f"{LOCAL}, {VLLM}, or the URL of an OpenAI-compatible server, http://...",
        )


def _scaling(intervention: Intervention) -> Scaling:
    if not isinstance(intervention, Scaling):
        raise Prerequisite(
            f"{intervention.name} cannot be asked of a server",
            expected="the untouched model, or scaled neurons",
            do=f"use the engine {LOCAL!r} for this one",
        )
    return intervention
