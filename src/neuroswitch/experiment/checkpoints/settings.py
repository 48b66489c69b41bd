"""What a study of two checkpoints is asked to do, and what is checked before any weights are loaded."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, NamedTuple

from neuroswitch.chat import encode, read_token
from neuroswitch.errors import Prerequisite, WrongModel
from neuroswitch.experiment.settings import RunSettings
from neuroswitch.models import LanguageModel, LoadOptions, load_structure
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt

Role = Literal["base", "instruct"]
ROLES: tuple[Role, Role] = ("base", "instruct")

TemplateFrom = Literal["own", "instruct"]

PAPER_TOP = 200
"""Neurons of each model that the paper compares, whatever the models' size."""


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """Settings of `neuroswitch compare-models`.

    Attributes:
        base: Hub id, folder, GGUF file or `demo`: the first checkpoint, usually the base model.
        instruct: The second checkpoint.
        base_revision: Commit, tag or branch of the first on the Hub.
        instruct_revision: The same of the second.
        template_from: Whose chat template the base model's prompts are put in: its `own` (raw text where
            it has none), or that of the `instruct` model.
        top: Size of the second pair of circuits that is compared, as a count.
        run: All that both models have in common; its model and revision are not read.
    """

    base: str
    instruct: str
    base_revision: str | None = None
    instruct_revision: str | None = None
    template_from: TemplateFrom = "own"
    top: int = PAPER_TOP
    run: RunSettings = RunSettings()

    def source(self, role: Role) -> str:
        """Return what is loaded for a role."""
        return self.base if role == "base" else self.instruct

    def loading(self, role: Role) -> LoadOptions:
        """Return how it is loaded."""
        revision = self.base_revision if role == "base" else self.instruct_revision
        return replace(self.run.loading, revision=revision)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, those of the run beside the study's own."""
        shared = self.run.to_json()
        shared["loading"] = {key: value for key, value in shared["loading"].items() if key != "revision"}
        own = {key: value for key, value in asdict(self).items() if key != "run"}
        return {**own, **{key: value for key, value in shared.items() if key != "model"}}


class Outlines(NamedTuple):
    """What the structures of both models say.

    Attributes:
        template: The chat template that the base model takes from the instruct model; None where each
            model keeps its own.
        asked: How each model's prompts are put to it, in words.
        reads: The token at which each model's neurons are read.
        same_tokens: Whether both models get exactly the same token ids for every prompt.
        layers: Decoder layers of either.
        neurons: MLP neurons of either.
    """

    template: Any
    asked: dict[Role, str]
    reads: dict[Role, str]
    same_tokens: bool
    layers: int
    neurons: int


def check_outlines(
    settings: StudySettings, prompts: Sequence[Prompt], *, progress: Progress = silent
) -> Outlines:
    """Compare the structures of both models, and put every prompt to both tokenizers, without weights.

    Args:
        settings: The study's.
        prompts: Every prompt that the study will use.
        progress: Told of downloads and conversions.

    Raises:
        WrongModel: The models differ in shape.
        Prerequisite: The instruct model has no chat template to lend, or a template cannot express the
            system prompt or the thinking mode.
        BadPrompts: A template rejects a prompt.
    """
    base, instruct = (
        load_structure(settings.source(role), options=settings.loading(role), progress=progress)
        for role in ROLES
    )
    _require_one_shape(base, instruct)
    asked: dict[Role, str] = {"base": _asked(base), "instruct": _asked(instruct)}
    template = None
    if settings.template_from == "instruct":
        template = _lent(instruct)
        base.tokenizer.chat_template = template
        asked["base"] = "in the chat template of the instruct model"
    ids = {
        role: [encode(model.tokenizer, prompt, settings.run.chat) for prompt in prompts]
        for role, model in zip(ROLES, (base, instruct), strict=True)
    }
    return Outlines(
        template,
        asked,
        {
            "base": repr(read_token(base.tokenizer, ids["base"][0]).text),
            "instruct": repr(read_token(instruct.tokenizer, ids["instruct"][0]).text),
        },
        ids["base"] == ids["instruct"],
        max(site.layer for site in base.layout.sites) + 1,
        base.layout.size,
    )


def _asked(model: LanguageModel) -> str:
    return "in its own chat template" if model.tokenizer.chat_template else "as raw text, having no template"


def _lent(instruct: LanguageModel) -> Any:
    if instruct.tokenizer.chat_template:
        return instruct.tokenizer.chat_template
    raise Prerequisite(
        "there is no chat template to take from the instruct model",
        found=f"a tokenizer without one in {instruct.identity.name}",
        do="use --template-from own, or name the models in the order BASE INSTRUCT",
    )


def _require_one_shape(base: LanguageModel, instruct: LanguageModel) -> None:
    shapes = [_shape(model) for model in (base, instruct)]
    if base.layout != instruct.layout or shapes[0] != shapes[1]:
        raise WrongModel(
            "the two models differ in shape, so their neurons cannot be compared one by one",
            found=f"{base.identity.name}: {shapes[0]}; {instruct.identity.name}: {shapes[1]}",
            expected="two checkpoints of one shape: the same type, layers and widths",
            do="name a base model and the model that was tuned from it",
        )


def _shape(model: LanguageModel) -> str:
    config: Any = model.module.config
    hidden = config.get_text_config(decoder=True).hidden_size
    sites = len(model.layout.sites)
    return f"{model.identity.model_type}, {model.layout.size} neurons in {sites} sites, hidden size {hidden}"
