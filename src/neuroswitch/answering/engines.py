"""Engines: answer prompts under an intervention, in this process or on an OpenAI-compatible server.

A server has interventions as models with names; that a name stands for what the caller says is not
checked. Its answers arrive in any order, so the order of rows in a log may differ between two runs.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from neuroswitch.activations import Intervention
from neuroswitch.answering.completions import AnswerLog
from neuroswitch.answering.endpoint import Client, Endpoint, ask_all
from neuroswitch.answering.generation import Decoding, as_prompts, generate
from neuroswitch.answering.replies import answer_of
from neuroswitch.answering.vllm import BASE, VllmServer
from neuroswitch.chat import THINKING_SWITCHES, ChatFormat, with_system
from neuroswitch.errors import Prerequisite
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt
from neuroswitch.records import Completion, Finish
from neuroswitch.storage import JsonObject
from neuroswitch.verdicts import leading_thoughts


@dataclass(frozen=True, kw_only=True)
class AnswerSettings:
    """How prompts are answered; the fields are arguments of `generate`."""

    decoding: Decoding = Decoding()
    chat: ChatFormat = ChatFormat()
    log: AnswerLog | None = None
    progress: Progress = silent


class Engine(Protocol):
    """Answers prompts under an intervention.

    `has` says whether it can apply an intervention; None is the untouched model. `answer` returns what
    `generate` does. It raises a `Prerequisite` if a server stops answering or does not have the
    intervention; the log keeps the answers so far.
    """

    def has(self, intervention: Intervention | None) -> bool: ...  # noqa: D102

    def answer(  # noqa: D102
        self,
        prompts: Sequence[Prompt | str],
        intervention: Intervention | None = None,
        how: AnswerSettings = ...,
    ) -> tuple[Completion, ...]: ...


@dataclass(frozen=True)
class TransformersEngine:
    """A model in this process."""

    model: LanguageModel

    def has(self, intervention: Intervention | None) -> bool:
        """Return True: a model in this process can be changed by any intervention."""
        return True

    def answer(
        self,
        prompts: Sequence[Prompt | str],
        intervention: Intervention | None = None,
        how: AnswerSettings = AnswerSettings(),
    ) -> tuple[Completion, ...]:
        """Answer in batches; see `Engine`."""
        with intervention.applied(self.model) if intervention else nullcontext():
            return generate(self.model, prompts, **vars(how))


@dataclass(frozen=True)
class ServerEngine:
    """A server that speaks the OpenAI API.

    Attributes:
        endpoint: Address, attempts and concurrency; its model is not read.
        names: Name of a model on the server -> the intervention that it stands for. The untouched model
            is called "base".
        templated: Whether the model has a chat template; without one it is sent plain text.
        server: The server, where it was started here: if it stops, the end of its log is in the error.
    """

    endpoint: Endpoint
    names: Mapping[str, Intervention]
    templated: bool = True
    server: VllmServer | None = None

    def has(self, intervention: Intervention | None) -> bool:
        """Say whether the server has a model for an intervention."""
        return intervention is None or intervention in self.names.values()

    def answer(
        self,
        prompts: Sequence[Prompt | str],
        intervention: Intervention | None = None,
        how: AnswerSettings = AnswerSettings(),
    ) -> tuple[Completion, ...]:
        """Answer several prompts at the same time; see `Engine`. Answers never stop early."""
        asked, model = as_prompts(prompts), self._model_of(intervention)
        done = how.log.completions(asked) if how.log else {}
        missing = [prompt for prompt in asked if prompt.id not in done]

        def keep(prompt: Prompt, completion: Completion) -> None:
            done[prompt.id] = completion
            if how.log:
                how.log.append([completion])

        def report(count: int) -> None:
            how.progress("generate", len(asked) - len(missing) + count, len(asked))

        with Client(self.endpoint) as client:

            def ask(prompt: Prompt) -> Completion:
                path, body = self._request(prompt, how)
                parse = partial(_parsed, limit=how.decoding.max_new_tokens)
                text, tokens, finish = client.request("POST", path, parse, {"model": model, **body})
                found = leading_thoughts(text)
                return Completion(prompt.id, prompt.text, found.answer, tokens, finish, found.thought)

            try:
                ask_all(missing, ask, keep, concurrency=self.endpoint.concurrency, progress=report)
            except Prerequisite as error:
                if self.server is None or self.server.process.poll() is None:
                    raise
                raise self.server.failure(
                    "vLLM stopped; run the same command again: answers so far are kept",
                    f"exit status {self.server.process.returncode}",
                ) from error
        return tuple(done[prompt.id] for prompt in asked)

    def _model_of(self, intervention: Intervention | None) -> str:
        if intervention is None:
            return BASE
        for name, one in self.names.items():
            if one == intervention:
                return name
        raise Prerequisite(f"the server does not have {intervention.name}", found=", ".join(self.names))

    def _request(self, prompt: Prompt, how: AnswerSettings) -> tuple[str, JsonObject]:
        chat, body = how.chat, JsonObject(temperature=0, max_tokens=how.decoding.max_new_tokens)
        if not self.templated:
            return "/completions", {**body, "prompt": prompt.text}
        if chat.thinking is not None:
            # a template reads its own switch and ignores the other
            body["chat_template_kwargs"] = dict.fromkeys(THINKING_SWITCHES, chat.thinking)
        messages = [message._asdict() for message in with_system(prompt, chat.system)]
        return "/chat/completions", {**body, "messages": messages}


def _parsed(content: bytes, limit: int) -> tuple[str, int, Finish]:
    """Return text, number of tokens and end of the answer in a reply of at most `limit` tokens."""
    answer = answer_of(content)
    if answer.finish is None or answer.tokens is None:
        raise ValueError("a reply without finish_reason or without the number of its tokens")
    if answer.tokens > limit:
        raise ValueError(f"an answer of {answer.tokens} tokens where at most {limit} were asked for")
    return answer.text, answer.tokens, answer.finish
