"""Engines: this process, or a server that speaks the OpenAI API and has the interventions as models.

An engine takes prompts and an intervention and puts the answers into a file as they come. A server knows
interventions by name only; that a name stands for what it says is the server's word, unless it was
started here. Answers of a server arrive in any order, so results files of two runs differ in their
order, and in nothing else.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any, Protocol

from neuroswitch.activations import Intervention
from neuroswitch.answering.completions import Completion, Finish, Journal
from neuroswitch.answering.endpoint import Endpoint, get, post
from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.answering.vllm_server import Server
from neuroswitch.chat import THINKING_SWITCHES, ChatFormat, with_system
from neuroswitch.errors import Prerequisite
from neuroswitch.models import LanguageModel
from neuroswitch.options import LOCAL
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt

BASE = "base"
"""What a server calls the untouched model."""


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


class Engine(Protocol):
    """Answers prompts under an intervention."""

    @property
    def name(self) -> str:
        """What to call it in reports."""
        ...

    def has(self, intervention: Intervention | None) -> bool:
        """Say whether it can answer under an intervention; None is the untouched model."""
        ...

    def answer(self, prompts: Sequence[Prompt], intervention: Intervention | None, asking: Asking) -> None:
        """Put an answer to every prompt into the journal.

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

    def has(self, intervention: Intervention | None) -> bool:
        """Say yes: everything can be applied to a model in this process."""
        return True

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
        server: The process, where it was started here: its last words go into the error when it dies.
    """

    endpoint: Endpoint
    names: Mapping[str, Intervention]
    templated: bool = True
    server: Server | None = None

    @property
    def name(self) -> str:
        """What to call it in reports."""
        return "vLLM, started for this" if self.server else f"server at {self.endpoint.url}"

    def has(self, intervention: Intervention | None) -> bool:
        """Say whether the server has a model for an intervention."""
        return intervention is None or any(one == intervention for one in self.names.values())

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


def _request(prompt: Prompt, asking: Asking, *, templated: bool) -> tuple[str, dict[str, object]]:
    body: dict[str, object] = {"temperature": 0, "max_tokens": asking.decoding.max_new_tokens}
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
