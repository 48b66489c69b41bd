"""A model by name: Hub id, folder, GGUF file or the demo model -> a `LanguageModel` that is proven.

transformers does the loading; this decides type and device, refuses what would fail silently
(weights that are missing, pickled weights, adapters, code nobody asked for) and finds the neurons.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_MULTIMODAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from neuroswitch.chat import template_digest
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models.fingerprints import config_digest, weights_digest
from neuroswitch.models.handle import LanguageModel, ModelIdentity
from neuroswitch.models.options import LoadOptions, chosen_device, chosen_dtype
from neuroswitch.models.origin import Origin, explained, find_origin
from neuroswitch.models.placement import PARALLEL, placement, require_split
from neuroswitch.models.quantization import ask_to_unpack, has_experts, unpacks
from neuroswitch.models.quantizers import quantizer
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import find_sites, probe, refuse_encoder


@dataclass(frozen=True, eq=False)
class Blueprint:
    """A model before its weights: what its files say, read part by part, so that a part may be missing.

    Attributes:
        config: Its configuration.
        has_weights: Whether there are weights to load: not in a folder that holds a configuration only.
        origin: What transformers is asked for.
        options: How.
    """

    config: PreTrainedConfig
    has_weights: bool
    origin: Origin
    options: LoadOptions

    @property
    def dtype(self) -> torch.dtype:
        """Return the type that the weights are loaded in.

        Raises:
            Prerequisite: It is not one that is known.
        """
        return chosen_dtype(self.options)

    def module(self) -> PreTrainedModel:
        """Build the module on the meta device.

        Raises:
            Prerequisite: As `load`.
            UnsupportedModel: It is no causal language model.
        """
        with explained(self.origin):
            return _empty_module(self.config, self.options).eval()  # type: ignore[no-untyped-call]

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Read the tokenizer.

        Raises:
            Prerequisite: There is none, or it needs something first.
            UnsupportedModel: transformers does not know it.
        """
        with explained(self.origin):
            return _tokenizer(self.origin, self.options)


def blueprint(
    source: str | Path = "demo", *, options: LoadOptions = LoadOptions(), progress: Progress = silent
) -> Blueprint:
    """Read a model's configuration and nothing heavier; a GGUF file is converted as `load` would.

    Args:
        source: As for `load`; a folder may hold a `config.json` only.
        options: As for `load`.
        progress: Told of downloads and conversions.

    Raises:
        Prerequisite: As `load`.
        UnsupportedModel: transformers does not know the model type.
    """
    origin = find_origin(str(source), options, progress)
    folder = Path(origin.location)
    has_weights = not folder.is_dir() or any(folder.glob("*.safetensors"))
    with explained(origin):
        config = AutoConfig.from_pretrained(origin.location, **_from(origin, options))
    return Blueprint(config, has_weights, origin, options)


def load(
    source: str | Path = "demo", *, options: LoadOptions = LoadOptions(), progress: Progress = silent
) -> LanguageModel:
    """Load a model and prove that its neurons can be read.

    Args:
        source: Hub id, folder, `.gguf` file, or "demo": Qwen2.5-Coder-0.5B-Instruct, from wherever
            it can be had.
        options: Revision, type, device.
        progress: Told of downloads and conversions.

    Raises:
        Prerequisite: The model cannot be reached, is incomplete, or needs something first.
        UnsupportedModel: It is no causal language model, or its neurons were not found.

    Examples:
        >>> model = ns.load_model("demo", options=ns.LoadOptions(dtype="bfloat16"))
        >>> model.identity.dtype, model.device.type
        ('bfloat16', 'cpu')
    """
    origin = find_origin(str(source), options, progress)
    with explained(origin):
        module = _module(origin, options)
        tokenizer = _tokenizer(origin, options)
    return _proven(module, tokenizer, origin, options.sites)


def outline(
    source: str | Path = "demo", *, options: LoadOptions = LoadOptions(), progress: Progress = silent
) -> LanguageModel:
    """Load a model's structure and tokenizer without its weights: shapes and prompts can be checked with it.

    The same files are fetched or converted as `load` would, so a GGUF file is not converted twice.
    Arguments and errors are those of `load`; the device is not used.
    """
    dtype = str(chosen_dtype(options)).removeprefix("torch.")
    return load(source, options=replace(options, dtype=dtype, device="meta"), progress=progress)


def wrap(
    module: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    name: str,
    sites: str | None = None,
) -> LanguageModel:
    """Take a model that is loaded already, for example quantised or adapted in a way of your own.

    The module is put in evaluation mode and otherwise left alone.

    Args:
        module: A causal language model of transformers.
        tokenizer: Its tokenizer.
        name: What it shall be called in circuits and reports.
        sites: As in `LoadOptions`.

    Raises:
        UnsupportedModel: Its neurons were not found or do not fire.

    Examples:
        >>> mine = ns.wrap_model(model.module, model.tokenizer, name="my model")
        >>> mine.layout == model.layout
        True
    """
    revision = getattr(module.config, "_commit_hash", None)
    return _proven(module, tokenizer, Origin(name, name, "wrapped", revision), sites)


def _proven(
    module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, origin: Origin, sites: str | None
) -> LanguageModel:
    module.eval()  # type: ignore[no-untyped-call]
    found = find_sites(module, sites)
    if module.device.type != "meta":
        probe(module, found)
    identity = ModelIdentity(
        name=origin.name,
        revision=origin.revision or getattr(module.config, "_commit_hash", None),
        model_type=module.config.model_type,
        config_sha256=config_digest(module.config),
        template_sha256=template_digest(tokenizer),
        weights_sha256=weights_digest(module),
        dtype=str(module.dtype).removeprefix("torch."),
        source=origin.source,
        location=origin.location if origin.location != origin.name else None,
    )
    return LanguageModel(module, tokenizer, found.layout, found.layers_path, identity)


def _module(origin: Origin, options: LoadOptions) -> PreTrainedModel:
    arguments = _from(origin, options)
    config = AutoConfig.from_pretrained(origin.location, **arguments)
    device, dtype = chosen_device(options), chosen_dtype(options)
    if device == "meta":
        return _empty_module(config, options)
    if unpacks(config, experts=False) or (
        unpacks(config, experts=True) and has_experts(_empty_module(config, options))
    ):
        ask_to_unpack(config)
    module: PreTrainedModel
    module, report = _auto_class(config).from_pretrained(
        origin.location,
        config=config,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        **placement(device, origin.name),
        **_quantized(config, options),
        **arguments,
    )
    if device == PARALLEL:
        require_split(module, origin.name)
    _require_all_weights(origin, report["missing_keys"])
    return module


def _empty_module(config: PreTrainedConfig, options: LoadOptions) -> PreTrainedModel:
    kind = _auto_class(config)
    with torch.device("meta"):
        empty: PreTrainedModel = kind.from_config(
            config, dtype=chosen_dtype(options), trust_remote_code=options.trust_remote_code
        )
    return empty


def _tokenizer(origin: Origin, options: LoadOptions) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        origin.location, **_from(origin, options)
    )
    # where there are no files, transformers makes up a tokenizer that knows no word
    known = set(tokenizer.get_vocab()) - set(tokenizer.get_added_vocab()) - set(tokenizer.all_special_tokens)
    if len(known) < 2:
        raise Prerequisite(
            f"{origin.name} has no tokenizer",
            found=f"a {type(tokenizer).__name__} without a vocabulary",
            do="put tokenizer.json and tokenizer_config.json beside config.json",
        )
    return tokenizer


def _require_all_weights(origin: Origin, missing: Any) -> None:
    if missing:
        names = sorted(missing)
        raise Prerequisite(
            f"{origin.name} lacks weights of the model; transformers would make them up at random",
            found=f"{len(names)} missing: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}",
            do="load the complete language model, not a part of it or an encoder",
        )


def _auto_class(config: PreTrainedConfig) -> Any:
    """Choose the class for models that transformers files under text, or under text and images or sound."""
    # the class would read the decoder's half of the checkpoint and say nothing of the rest
    refuse_encoder(config, config.model_type)
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING or hasattr(config, "auto_map"):
        return AutoModelForCausalLM
    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return AutoModelForImageTextToText
    if type(config) in MODEL_FOR_MULTIMODAL_LM_MAPPING:
        return AutoModelForMultimodalLM
    raise UnsupportedModel(
        f"{config.model_type} is not a causal language model",
        expected="a decoder that transformers can load as AutoModelForCausalLM",
    )


def _from(origin: Origin, options: LoadOptions) -> dict[str, Any]:
    # False rather than None: None makes transformers ask at the keyboard.
    return {"revision": origin.revision, "trust_remote_code": options.trust_remote_code}


def _quantized(config: PreTrainedConfig, options: LoadOptions) -> dict[str, Any]:
    if options.quantize is None:
        return {}
    stored = getattr(config, "quantization_config", None)
    if stored or options.device == PARALLEL:
        raise Prerequisite(
            f"the model cannot be quantised as {options.quantize} while it is loaded",
            found="a checkpoint that is quantised already" if stored else "tensor parallelism",
            do="leave --quantize out",
        )
    return {"quantization_config": quantizer(options.quantize, chosen_dtype(options))}
