"""Check a model before anything heavy runs, and the loaded model if asked.

Each part is checked by itself: if one is missing, the others are still checked.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from neuroswitch.activations import check_reading_and_scaling
from neuroswitch.answering import Decoding
from neuroswitch.batching import padding_effect, position_limit, require_positions, rope_parameters
from neuroswitch.chat import ChatFormat, describe, encode, read_token
from neuroswitch.discovery import budget
from neuroswitch.doctor.diagnosis import Diagnosis, PromptEncoding
from neuroswitch.doctor.estimates import Workload, estimate_memory, estimate_time
from neuroswitch.errors import BadOption, BadPrompts, NeuroswitchError, Prerequisite
from neuroswitch.models import (
    LoadOptions,
    ModelFiles,
    has_experts,
    load_model,
    quantization_of,
    read_model_files,
    require_template,
)
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet, Prompt, diverse_prompts
from neuroswitch.sites import NeuronLayout, SiteMap, find_sites
from neuroswitch.templates import has_template, wanted_parts

EXAMPLE = Prompt.of("How do I bake bread?")
SIZE = 0.001
"""Default size of a circuit, as a share of all neurons."""


def diagnose(
    source: str | Path = "demo",
    *,
    options: LoadOptions = LoadOptions(),
    with_weights: bool = False,
    progress: Progress = silent,
) -> Diagnosis:
    """Check whether a model can be used, and estimate what a run needs.

    Args:
        source: As for `load_model`; a folder may hold a `config.json` only.
        options: As for `load_model`.
        with_weights: Load the model as well, and try reading and scaling.
        progress: Called on downloads and conversions.

    Returns:
        What was found. Errors of the model are in it, not raised.
    """
    examination = _Examination(Diagnosis(str(source)))
    with examination.check("configuration"):
        files = read_model_files(source, options=options, progress=progress)
        dtype = str(files.dtype).removeprefix("torch.")
        examination.found = replace(examination.found, model_type=files.config.model_type, dtype=dtype)
    if not examination.holds("configuration"):
        return examination.found
    if not files.has_weights:
        examination.note("There are no weights here: only what the configuration says was checked.")
    module = examination.structure(files)
    examination.prompts(files)
    if module is not None:
        examination.sites(files, module)
        examination.estimates(module)
    if with_weights and examination.found.usable:
        with examination.check("loads_and_every_site_fires_once"):
            model = load_model(source, options=options, progress=progress)
            for name, holds in check_reading_and_scaling(model).items():
                problem = f"on the loaded model this does not hold: {name.replace('_', ' ')}"
                examination.record(name, holds, problem)
            with examination.check("answers_as_it_reads"):
                if padding_effect(model).on_the_left:
                    examination.note(
                        "Padding changes its answers: only prompts of one length are answered together."
                    )
    return examination.found


class _Examination:
    """A diagnosis in progress."""

    def __init__(self, found: Diagnosis) -> None:
        self.found = found

    def note(self, text: str) -> None:
        self.found = replace(self.found, notes=(*self.found.notes, text))

    def record(self, name: str, holds: bool, problem: str = "") -> None:
        problems = self.found.problems if holds else (*self.found.problems, problem)
        self.found = replace(self.found, checks={**self.found.checks, name: holds}, problems=problems)

    def holds(self, name: str) -> bool:
        return self.found.checks.get(name, False)

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Record whether a block runs without an error of this library; the error ends the block only."""
        try:
            yield
        except NeuroswitchError as error:
            self.record(name, False, str(error))
        else:
            self.record(name, True)

    def structure(self, files: ModelFiles) -> PreTrainedModel | None:
        """Build the module without weights, and check how its checkpoint is quantised."""
        module = None
        with self.check("causal_language_model"):
            module = files.structure()
            self.found = replace(self.found, architecture=type(module).__name__)
        if module is not None:
            quantization = quantization_of(files.config, experts=has_experts(module))
            if quantization is not None:
                self.found = replace(self.found, quantization=quantization)
                problem = f"weights quantised with {quantization.method} cannot be loaded here: "
                self.record("quantization", quantization.problem is None, f"{problem}{quantization.problem}")
        return module

    def prompts(self, files: ModelFiles) -> None:
        """Read the tokenizer, and check how it encodes a prompt."""
        try:
            tokenizer = files.tokenizer()
        except NeuroswitchError as error:
            if files.has_weights:
                self.record("tokenizer", False, str(error))
            self.note("There is no tokenizer here, so template and BOS could not be checked.")
            return
        with self.check("every_prompt_arrives_whole_and_once"):
            require_template(tokenizer)
        if not self.holds("every_prompt_arrives_whole_and_once"):
            return
        with self.check("prompts"):
            ids = encode(tokenizer, EXAMPLE)
            bos = tokenizer.bos_token_id
            count = 0 if bos is None else next((i for i, token in enumerate(ids) if token != bos), len(ids))
            reading = PromptEncoding(
                template=has_template(tokenizer),
                parts="user" in wanted_parts(tokenizer) if has_template(tokenizer) else False,
                bos=("none", "one", "several")[min(count, 2)],
                token=read_token(tokenizer, ids).text,
                tokens=len(ids),
                example=describe(tokenizer, EXAMPLE),
                system=_accepts(tokenizer, ChatFormat(system="Answer briefly.")),
                thinking=_accepts(tokenizer, ChatFormat(thinking=True)),
            )
            self.found = replace(self.found, reading=reading)
            self.record("at_most_one_bos", count < 2, f"the prompt begins with {count} BOS tokens")
        if self.found.reading and not self.found.reading.template:
            self.note(
                "The tokenizer has no chat template, as base models have: the raw text of a prompt is read."
            )

    def sites(self, files: ModelFiles, module: PreTrainedModel) -> None:
        """Find the neurons."""
        with self.check("sites"):
            found = find_sites(module, files.options.sites, files.options.units)
            size = found.layout.size
            self.found = replace(
                self.found,
                layers_path=found.layers_path,
                sites=found.layout.sites,
                neurons=size,
                circuit=budget(SIZE, size) if size >= 1 / SIZE else 0,
            )
        for text in _notes_on(self.found, files):
            self.note(text)

    def estimates(self, module: PreTrainedModel) -> None:
        """Estimate memory and time of `neuroswitch run` with its default settings."""
        seen = self.found
        if not seen.sites:
            return
        contrast = ContrastSet.builtin("refusal")
        positive, negative = (len(pile) for pile in contrast.test)
        work = Workload(
            read=sum(len(pile) for pile in contrast.discovery) + len(diverse_prompts()),
            answers=3 * positive + 2 * negative,
            prompt=40 if seen.reading is None else seen.reading.tokens + 10,
            answer=Decoding().max_new_tokens,
            batch=Decoding().batch_size,
        )
        self.positions(module, work)
        seen = self.found
        found = SiteMap(str(seen.layers_path), NeuronLayout(seen.sites))
        dtype: torch.dtype = getattr(torch, str(seen.dtype))
        bits = seen.quantization.bits if seen.quantization else None
        memory = estimate_memory(module, found, dtype, bits, work)
        self.found = replace(seen, memory=memory, duration=estimate_time(module, found, dtype, work))
        if memory.total > memory.machine:
            self.note(
                f"It needs about {memory.total / 1e9:.0f} GB, and {memory.machine / 1e9:.0f} GB are available: "
                "choose --dtype bfloat16, a quantised copy, or --device split, which leaves weights on disk."
            )

    def positions(self, module: PreTrainedModel, work: Workload) -> None:
        """Check that a prompt and its answer fit into the positions that a model has, or was trained on."""
        trained = getattr(module.config.get_text_config(decoder=True), "max_position_embeddings", None)
        if position_limit(module) is not None:
            with self.check("prompt_and_answer_fit"):
                require_positions(module, work.prompt, work.answer)
        elif isinstance(trained, int) and work.prompt + work.answer > trained:
            self.note(
                f"A prompt of {work.prompt} tokens and an answer of {work.answer} are longer than the {trained} tokens "
                "that the model was made for: name a smaller --max-new-tokens."
            )


def _notes_on(found: Diagnosis, files: ModelFiles) -> Iterator[str]:
    config = files.config.get_text_config(decoder=True)
    tied = [site for site in found.sites if site.tied_to]
    if tied:
        yield (
            f"{len(tied)} of {len(found.sites)} sites have the weights of another layer. A neuron is scaled "
            "in its own layer only; a circuit in them cannot be exported as weights."
        )
    if any(site.kind == "experts" for site in found.sites):
        yield (
            "Neurons of experts are read where the router sent the token, and are 0 elsewhere. They are scaled "
            "in their weights, which must be in memory: not offloaded, not packed."
        )
    kinds = {str(one["rope_type"]) for one in rope_parameters(config)}
    if "longrope" in kinds:
        yield "RoPE of type longrope: short and long prompts are never put into one batch, and nothing is reused."
    if "dynamic" in kinds:
        limit = getattr(config, "max_position_embeddings", None)
        yield f"RoPE of type dynamic: prompts longer than {limit} tokens are refused."
    sparse = getattr(config, "index_topk", None)
    if isinstance(sparse, int):
        yield f"Sparse attention: prompts of more than {sparse} tokens are read in batches of one length."
    if getattr(files.config, "is_decoder", True) is False:
        yield (
            "The configuration says is_decoder = false. A BERT-like model needs true, or it is refused when it is "
            "loaded, because a token sees later tokens; GPT-NeoX works as it is. --probe checks it."
        )
    if type(files.config) is not type(config):
        yield "A model with a text decoder inside: text prompts only; other inputs are not changed."


def _accepts(tokenizer: PreTrainedTokenizerBase, format: ChatFormat) -> bool:
    try:
        encode(tokenizer, EXAMPLE, format)
    except (BadOption, BadPrompts, Prerequisite):
        return False
    return True
