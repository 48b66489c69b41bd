"""A circuit for llama.cpp: as a GGUF LoRA, or written into a copy of a GGUF file.

The LoRA works on a base of any quantisation and takes a scale with each request; the copy costs nothing at
run time. Conversion to GGUF reorders queries and keys of attention only, so a neuron keeps its index, and so does an
attention unit, which follows the values. Linear attention may be reordered too: it is refused.
"""

import shutil
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.forms import exporters, require_model
from neuroswitch.circuits.exports.lora import factors
from neuroswitch.errors import Prerequisite, UnsupportedModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import NeuronLayout
from neuroswitch.storage import replace_atomic, require_new

# transformers' model type -> llama.cpp's name, where they differ by more than "_text" or "_"
ARCHITECTURES = {
    "cohere": "command-r",
    "glm4_moe": "glm4moe",
    "gpt_neox": "gptneox",
    "granitemoehybrid": "granitehybrid",
    "internlm3": "llama",
    "mistral": "llama",
    "mixtral": "llama",
    "ministral3": "mistral3",
    "phi": "phi2",
    "qwen2_moe": "qwen2moe",
    "qwen3_moe": "qwen3moe",
}
LAYERS = 1024
"""More than any model has: how many blocks the name table is made for."""


@exporters.register("gguf-lora")
def export_gguf_lora(
    circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float
) -> Path:
    """Write a GGUF LoRA adapter, one file."""
    model = require_model(base, "gguf-lora")
    architecture = _architecture(model.identity.model_type)
    found = factors(circuit, model, strength, "gguf-lora")
    lora_rank = len(next(iter(found.values())).down)
    named = {_gguf_name(architecture, path, circuit.layout): change for path, change in found.items()}

    def write(path: Path) -> None:
        writer = gguf.GGUFWriter(path, architecture)
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(lora_rank))
        for name, (down, up) in named.items():
            writer.add_tensor(f"{name}.lora_a", down.numpy())
            writer.add_tensor(f"{name}.lora_b", up.contiguous().numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    require_new(destination)
    return replace_atomic(destination, write)


@exporters.register("gguf")
def export_gguf(circuit: Circuit, base: LanguageModel | Path, destination: Path, strength: float) -> Path:
    """Write a copy of a `.gguf` file in which the circuit is scaled.

    Blocks of a quantised tensor that hold a touched value are quantised again; no other byte changes.
    """
    if isinstance(base, LanguageModel):
        raise UnsupportedModel(
            "the form 'gguf' changes a GGUF file, and a model was given",
            found=base.identity.name,
            expected="a path that ends in .gguf",
            do="name the file that llama.cpp loads, or export 'gguf-lora' from this model",
        )

    def write(copy: Path) -> None:
        shutil.copyfile(base, copy)
        reader = _opened(copy, base)
        tensors = {tensor.name: tensor for tensor in reader.tensors}
        architecture = _named_architecture(reader, base)
        widths = {site.path: site.width for site in circuit.layout.sites}
        for path, (local, multipliers) in circuit.site_multipliers(strength).items():
            name = _gguf_name(architecture, path, circuit.layout)
            if name not in tensors:
                raise UnsupportedModel(f"{base} has no tensor {name}", expected=f"the projection of {path}")
            _scale(tensors[name], widths[path], local, multipliers)

    require_new(destination)
    return replace_atomic(destination, write)


def _opened(path: Path, base: Path) -> gguf.GGUFReader:
    """Map a copy of `base` for writing."""
    try:
        return gguf.GGUFReader(path, "r+")
    except (ValueError, IndexError) as error:
        raise Prerequisite(
            f"{base} is no GGUF file, or is truncated", found=str(error), do="fetch the file again"
        ) from error


def _scale(tensor: gguf.ReaderTensor, width: int, local: Tensor, multipliers: Tensor) -> None:
    """Scale what some neurons write; the innermost axis is the neuron, the outermost the expert, if any."""
    if int(tensor.shape[0]) != width:  # gguf lists axes from the innermost
        raise UnsupportedModel(
            f"the tensor {tensor.name} has another width than the model's",
            found=f"{int(tensor.shape[0])}",
            expected=f"{width}",
            do="name the GGUF file of the circuit's model",
        )
    block, size = gguf.GGML_QUANT_SIZES[tensor.tensor_type]
    data = tensor.data.view(np.uint8).reshape(
        -1, int(tensor.shape[1]), width // block, size
    )  # (E, H, blocks, bytes)
    for flat, multiplier in zip(local.tolist(), multipliers.tolist(), strict=True):
        expert, index = divmod(flat, width)
        column = data[expert, :, index // block]  # (H, bytes)
        values = gguf.dequantize(column.copy(), tensor.tensor_type)  # (H, block)
        values[:, index % block] *= multiplier
        column[:] = _quantized(values, tensor)


def _quantized(values: NDArray[np.float32], tensor: gguf.ReaderTensor) -> NDArray[np.uint8]:
    try:
        quantized: NDArray[np.uint8] = gguf.quantize(values, tensor.tensor_type).view(np.uint8)
    except NotImplementedError as error:
        raise UnsupportedModel(
            f"values of {tensor.name} cannot be quantised again",
            found=f"type {tensor.tensor_type.name}, which the gguf package only reads",
            expected="F32, F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0",
            do="export 'gguf-lora', which does not change the file, or export before quantising",
        ) from error
    return quantized


def _architecture(model_type: str) -> str:
    known = set(gguf.MODEL_ARCH_NAMES.values())
    plain = model_type.removesuffix("_text")
    names = (ARCHITECTURES.get(model_type, plain), plain.replace("_", "-"), plain.replace("_", ""))
    found = next((name for name in names if name in known), None)
    if found is None:
        raise UnsupportedModel(
            f"the gguf package does not know models of type {model_type}",
            do="export the form 'weights', convert it with llama.cpp, and load the result",
        )
    return found


def _named_architecture(reader: gguf.GGUFReader, path: Path) -> str:
    field = reader.get_field(gguf.Keys.General.ARCHITECTURE)
    if field is None:
        raise Prerequisite(
            f"{path} does not say which architecture it holds", do="name a complete GGUF model"
        )
    return str(field.contents())


def _gguf_name(architecture: str, path: str, layout: NeuronLayout) -> str:
    """Translate a site's path: `model.layers.3.mlp.down_proj` is `blk.3.ffn_down.weight`."""
    number = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    name = gguf.get_tensor_name_map(number, LAYERS).get_name(path)
    if name is None:
        # a container of experts: the parameter's name follows its path
        name = gguf.get_tensor_name_map(number, LAYERS).get_name(f"{path}.down_proj")
    if name is None:
        raise UnsupportedModel(
            f"the gguf package has no name for {path} in models of type {architecture}",
            do="export the form 'weights', convert it with llama.cpp, and load the result",
        )
    if layout.sites[layout.paths.index(path)].units == "attention" and not name.endswith(".attn_output"):
        raise UnsupportedModel(
            f"llama.cpp may hold the inputs of {path} in another order than the model",
            found=f"the tensor {name}, of linear attention or of a part that is not plain attention",
            expected="attention units of plain attention, whose tensor is called attn_output",
            do="export the form 'ia3' or 'lora' for PEFT, or 'weights'",
        )
    return f"{name}.weight"
