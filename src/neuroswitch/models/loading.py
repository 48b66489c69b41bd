"""A model by name: Hub id, folder, GGUF file or the demo model -> a `LanguageModel` that is proven.

transformers does the loading; this decides type and device, refuses what would fail silently
(weights that are missing, pickled weights, adapters, code nobody asked for) and finds the neurons.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from neuroswitch.chat import template_digest
from neuroswitch.errors import NeuroswitchError, Prerequisite, UnsupportedModel
from neuroswitch.models.demo import REPOSITORY, find_demo
from neuroswitch.models.fingerprints import config_digest, weights_digest
from neuroswitch.models.gguf import converted
from neuroswitch.models.language_model import LanguageModel, ModelIdentity
from neuroswitch.models.placement import PARALLEL, best_device, kind_of, placement, require_split
from neuroswitch.models.probe import probe
from neuroswitch.models.quantization import ask_to_unpack, has_experts, unpacks
from neuroswitch.models.quantizers import quantizer
from neuroswitch.models.sites import find_sites
from neuroswitch.progress import Progress, silent

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LoadOptions:
    """How a model is loaded.

    Attributes:
        revision: Commit, tag or branch on the Hub.
        dtype: "float32", "bfloat16", "float16", or "auto": float32 on a CPU, bfloat16 on a GPU.
        device: "cpu", "cuda:1", ...; "auto": the best single device; "split": all GPUs, then
            memory, then disk; "tp": tensor parallel over the processes that torchrun started;
            "meta": the structure without weights.
        trust_remote_code: Run Python code that comes with the model. Read it first.
        sites: Where the neurons are, such as "model.layers.{layer}.ffn.linear_out", if they are
            not found or not all wanted.
        quantize: Quantise the linear maps while loading: "bnb-8bit", "bnb-4bit", "torchao-int8" or
            "quanto-int8"; a checkpoint that is quantised already needs no word.
    """

    revision: str | None = None
    dtype: str = "auto"
    device: str = "auto"
    trust_remote_code: bool = False
    sites: str | None = None
    quantize: str | None = None


class _Origin(NamedTuple):
    """What transformers is to load, and what it is called."""

    location: str
    name: str
    source: str
    revision: str | None


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
    origin: _Origin
    options: LoadOptions

    @property
    def dtype(self) -> torch.dtype:
        """Return the type that the weights are loaded in.

        Raises:
            Prerequisite: It is not one that is known.
        """
        return _dtype(self.options)

    def module(self) -> PreTrainedModel:
        """Build the module on the meta device.

        Raises:
            Prerequisite: As `load`.
            UnsupportedModel: It is no causal language model.
        """
        with _explained(self.origin):
            return _empty_module(self.config, self.options).eval()  # type: ignore[no-untyped-call]

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """Read the tokenizer.

        Raises:
            Prerequisite: There is none, or it needs something first.
            UnsupportedModel: transformers does not know it.
        """
        with _explained(self.origin):
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
    origin = _origin(str(source), options, progress)
    folder = Path(origin.location)
    has_weights = not folder.is_dir() or any(folder.glob("*.safetensors"))
    with _explained(origin):
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

    Example:
        >>> load("Qwen/Qwen3-8B", options=LoadOptions(dtype="bfloat16")).layout.size
    """
    origin = _origin(str(source), options, progress)
    with _explained(origin):
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
    dtype = str(_dtype(options)).removeprefix("torch.")
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
    """
    revision = getattr(module.config, "_commit_hash", None)
    return _proven(module, tokenizer, _Origin(name, name, "wrapped", revision), sites)


def _proven(
    module: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, origin: _Origin, sites: str | None
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


def _origin(source: str, options: LoadOptions, progress: Progress) -> _Origin:
    if source == "demo":
        copy = find_demo(progress)
        return _Origin(str(copy.folder), REPOSITORY, copy.source, copy.revision)
    path = Path(source).expanduser()
    if path.suffix.lower() == ".gguf" and path.is_file():
        folder = converted(path, _dtype(options), progress)
        return _Origin(str(folder), source, f"GGUF file {path.name}", None)
    if path.is_dir():
        _require_model(path)
        return _Origin(str(path), source, "folder", None)
    if path.suffix.lower() == ".gguf" or source.startswith((".", "/", "~")) or source.count("/") != 1:
        raise Prerequisite(
            f"there is no model {source!r}",
            expected="a folder, a .gguf file, a Hub id such as 'Qwen/Qwen3-8B', or 'demo'",
            do="check the path",
        )
    return _Origin(source, source, "Hub", options.revision)


def _require_model(folder: Path) -> None:
    if (folder / "config.json").is_file():
        if any(folder.glob("*.safetensors")) or not any(folder.glob("*.bin")):
            return
        raise Prerequisite(
            f"the weights in {folder} are pickled, and unpickling runs code",
            found=", ".join(sorted(path.name for path in folder.glob("*.bin"))),
            expected="model.safetensors",
            do="convert them in a place you trust: from_pretrained(...).save_pretrained(...)",
        )
    if (folder / "adapter_config.json").is_file():
        raise Prerequisite(
            f"{folder} is a circuit or another adapter, not a model",
            do="name the model it was made for, and apply the circuit to it; "
            "an adapter of another kind must be merged into its model first",
        )
    raise Prerequisite(f"{folder} is not a model folder", found="no config.json in it")


def _module(origin: _Origin, options: LoadOptions) -> PreTrainedModel:
    arguments = _from(origin, options)
    config = AutoConfig.from_pretrained(origin.location, **arguments)
    device, dtype = _device(options), _dtype(options)
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
            config, dtype=_dtype(options), trust_remote_code=options.trust_remote_code
        )
    return empty


def _tokenizer(origin: _Origin, options: LoadOptions) -> PreTrainedTokenizerBase:
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


def _require_all_weights(origin: _Origin, missing: Any) -> None:
    if missing:
        names = sorted(missing)
        raise Prerequisite(
            f"{origin.name} lacks weights of the model; transformers would make them up at random",
            found=f"{len(names)} missing: {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}",
            do="load the complete language model, not a part of it or an encoder",
        )


def _auto_class(config: PreTrainedConfig) -> Any:
    """Choose the class for models that transformers files under text only, or under text and images."""
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING or hasattr(config, "auto_map"):
        return AutoModelForCausalLM
    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING:
        return AutoModelForImageTextToText
    raise UnsupportedModel(
        f"{config.model_type} is not a causal language model",
        expected="a decoder that transformers can load as AutoModelForCausalLM",
    )


def _from(origin: _Origin, options: LoadOptions) -> dict[str, Any]:
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
    return {"quantization_config": quantizer(options.quantize, _dtype(options))}


def _device(options: LoadOptions) -> str:
    return best_device() if options.device == "auto" else options.device


def _dtype(options: LoadOptions) -> torch.dtype:
    if options.dtype == "auto":
        return torch.float32 if kind_of(_device(options)) == "cpu" else torch.bfloat16
    if options.dtype not in DTYPES:
        raise Prerequisite(f"unknown dtype {options.dtype!r}", expected=", ".join(["auto", *DTYPES]))
    return DTYPES[options.dtype]


@contextmanager
def _explained(origin: _Origin) -> Iterator[None]:
    """Turn what transformers raises about a model into this library's errors."""
    try:
        yield
    except NeuroswitchError:
        raise
    except ValueError as error:
        if "trust_remote_code" in str(error):
            raise Prerequisite(
                f"{origin.name} comes with Python code of its own",
                do="read that code; if you trust it, pass --trust-remote-code "
                "(trust_remote_code=True in LoadOptions)",
            ) from error
        raise UnsupportedModel(f"transformers cannot load {origin.name}", found=_summary(error)) from error
    except (OSError, ImportError, RuntimeError, SafetensorError) as error:
        raise Prerequisite(
            f"could not load {origin.name}",
            found=_summary(error),
            do="check the name, the connection and that the files are complete and in safetensors; "
            "a gated model needs `hf auth login`",
        ) from error


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
