"""Circuits and random controls as named models of one OpenAI-compatible server, started here or elsewhere.

A circuit at a multiplier is a LoRA adapter, so requests for `base`, `refusal@0` and `refusal@2` share
batches. Knows circuits and names; vLLM itself is started in `answering`.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from neuroswitch.activations import Intervention
from neuroswitch.answering import (
    BASE,
    Client,
    Endpoint,
    Engine,
    ServerEngine,
    TransformersEngine,
    VllmServer,
    require_vllm,
    vllm_running,
)
from neuroswitch.circuits import DESCRIPTION, Circuit, check_model, export, random_circuit
from neuroswitch.errors import BadCircuit, BadOption, Prerequisite
from neuroswitch.methods import Scaling
from neuroswitch.models import LanguageModel, LoadOptions, load_model
from neuroswitch.options import LOCAL, VLLM, EngineChoice, ServeOptions, SourceOptions, VllmOptions
from neuroswitch.progress import Progress, silent
from neuroswitch.templates import has_template

CONCURRENCY = 16
"""Requests to a server at the same time."""


def check_engine(choice: EngineChoice) -> None:
    """Refuse an engine that cannot be had, before anything is loaded for it.

    Raises:
        BadOption: There is no such engine.
        Prerequisite: vLLM is not installed.
    """
    if choice.name == VLLM:
        require_vllm()
    elif not choice.local and "://" not in choice.name:
        raise BadOption(
            f"there is no engine {choice.name!r}",
            expected=f"{LOCAL}, {VLLM}, or the URL of an OpenAI-compatible server, http://...",
        )


@contextmanager
def open_engine(
    choice: EngineChoice,
    model: LanguageModel,
    interventions: Mapping[str, Intervention],
    *,
    progress: Progress = silent,
) -> Iterator[Engine]:
    """Provide an engine while the block is open.

    Args:
        choice: Which one.
        model: What answers; for a server its weights need not be loaded.
        interventions: Name on the server -> intervention: all that will be asked for besides the
            untouched model.
        progress: Called while vLLM starts.

    Raises:
        BadOption: There is no such engine.
        Prerequisite: vLLM is not installed or does not start, or the server does not answer, lacks one of
            the models, or cannot apply one of the interventions.
    """
    if choice.local:
        yield TransformersEngine(model)
        return
    scalings = {name: one for name, one in interventions.items() if isinstance(one, Scaling)}
    if others := [one.name for name, one in interventions.items() if name not in scalings]:
        raise Prerequisite(
            f"{others[0]} cannot be asked of a server",
            expected="the untouched model, or scaled neurons",
            do=f"use the engine {LOCAL!r} for this one",
        )
    check_engine(choice)
    templated = has_template(model.tokenizer)
    if choice.name == VLLM:
        with serving_scalings(model, scalings, choice.options, progress=progress) as server:
            endpoint = Endpoint(url=server.url, model=BASE, timeout=600, attempts=4, concurrency=CONCURRENCY)
            yield ServerEngine(endpoint, interventions, templated, server)
        return
    endpoint = Endpoint(url=choice.name, model=BASE, timeout=600, concurrency=CONCURRENCY)
    _require_models(endpoint, [BASE, *scalings])
    yield ServerEngine(endpoint, interventions, templated)


@contextmanager
def serving(
    base: str | Path,
    folders: Sequence[str | Path],
    options: ServeOptions = ServeOptions(),
    *,
    files: SourceOptions = SourceOptions(),
    progress: Progress = silent,
) -> Iterator[VllmServer]:
    """Serve saved circuits with vLLM while the block is open.

    Args:
        base: The circuits' model: folder, Hub id or "demo".
        folders: Circuit folders, or folders that hold circuit folders; controls in these are left out.
        options: Multipliers, random controls, address, devices.
        files: Which files of the model are read, and whether its own code may run.
        progress: Called while circuits are exported and vLLM starts.

    Yields:
        The server; every model name of it has answered one request.

    Raises:
        Prerequisite: vLLM is not installed, or did not start; the message ends with its log.
        BadCircuit: A folder holds no circuit.
        WrongModel: A circuit was made for another model.
        UnsupportedModel: A circuit cannot be a LoRA adapter.
    """
    require_vllm()
    circuits = find_circuits(folders)
    model = load_model(base, options=LoadOptions(**vars(files), device="meta"))
    for circuit in circuits.values():
        check_model(circuit, model)  # before random controls are drawn on an axis that a file claims
    scalings = named_scalings(circuits, options)
    if files.trust_remote_code:
        options = replace(options, arguments=("--trust-remote-code", *options.arguments))
    with serving_scalings(model, scalings, options, progress=progress) as server:
        yield server


@contextmanager
def serving_scalings(
    model: LanguageModel, scalings: Mapping[str, Scaling], options: VllmOptions, *, progress: Progress
) -> Iterator[VllmServer]:
    """Serve scaled circuits under names with vLLM while the block is open; see `serving`."""
    require_vllm()
    with tempfile.TemporaryDirectory(prefix="neuroswitch-serve-") as workspace:
        progress("exporting circuits", 0, 1)
        adapters = export_adapters(scalings, model, Path(workspace))
        progress("exporting circuits", 1, 1)
        progress("starting vLLM", 0, 1)
        with vllm_running(model, adapters, options, Path(workspace) / "vllm.log") as server:
            progress("starting vLLM", 1, 1)
            yield server


def find_circuits(folders: Sequence[str | Path]) -> dict[str, Circuit]:
    """Read the circuits in some folders: name of the circuit's folder -> circuit.

    A folder that holds circuit folders, such as `methods` of an experiment, also holds its controls
    (random or largest neurons). They are left out, unless a control is named by its own folder.

    Raises:
        BadCircuit: A folder holds no circuit, or two have one name.
    """
    found: dict[str, Circuit] = {}
    for folder in map(Path, folders):
        if (folder / DESCRIPTION).is_file():
            circuits = {folder: Circuit.load(folder)}
        else:
            inside = [path.parent for path in sorted(folder.glob(f"*/{DESCRIPTION}"))]
            circuits = {path: one for path in inside if not (one := Circuit.load(path)).is_control}
        if not circuits:
            raise BadCircuit(
                f"there is no circuit in {folder}", do="name a folder that `discover` or `run` wrote"
            )
        for path, circuit in circuits.items():
            name = path.resolve().name
            if name in found or name == BASE:
                raise BadCircuit(
                    f"two models would be called {name!r}", do="rename one of the circuit folders"
                )
            found[name] = circuit
    return found


def model_name(circuit: str, multiplier: float, seed: int | None = None) -> str:
    """Return what a server calls a circuit, or a random control of it, at a multiplier.

    Examples:
        >>> model_name("refusal", 0.0), model_name("refusal", 2.0, seed=1)
        ('refusal@0', 'refusal.random1@2')
    """
    return f"{circuit}{'' if seed is None else f'.random{seed}'}@{multiplier:g}"


def named_scalings(circuits: Mapping[str, Circuit], options: ServeOptions) -> dict[str, Scaling]:
    """Return each circuit and its random controls at each multiplier, by the names of `model_name`."""
    found: dict[tuple[str, int | None], Circuit] = {
        (name, None): circuit for name, circuit in circuits.items()
    }
    for name, circuit in circuits.items():
        found |= {(name, seed): random_circuit(circuit, seed=seed) for seed in range(options.controls)}
    return {
        model_name(name, multiplier, seed): Scaling(circuit, 1.0 - multiplier)
        for (name, seed), circuit in found.items()
        for multiplier in options.multipliers
    }


def export_adapters(
    scalings: Mapping[str, Scaling], model: LanguageModel, workspace: Path
) -> dict[str, Path]:
    """Write every scaled circuit as a LoRA adapter: name -> its folder in the workspace."""
    return {
        name: export(one.circuit, model, "lora", workspace / name, strength=one.strength)
        for name, one in scalings.items()
    }


def client_code(server: VllmServer) -> str:
    """Return code for a client, to be copied."""
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


def _require_models(endpoint: Endpoint, names: Sequence[str]) -> None:
    with Client(endpoint) as client:
        served = client.models()
    if missing := [name for name in names if name not in served]:
        raise Prerequisite(
            f"the server at {endpoint.url} lacks models",
            found=", ".join(served),
            expected=", ".join(missing),
            do="neuroswitch serve CIRCUIT --model MODEL --multipliers ... --controls ..., "
            "with the multiplier and the number of random controls of this evaluation",
        )
