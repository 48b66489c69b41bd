"""Who answers: this process, or any server that speaks the OpenAI API and has the circuits as models.

An engine takes prompts and an intervention and puts the answers into a journal as they come. A server
knows interventions by name only: `base`, `NAME@MULTIPLIER` for a circuit, `NAME.randomSEED@MULTIPLIER`
for its control, as `neuroswitch serve` calls them; that a name stands for what it says is the server's
word, unless this started it. Answers arrive in any order, so results files of two runs differ in their
order, and in nothing else.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import torch

from neuroswitch.activations import Intervention
from neuroswitch.answering import Completion, Decoding, Endpoint, Finish, Journal, Server, generate, get, post
from neuroswitch.chat import THINKING_SWITCHES, ChatFormat, with_system
from neuroswitch.circuits import Circuit
from neuroswitch.errors import BadRun, Prerequisite
from neuroswitch.integrations.serve import BASE, ServeOptions, Steering, serving_steerings
from neuroswitch.methods import RandomControl, ScaledSet, Scaling, random_circuit
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt
from neuroswitch.provenance import Provenance
from neuroswitch.storage import write_json

LOCAL, VLLM = "transformers", "vllm"
CONCURRENCY = 16


@dataclass(frozen=True)
class Asking:
    """How prompts are answered, and where the answers go.

    Attributes:
        journal: Keeps every answer; what is in it is not asked again.
        decoding: Length and batch size.
        chat: System prompt and thinking mode.
        progress: Told after each batch or answer.
    """

    journal: Journal
    decoding: Decoding = Decoding()
    chat: ChatFormat = ChatFormat()
    progress: Progress = silent


@dataclass(frozen=True)
class EngineChoice:
    """Which engine, and how vLLM is started.

    Attributes:
        name: "transformers"; "vllm", which is started and stopped; or the URL of a running server.
        options: For "vllm": port, devices, further arguments. Multipliers and controls are those asked for.
    """

    name: str = LOCAL
    options: ServeOptions = ServeOptions()

    @property
    def local(self) -> bool:
        """Say whether the model is loaded in this process."""
        return self.name == LOCAL

    def to_json(self) -> dict[str, str]:
        """Return what a folder remembers: servers are alike, so that one that died may be replaced."""
        return {} if self.local else {"engine": "server"}


LOCALLY = EngineChoice()
ENGINE = "engine.json"


def claim_engine(folder: Path, choice: EngineChoice) -> None:
    """Keep answers of servers and of this process out of one folder.

    Raises:
        BadRun: The folder was begun with the other kind.
    """
    path, now = folder / ENGINE, choice.to_json()
    before = json.loads(path.read_text()) if path.exists() else {}
    if before != now and (path.exists() or (folder / "results.jsonl").exists()):
        raise BadRun(
            f"{folder} was begun with another engine",
            found=before.get("engine", LOCAL),
            expected=now.get("engine", LOCAL),
            do="name another output folder, or repeat the --engine of this one to go on with it",
        )
    if now:
        write_json(path, now)


class Engine(Protocol):
    """Answers prompts under an intervention."""

    @property
    def name(self) -> str:
        """What to call it in reports."""
        ...

    def answer(self, prompts: Sequence[Prompt], intervention: Intervention | None, asking: Asking) -> None:
        """Put an answer to every prompt into the journal; None leaves the model untouched.

        Raises:
            Prerequisite: The engine is gone or cannot apply this intervention. Answers so far are kept.
        """
        ...


@dataclass(frozen=True)
class LocalEngine:
    """A model in this process."""

    model: LanguageModel

    @property
    def name(self) -> str:
        """What to call it in reports."""
        return f"{LOCAL}, {self.model.identity.dtype}"

    def answer(self, prompts: Sequence[Prompt], intervention: Intervention | None, asking: Asking) -> None:
        """Answer in batches; see `Engine`."""
        with intervention.applied(self.model) if intervention else nullcontext():
            generate(
                self.model,
                prompts,
                decoding=asking.decoding,
                chat=asking.chat,
                journal=asking.journal,
                progress=asking.progress,
            )


@dataclass(frozen=True)
class RemoteEngine:
    """A server that speaks the OpenAI API.

    Attributes:
        endpoint: Where it is, how patiently it is asked, and how many requests are under way at once.
        names: What the server calls each intervention that it has.
        templated: Whether the model has a chat template; without one it is sent plain text.
        server: The process, where it is our own: its last words go into the error when it dies.
    """

    endpoint: Endpoint
    names: Mapping[str, Intervention]
    templated: bool = True
    server: Server | None = None

    @property
    def name(self) -> str:
        """What to call it in reports."""
        return "vLLM, started for this" if self.server else f"server at {self.endpoint.url}"

    def answer(self, prompts: Sequence[Prompt], intervention: Intervention | None, asking: Asking) -> None:
        """Answer many at once; see `Engine`."""
        endpoint = replace(self.endpoint, model=self._name(intervention))
        done = asking.journal.completions()
        missing = [prompt for prompt in prompts if prompt.id not in done]
        writing = Lock()

        def ask(prompt: Prompt) -> None:
            path, body = _request(prompt, asking, templated=self.templated)
            text, tokens, finish = post(endpoint, path, {"model": endpoint.model, **body}, _read)
            with writing:
                asking.journal.append([Completion(prompt.id, prompt.text, text, tokens, finish)])

        with ThreadPoolExecutor(endpoint.concurrency) as pool:
            waiting = [pool.submit(ask, prompt) for prompt in missing]
            try:
                for count, future in enumerate(as_completed(waiting), start=len(prompts) - len(missing) + 1):
                    future.result()
                    asking.progress("generate", count, len(prompts))
            except Prerequisite as error:
                raise self._explained(error) from error
            finally:
                pool.shutdown(cancel_futures=True)

    def _name(self, intervention: Intervention | None) -> str:
        if intervention is None:
            return BASE
        for name, one in self.names.items():
            if one == intervention:
                return name
        raise Prerequisite(f"the server does not have {intervention.name}", found=", ".join(self.names))

    def _explained(self, error: Prerequisite) -> Prerequisite:
        if self.server is None or self.server.process.poll() is None:
            return error
        status = f"exit status {self.server.process.returncode}"
        return self.server.failure("vLLM died; run the same command again: answers so far are kept", status)


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
        Prerequisite: There is no such engine, it is not installed, does not start, does not answer,
            lacks one of the models, or cannot apply one of the interventions.
    """
    if choice.local:
        yield LocalEngine(model)
        return
    name = choice.name
    steerings = {served: _steering(one, model) for served, one in interventions.items()}
    templated = bool(model.tokenizer.chat_template)
    if name == VLLM:
        with serving_steerings(model, steerings, choice.options, progress=progress) as server:
            endpoint = Endpoint(url=server.url, model=BASE, timeout=600, attempts=4, concurrency=CONCURRENCY)
            yield RemoteEngine(endpoint, interventions, templated, server)
    elif name.startswith(("http://", "https://")):
        endpoint = Endpoint(url=name, model=BASE, timeout=600, concurrency=CONCURRENCY)
        require_models(endpoint, [BASE, *steerings])
        yield RemoteEngine(endpoint, interventions, templated)
    else:
        raise Prerequisite(
            f"there is no engine {name!r}",
            expected=f"{LOCAL}, {VLLM}, or the URL of an OpenAI-compatible server, http://...",
        )


def names_of(name: str, interventions: Sequence[Scaling | RandomControl]) -> dict[str, Intervention]:
    """Name a circuit's scalings and controls as `neuroswitch serve` does.

    Args:
        name: What it calls the circuit: the name of its folder.
        interventions: Of this circuit.
    """
    return {
        f"{name}{f'.random{one.seed}' if isinstance(one, RandomControl) else ''}@{one.multiplier:g}": one
        for one in interventions
    }


def steering_of(intervention: Intervention, model: LanguageModel) -> Steering | None:
    """Return an intervention as what a server is started with; None for one that no adapter can hold."""
    if isinstance(intervention, Scaling):
        return Steering(intervention.circuit, intervention.multiplier)
    if isinstance(intervention, RandomControl):
        circuit = random_circuit(intervention.circuit, seed=intervention.seed)
        return Steering(circuit, intervention.multiplier)
    if isinstance(intervention, ScaledSet):
        nothing = torch.zeros(len(intervention.ids))
        made = Provenance(asdict(model.identity), prompts_sha256="", contrast="none", ranking="none")
        circuit = Circuit(model.layout, intervention.ids, nothing, nothing, nothing, made)
        return Steering(circuit, intervention.multiplier)
    return None


def _steering(intervention: Intervention, model: LanguageModel) -> Steering:
    found = steering_of(intervention, model)
    if found is None:
        raise Prerequisite(
            f"{intervention.name} cannot be asked of a server",
            expected="the untouched model, or neurons at a multiplier",
            do=f"use the engine {LOCAL!r} for this one",
        )
    return found


def require_models(endpoint: Endpoint, names: Sequence[str]) -> None:
    """Refuse a server that lacks a model.

    Raises:
        Prerequisite: It does, or it does not answer.
    """
    served = get(endpoint, "/models", lambda reply: [str(model["id"]) for model in reply["data"]])
    if missing := [name for name in names if name not in served]:
        raise Prerequisite(
            f"the server at {endpoint.url} lacks models",
            found=", ".join(served),
            expected=", ".join(missing),
            do="neuroswitch serve CIRCUIT --model MODEL --multipliers ... --controls ..., "
            "with the multiplier and the number of random controls of this evaluation",
        )


def _request(prompt: Prompt, asking: Asking, *, templated: bool) -> tuple[str, dict[str, Any]]:
    body: dict[str, Any] = {"temperature": 0, "max_tokens": asking.decoding.max_new_tokens}
    if not templated:
        return "/completions", {**body, "prompt": prompt.text}
    if asking.chat.thinking is not None:
        # a template looks at its own switch and ignores the other
        body["chat_template_kwargs"] = dict.fromkeys(THINKING_SWITCHES, asking.chat.thinking)
    messages = [message._asdict() for message in with_system(prompt, asking.chat.system)]
    return "/chat/completions", {**body, "messages": messages}


def _read(reply: Any) -> tuple[str, int, Finish]:
    choice = reply["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    finish: Finish = "length" if choice.get("finish_reason") == "length" else "stop"
    return text or "", int(reply["usage"]["completion_tokens"]), finish
