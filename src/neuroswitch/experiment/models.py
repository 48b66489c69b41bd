"""The models of an experiment: one, or two of one shape of which one is in memory at a time."""

import gc
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import NamedTuple

import torch

from neuroswitch.chat import encode, read_token
from neuroswitch.errors import Prerequisite, WrongModel
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.models import LanguageModel, load_model, load_structure
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt
from neuroswitch.summary import ModelUsed
from neuroswitch.templates import has_template, template_digest

BASE, INSTRUCT = "base", "instruct"


def roles_of(settings: ExperimentSettings) -> tuple[str, ...]:
    """Return the roles of the models: `model`, or `base` and `instruct`."""
    return (BASE, INSTRUCT) if len(settings.models) == 2 else ("model",)


class Pair(NamedTuple):
    """What the structures of two models say before weights are loaded.

    Attributes:
        template: The chat template that the base model takes from the instruct model; None where each model
            keeps its own.
        same_tokens: Whether both models get the same token ids for every prompt.
    """

    template: str | None
    same_tokens: bool


def check_pair(
    settings: ExperimentSettings, prompts: Sequence[Prompt], *, progress: Progress = silent
) -> Pair:
    """Compare the structures of two models, and put every prompt to both tokenizers, without weights.

    Args:
        settings: The experiment's.
        prompts: Every prompt that it will use.
        progress: Told of downloads and conversions.

    Raises:
        WrongModel: The models differ in shape.
        Prerequisite: The instruct model has no chat template for the base model to take, or a template cannot
            express the system prompt or the thinking mode.
        BadPrompts: A template rejects a prompt.
    """
    base, instruct = (
        load_structure(source, options=settings.loading_of(place), progress=progress)
        for place, source in enumerate(settings.models)
    )
    shapes = [_shape(model) for model in (base, instruct)]
    if base.layout != instruct.layout or shapes[0] != shapes[1]:
        raise WrongModel(
            "the two models differ in shape, so their neurons cannot be compared one by one",
            found=f"{base.identity.name}: {shapes[0]}; {instruct.identity.name}: {shapes[1]}",
            expected="two checkpoints of one shape: the same type, layers and widths",
            do="name a base model and the model that was tuned from it",
        )
    template = None
    if settings.template_from == INSTRUCT:
        template = instruct.tokenizer.chat_template
        if not template:
            raise Prerequisite(
                "there is no chat template to take from the instruct model",
                found=f"a tokenizer without one in {instruct.identity.name}",
                do="use --template-from own, or name the models in the order BASE INSTRUCT",
            )
        base.tokenizer.chat_template = template
    ids = [
        [encode(model.tokenizer, prompt, settings.chat) for prompt in prompts] for model in (base, instruct)
    ]
    return Pair(template, ids[0] == ids[1])


def _shape(model: LanguageModel) -> str:
    hidden = model.module.config.get_text_config(decoder=True).hidden_size
    units = f"{model.layout.size} {model.layout.words} in {len(model.layout.sites)} sites"
    return f"{model.identity.model_type}, {units}, hidden size {hidden}"


@dataclass
class Models:
    """Holds one model at a time: asking for another one replaces it.

    Attributes:
        settings: Which models, and how they are loaded.
        template: Chat template that the base model is given.
        without_weights: Load structures only, because a server has the weights.
        progress: Told of downloads, and of all work on a model, its role in front where there are two.
        loaded: Called with the role and the model whenever one is loaded.
    """

    settings: ExperimentSettings
    template: str | None
    without_weights: bool
    progress: Progress
    loaded: Callable[[str, LanguageModel], None]
    _role: str | None = None
    _model: LanguageModel | None = field(default=None, repr=False)

    def get(self, role: str) -> LanguageModel:
        """Return the model of a role, loaded now if it is not the one in memory."""
        if self._model is None or self._role != role:
            self._model = None
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._role, self._model = role, self._load(role)
            self.loaded(role, self._model)
        return self._model

    def in_memory_first(self, roles: Sequence[str]) -> list[str]:
        """Return the roles, that of the model in memory first."""
        return sorted(roles, key=lambda role: role != self._role)

    def progress_of(self, role: str) -> Progress:
        """Return where to report work on a model."""
        if role == "model":
            return self.progress
        return lambda stage, done, total: self.progress(f"{role}: {stage}", done, total)

    def _load(self, role: str) -> LanguageModel:
        place = roles_of(self.settings).index(role)
        options = self.settings.loading_of(place)
        if self.without_weights:
            options = replace(options, device="meta")
        model = load_model(self.settings.models[place], options=options, progress=self.progress_of(role))
        if role != BASE or self.template is None:
            return model
        tokenizer = deepcopy(model.tokenizer)
        tokenizer.chat_template = self.template
        identity = replace(model.identity, template_sha256=template_digest(tokenizer))
        return replace(model, tokenizer=tokenizer, identity=identity)


def model_facts(model: LanguageModel, settings: ExperimentSettings, role: str, first: Prompt) -> ModelUsed:
    """Return what a report says of a model, so that it can be made without it."""
    name = PurePath(model.identity.name.rstrip("/")).name
    if len({PurePath(source.rstrip("/")).name for source in settings.models}) < len(settings.models):
        # two models of one name are told apart by revision or role
        name += f" ({settings.loading_of(roles_of(settings).index(role)).revision or role})"
    token = read_token(model.tokenizer, encode(model.tokenizer, first, settings.chat))
    asked = "in its own chat template" if has_template(model.tokenizer) else "as raw text, without a template"
    if role == BASE and settings.template_from == INSTRUCT:
        asked = "in the chat template of the instruct model"
    return ModelUsed(
        name=name,
        identity=asdict(model.identity),
        asked=asked,
        token_read=f"{token.text!r}, the last of the prompt",
        layers=max(site.layer for site in model.layout.sites) + 1,
        neurons=model.layout.size,
        units=model.layout.units,
    )
