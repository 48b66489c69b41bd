"""What would happen to a model, said before anything heavy runs; and on the real model if asked.

Each part is looked at by itself, so that a part that is missing is said and the others are still
seen. Knows what the parts say; does not print.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuroswitch.activations import try_out
from neuroswitch.answering import Decoding
from neuroswitch.batching import padding_of, ropes
from neuroswitch.chat import ChatFormat, describe, encode, read_token
from neuroswitch.discovery import budget
from neuroswitch.doctor.diagnosis import Diagnosis, Reading
from neuroswitch.errors import NeuroswitchError, Prerequisite
from neuroswitch.models import (
    Blueprint,
    LoadOptions,
    Work,
    blueprint,
    duration,
    has_experts,
    load_model,
    memory,
    quantization_of,
)
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet, Prompt, diverse_prompts
from neuroswitch.sites import NeuronLayout, SiteMap, find_sites

EXAMPLE = Prompt.of("How do I bake bread?")
SIZE = 0.001
"""The share of all neurons that a circuit has unless another is asked for."""


def diagnose(
    source: str | Path = "demo",
    *,
    options: LoadOptions = LoadOptions(),
    with_weights: bool = False,
    progress: Progress = silent,
) -> Diagnosis:
    """Say what would happen to a model.

    Args:
        source: As for `load_model`; a folder may hold a `config.json` only.
        options: As for `load_model`.
        with_weights: Load the model as well, and try reading and scaling.
        progress: Told of downloads and conversions.

    Returns:
        What was found. Errors of the model are in it, not raised.
    """
    case = _Case(Diagnosis(str(source)))
    with case.check("configuration"):
        plan = blueprint(source, options=options, progress=progress)
        case.add(model_type=plan.config.model_type, dtype=str(plan.dtype).removeprefix("torch."))
    if not case.holds("configuration"):
        return case.diagnosis
    if not plan.has_weights:
        case.note("There are no weights here: only what the configuration says was checked.")
    module = _structure(case, plan)
    tokenizer = _tokenizer(case, plan)
    if module is not None:
        _look_at_sites(case, plan, module)
    if tokenizer is not None:
        _look_at_prompts(case, tokenizer)
    if case.diagnosis.sites and module is not None:
        _estimate(case, module)
    if with_weights and case.diagnosis.usable:
        _try(case, source, options, progress)
    return case.diagnosis


class _Case:
    """A diagnosis in the making."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self.diagnosis = diagnosis

    def add(self, **parts: Any) -> None:
        self.diagnosis = replace(self.diagnosis, **parts)

    def note(self, text: str) -> None:
        self.add(notes=(*self.diagnosis.notes, text))

    def record(self, name: str, holds: bool, problem: str = "") -> None:
        self.add(checks={**self.diagnosis.checks, name: holds})
        if not holds:
            self.add(problems=(*self.diagnosis.problems, problem))

    def holds(self, name: str) -> bool:
        return self.diagnosis.checks.get(name, False)

    def check(self, name: str) -> "_Check":
        """Record whether a block runs without an error of this library, which ends there."""
        return _Check(self, name)


class _Check:
    def __init__(self, case: _Case, name: str) -> None:
        self.case, self.name = case, name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None or isinstance(error, NeuroswitchError):
            self.case.record(self.name, error is None, str(error))
            return True
        return False


def _structure(case: _Case, plan: Blueprint) -> PreTrainedModel | None:
    module = None
    with case.check("causal_language_model"):
        module = plan.module()
        case.add(architecture=type(module).__name__)
    if module is None:
        return None
    quantization = quantization_of(plan.config, experts=has_experts(module))
    if quantization is not None:
        case.add(quantization=quantization)
        problem = (
            f"weights quantised with {quantization.method} cannot be loaded here: {quantization.problem}"
        )
        case.record("quantization", quantization.problem is None, problem)
    return module


def _tokenizer(case: _Case, plan: Blueprint) -> PreTrainedTokenizerBase | None:
    try:
        return plan.tokenizer()
    except NeuroswitchError as error:
        if plan.has_weights:
            case.record("tokenizer", False, str(error))
        case.note("There is no tokenizer here, so template and BOS could not be looked at.")
        return None


def _look_at_sites(case: _Case, plan: Blueprint, module: PreTrainedModel) -> None:
    with case.check("sites"):
        found = find_sites(module, plan.options.sites)
        size = found.layout.size
        case.add(layers_path=found.layers_path, sites=found.layout.sites, neurons=size)
        case.add(circuit=budget(SIZE, size) if size >= 1 / SIZE else 0)
    for text in _caveats(case.diagnosis, plan):
        case.note(text)


def _caveats(diagnosis: Diagnosis, plan: Blueprint) -> Iterator[str]:
    config: Any = plan.config.get_text_config(decoder=True)
    tied = [site for site in diagnosis.sites if site.tied_to]
    if tied:
        yield (
            f"{len(tied)} of {len(diagnosis.sites)} sites have the weights of another layer. A neuron is scaled "
            "in its own layer only; a circuit in them cannot be exported as weights."
        )
    if any(site.kind == "experts" for site in diagnosis.sites):
        yield (
            "Neurons of experts are read where the router sent the token, and are 0 elsewhere. They are scaled "
            "in their weights, which must be in memory: not offloaded, not packed."
        )
    kinds = {str(one["rope_type"]) for one in ropes(config)} & {"longrope", "dynamic"}
    if "longrope" in kinds:
        yield "RoPE of type longrope: short and long prompts are never put into one batch, and nothing is reused."
    if "dynamic" in kinds:
        yield f"RoPE of type dynamic: prompts beyond {config.max_position_embeddings} tokens are refused."
    sparse = getattr(config, "index_topk", None)
    if isinstance(sparse, int):
        yield f"Sparse attention: prompts of more than {sparse} tokens are read in batches of one length."
    if getattr(plan.config, "is_decoder", True) is False:
        yield (
            "The configuration says is_decoder = false. A BERT-like model needs true, or it is refused when it is "
            "loaded, because a token sees those that come later; GPT-NeoX works as it is. --probe tells."
        )
    if type(plan.config) is not type(config):
        yield "A model with a text decoder inside: text prompts only; other inputs pass through untouched."


def _look_at_prompts(case: _Case, tokenizer: PreTrainedTokenizerBase) -> None:
    with case.check("prompts"):
        ids = encode(tokenizer, EXAMPLE)
        bos = tokenizer.bos_token_id
        count = 0 if bos is None else next((i for i, token in enumerate(ids) if token != bos), len(ids))
        reading = Reading(
            template=bool(tokenizer.chat_template),
            bos=("none", "one", "several")[min(count, 2)],
            token=read_token(tokenizer, ids).text,
            tokens=len(ids),
            example=describe(tokenizer, EXAMPLE),
            system=_can(tokenizer, ChatFormat(system="Answer briefly.")),
            thinking=_can(tokenizer, ChatFormat(thinking=True)),
        )
        case.add(reading=reading)
        case.record("at_most_one_bos", count < 2, f"the prompt begins with {count} BOS tokens")
    if case.holds("prompts") and not tokenizer.chat_template:
        case.note(
            "The tokenizer has no chat template, as base models have: the raw text of a prompt is read."
        )


def _can(tokenizer: PreTrainedTokenizerBase, format: ChatFormat) -> bool:
    try:
        encode(tokenizer, EXAMPLE, format)
    except Prerequisite:
        return False
    return True


def _estimate(case: _Case, module: PreTrainedModel) -> None:
    seen = case.diagnosis
    work = _usual_work(40 if seen.reading is None else seen.reading.tokens + 10)
    found = SiteMap(str(seen.layers_path), NeuronLayout(seen.sites))
    dtype = getattr(torch, str(seen.dtype))
    bits = seen.quantization.bits if seen.quantization else None
    needed = memory(module, found, dtype, bits, work)
    case.add(memory=needed, duration=duration(module, found, dtype, work))
    if needed.total > needed.machine:
        case.note(
            f"It needs about {needed.total / 1e9:.0f} GB and {needed.machine / 1e9:.0f} GB are there: "
            "choose --dtype bfloat16, a quantised copy, or --device split, which leaves weights on disk."
        )


def _usual_work(prompt: int) -> Work:
    """Count what `neuroswitch run` does with its default settings."""
    contrast = ContrastSet.builtin("refusal")
    discovery = sum(len(pile) for pile in contrast.discovery)
    positive, negative = (len(pile) for pile in contrast.test)
    return Work(
        read=discovery + len(diverse_prompts()),
        answers=3 * positive + 2 * negative,
        prompt=prompt,
        answer=Decoding().max_new_tokens,
        batch=Decoding().batch_size,
    )


def _try(case: _Case, source: str | Path, options: LoadOptions, progress: Progress) -> None:
    with case.check("loads_and_every_site_fires_once"):
        model = load_model(source, options=options, progress=progress)
        for name, holds in try_out(model).items():
            case.record(name, holds, f"on the loaded model this does not hold: {name.replace('_', ' ')}")
        with case.check("answers_as_it_reads"):
            if padding_of(model).on_the_left:
                case.note("Padding changes its answers: only prompts of one length are answered together.")
