"""GGUF files: dequantised once into a folder of safetensors, because reading one takes a minute.

transformers reads the file. In float32 the values are exactly those of the quantised file.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models.cache import build_once, cache_dir
from neuroswitch.progress import Progress, silent
from neuroswitch.storage import digest

# the strongest quantisation in use stores about 2 bits of a weight
LARGEST_EXPANSION = 16
INSTEAD = "use the original checkpoint of the model instead of a GGUF file"


def converted(path: Path, dtype: torch.dtype, progress: Progress = silent) -> Path:
    """Return the folder with the contents of a GGUF file, converting it the first time.

    The folder is used again as long as the file's path, size and modification time stay the same.

    Args:
        path: The file.
        dtype: Type of the weights in the folder.
        progress: Called when a conversion begins and ends.

    Raises:
        Prerequisite: The file is not GGUF, or the cache cannot be written.
        UnsupportedModel: transformers cannot read this architecture from GGUF.
    """
    state = path.stat()
    name = str(dtype).removeprefix("torch.")
    key = digest([str(path.resolve()), state.st_size, state.st_mtime_ns])[:16]
    return build_once(
        cache_dir() / "gguf" / f"{path.stem}-{name}-{key}",
        lambda folder: convert(path, folder, dtype, progress=progress),
        size=state.st_size * LARGEST_EXPANSION * dtype.itemsize // torch.float32.itemsize,
    )


def convert(path: Path, folder: Path, dtype: torch.dtype, *, progress: Progress = silent) -> None:
    """Write the model and the tokenizer of a GGUF file to `folder` as transformers would save them.

    Raises:
        Prerequisite: The file is not GGUF.
        UnsupportedModel: transformers cannot read this architecture from GGUF.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"GGUF":
        raise Prerequisite(
            f"{path} is not a GGUF file",
            found=f"it begins with {start!r}",
            expected="b'GGUF'",
            do="fetch the file again: a web page or a Git LFS pointer may have been saved instead",
        )
    stage = f"converting {path.name}"
    progress(stage, 0, 1)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            dtype=dtype,
            quantization_config=GgufConfig(dequantize=True),
            ignore_mismatched_sizes=True,  # they are in the report, as weights that are missing are
            output_loading_info=True,
        )
    except (ValueError, NotImplementedError, KeyError) as error:
        found = str(error).splitlines()[0]
        raise UnsupportedModel(f"transformers cannot read {path.name}", found=found, do=INSTEAD) from error
    model, report = loaded
    if missing := sorted({*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}):
        raise UnsupportedModel(
            f"transformers does not find all weights of a {model.config.model_type} in {path.name}",
            found=f"{len(missing)} missing or of another shape: {', '.join(missing[:3])}",
            do=INSTEAD,
        )
    # the weights are plain by now; the quantizer would forbid saving them
    if hasattr(model, "hf_quantizer"):
        del model.hf_quantizer
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    _tokenizer(path, model.config.model_type).save_pretrained(folder)
    progress(stage, 1, 1)


def _tokenizer(path: Path, model_type: str) -> PreTrainedTokenizerBase:
    """Build the tokenizer that AutoTokenizer would, which takes long to find the model type."""
    tokenizer: PreTrainedTokenizerBase
    if model_type in TOKENIZER_MAPPING_NAMES:
        tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name, tokenizer_type=model_type)
    else:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(path.parent, gguf_file=path.name)
    return tokenizer
