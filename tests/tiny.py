"""Tiny random models and a tiny tokenizer, built from configurations without a network.

Every model has 128 tokens, a hidden size of 32 and 3 to 8 layers, and is the same for the same seed.
"""

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    AutoModelForMultimodalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from architectures import ARCHITECTURES, COMMON, REFUSED
from neuroswitch.models.handle import LanguageModel, ModelIdentity
from neuroswitch.options import Units
from neuroswitch.sites.finding import find_sites
from neuroswitch.sites.probe import probe
from wrappers import MARKERS, NOT_TEXT_ALONE, SEEING, TEXT, WRAPPERS

SPECIAL = ["<pad>", "<bos>", "<eos>", "<unk>", "<|system|>", "<|user|>", "<|assistant|>"]
WORDS = """. , ? ! ' a an the and or not of to in on for with from is are was be it this that i you we they
he she my your what how why who when where which can could will would please tell me write make explain give
list name do does say sing short long big small good bad new old red green blue one two three day night sun
moon sea sky tree river house garden bread water tea cake cat dog bird horse book song poem letter word story
city road train boat color number morning evening sorry help yes no""".split()
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}<|{{ message.role }}|> {{ message.content }} {{ eos_token }}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tiny_tokenizer(
    *, template: str | None = TEMPLATE, words: Sequence[str] = WORDS
) -> PreTrainedTokenizerBase:
    """Build a word-level tokenizer, of at most 128 tokens by default, with a chat template and a pad token."""
    vocabulary = {word: number for number, word in enumerate([*SPECIAL, *words])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="<pad>",
        bos_token="<bos>",
        eos_token="<eos>",
        unk_token="<unk>",
        additional_special_tokens=SPECIAL[4:],
    )
    tokenizer.chat_template = template
    return tokenizer


def tiny_config(name: str, **settings: object) -> PreTrainedConfig:
    """Build the tiny configuration of an entry of `ARCHITECTURES`, `WRAPPERS` or of what is refused."""
    kind = CONFIG_MAPPING[name.partition("/")[0]]
    if name in WRAPPERS or name in NOT_TEXT_ALONE:
        own = WRAPPERS[name] if name in WRAPPERS else NOT_TEXT_ALONE[name][0]
        return kind(**_parts(kind, own), **settings)
    own = ARCHITECTURES[name] if name in ARCHITECTURES else REFUSED[name][0]
    return kind(**_without_none({**_sizes(kind, COMMON), **own, **settings}))


def _sizes(kind: type[PreTrainedConfig], table: dict[str, Any]) -> dict[str, Any]:
    """Take from a table of sizes what a configuration has."""
    known = kind().to_dict()
    alias = getattr(kind, "attribute_map", {})
    common = {key: value for key, value in table.items() if key in known and key not in alias}
    # None switches a feature off: the table must not switch it on
    off = {
        key for key in ("sliding_window", "q_lora_rank", "num_experts", "n_inner") if known.get(key) is None
    }
    return {key: value for key, value in common.items() if key not in off}


def _parts(kind: type[PreTrainedConfig], own: dict[str, Any], *, reads: bool = True) -> dict[str, Any]:
    """Build the settings of a configuration of configurations; `reads` says whether any of it is for text."""
    default, parts = kind(), {}
    for name in kind.sub_configs:
        part = getattr(default, name, None)
        if part is None:
            continue
        text = reads and any(word in name for word in TEXT)
        inner = _parts(type(part), {}, reads=text) if type(part).sub_configs else {}
        known = ARCHITECTURES.get(part.model_type, {}) if text else {}
        sizes = {**_sizes(type(part), COMMON if text else SEEING), **known, **inner, **own.get(name, {})}
        named = {"model_type": part.model_type} if "model_type" in part.to_dict() else {}
        parts[name] = {**_without_none(sizes), **named}
    inside = any(word in name for name in parts for word in TEXT)
    tokens = [key for key in MARKERS if isinstance(kind().to_dict().get(key), int)]
    return _without_none(
        {
            **({} if inside else _sizes(kind, COMMON if reads else SEEING)),
            **{key: 100 + MARKERS.index(key) for key in tokens},
            **{key: value for key, value in own.items() if key not in parts},
            **parts,
        }
    )


def _without_none(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value is not None}


def tiny_module(name: str, *, seed: int = 0, **settings: object) -> PreTrainedModel:
    """Build a random model whose norms and biases are not trivial, in evaluation mode."""
    torch.manual_seed(seed)
    config = tiny_config(name, **settings)
    text = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    kind = AutoModelForCausalLM if text else AutoModelForMultimodalLM
    module = kind.from_config(config, dtype=torch.float32).eval()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.isfinite().all():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.2)
            elif parameter.numel() == 1 or parameter.std() == 0:
                parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)
    return module


def wrapped(module: PreTrainedModel, *, sites: str | None = None, units: Units = "mlp") -> LanguageModel:
    """Make a `LanguageModel` of a module without loading anything."""
    found = find_sites(module, sites, units)
    probe(module, found)
    identity = ModelIdentity(
        name="tiny",
        revision=None,
        model_type=module.config.model_type,
        config_sha256="0" * 64,
        template_sha256="0" * 64,
        weights_sha256=None,
        dtype=str(module.dtype).removeprefix("torch."),
        source="wrapped",
    )
    return LanguageModel(module, tiny_tokenizer(), found.layout, found.layers_path, identity)


def tiny_model(name: str, *, seed: int = 0, units: Units = "mlp", **settings: object) -> LanguageModel:
    """Build a tiny random model of an entry of `ARCHITECTURES` or `WRAPPERS`."""
    return wrapped(tiny_module(name, seed=seed, **settings), units=units)


def tiny_llama(*, seed: int = 0, **settings: object) -> LanguageModel:
    """Build the plainest of them: a Llama of 3 layers x 64 neurons."""
    return tiny_model("llama", seed=seed, **settings)
