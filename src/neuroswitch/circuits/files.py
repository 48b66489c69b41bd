"""A circuit as a folder: our own files, and beside them the same circuit as a PEFT IA3 adapter.

`circuit.json` says what the circuit is, `circuit.safetensors` holds its numbers, and
`adapter_config.json` with `adapter_model.safetensors` let
`AutoModelForCausalLM.from_pretrained(folder)` give the steered model with no code of ours:
IA3 multiplies the input of feed-forward modules, which is what steering a neuron is.

`circuit.json` appears last and names the digests of the other files, so a folder is a
circuit only when it is complete. Nothing here executes what a file says: safetensors and JSON only.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors

from neuroswitch.circuits import adapter, description, fingerprint
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.folders import updated_folder
from neuroswitch.errors import BadCircuit, WrongModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import write_atomic, write_json

TENSORS = "circuit.safetensors"
FINGERPRINT = "fingerprint.safetensors"
DESCRIPTION = "circuit.json"
# the marker of a complete folder first, then the adapter's, without which PEFT reads nothing
OWNED = (DESCRIPTION, adapter.CONFIG, adapter.WEIGHTS, TENSORS, FINGERPRINT)
COLUMNS = {
    "ids": torch.int64,
    "scores": torch.float32,
    "positive_mean": torch.float32,
    "negative_mean": torch.float32,
}


def save(
    circuit: Circuit, folder: str | Path, *, model: LanguageModel | None = None, multiplier: float = 0.0
) -> Path:
    """Write a circuit folder.

    Args:
        circuit: What to write.
        folder: Where; created if missing. Files of the same names are replaced, others stay.
        model: The model it was made for, unsteered: its weights' fingerprint is written too, and lets
            `verify` say later what became of the circuit in some checkpoint.
        multiplier: What the IA3 adapter in the folder multiplies the neurons by; 0 ablates them.

    Returns:
        The folder.

    Raises:
        ValueError: The multiplier is not finite.
        WrongModel: The circuit was made for another model than `model`.
        Prerequisite: The disk is full or the folder cannot be written; what was there stays.
    """
    if not math.isfinite(multiplier):
        raise ValueError(f"a multiplier must be finite, not {multiplier}")
    folder = Path(folder)
    # cloned: safetensors refuses columns that happen to be one tensor
    tensors = {name: getattr(circuit, name).cpu().to(dtype).clone() for name, dtype in COLUMNS.items()}
    adapter_files = adapter.adapter_files(circuit, multiplier)
    files = {TENSORS: dump_tensors(tensors), **adapter_files}
    if model is not None:
        check_model(circuit, model)
        files[FINGERPRINT] = fingerprint.dump(fingerprint.take(circuit, model))
    with updated_folder(folder, OWNED) as staging:
        for name, content in files.items():
            write_atomic(staging / name, content)
        said = {
            "schema": description.SCHEMA,
            "neurons": len(circuit),
            "fraction": circuit.fraction,
            "by_layer": circuit.by_layer(),
            "adapter": _adapter_note(circuit, multiplier, written=bool(adapter_files)),
            "provenance": circuit.provenance.to_json(),
            "layout": circuit.layout.to_json(),
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
        write_json(staging / DESCRIPTION, said)
    return folder


def load(folder: str | Path, model: LanguageModel | None = None) -> Circuit:
    """Read a circuit folder, and refuse it if it belongs to another model.

    Args:
        folder: What `save` wrote.
        model: The model it shall be used on; without one nothing is compared.

    Raises:
        BadCircuit: The folder is no circuit, or a file is missing, truncated or changed.
        WrongModel: The circuit was made for another model than `model`.
    """
    folder = Path(folder)
    said, content = _read(folder)
    try:
        circuit = Circuit(
            layout=description.layout(said),
            provenance=description.provenance(said),
            **_columns(folder / TENSORS, content[TENSORS]),
        )
    except ValueError as error:
        raise BadCircuit(f"{folder} does not hold a circuit", found=str(error)) from error
    if model is not None:
        check_model(circuit, model)
    return circuit


def load_fingerprint(folder: str | Path) -> fingerprint.Fingerprint | None:
    """Read the fingerprint in a circuit folder; None where it was saved without its model.

    Raises:
        BadCircuit: As `load`.
    """
    said, content = _read(Path(folder))
    if FINGERPRINT not in content:
        return None
    return fingerprint.parse(content[FINGERPRINT], neurons=description.layout(said).size)


def check_model(circuit: Circuit, model: LanguageModel) -> None:
    """Compare the fingerprints of the circuit's model with those of `model`.

    The digest of the weights counts where both are known.

    Raises:
        WrongModel: They differ; the message holds both.
    """
    made_for, given = circuit.provenance.model, asdict(model.identity)
    known = made_for.get("weights_sha256") and given["weights_sha256"]
    keys = ("model_type", "config_sha256", *(["weights_sha256"] if known else []))
    if circuit.layout != model.layout or any(made_for.get(key) != given[key] for key in keys):
        raise WrongModel(
            "this circuit was made for another model",
            found=_described(given, model.layout.size),
            expected=_described(made_for, circuit.layout.size),
            do="load the model the circuit was made for, or discover a circuit for this one",
        )


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read the description and every file that it names, each compared with its digest."""
    said = description.parse(folder / DESCRIPTION)
    content = {
        name: _content(folder / name, digest) for name, digest in said["files"].items() if name in OWNED
    }
    if TENSORS not in content:
        raise BadCircuit(
            f"{folder / DESCRIPTION} does not name {TENSORS}", do="fetch or save the circuit again"
        )
    return said, content


def _described(identity: Mapping[str, Any], neurons: int) -> str:
    keys = ("model_type", "config_sha256", "weights_sha256")
    return f"{identity.get('name')}: {neurons} neurons, " + ", ".join(
        f"{key} {identity.get(key)}" for key in keys
    )


def _adapter_note(circuit: Circuit, multiplier: float, *, written: bool) -> dict[str, Any]:
    """Say what the folder is to PEFT; a missing adapter is said, never left to be noticed."""
    if written:
        return {"form": "IA3", "multiplier": multiplier}
    reason = "neurons of fused experts are the input of no module" if len(circuit) else "the circuit is empty"
    return {"form": None, "reason": reason, "do": "load the folder with neuroswitch, or export it as weights"}


def _content(path: Path, expected: object) -> bytes:
    content = path.read_bytes() if path.is_file() else b""
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise BadCircuit(
            f"{path} is truncated, missing or was changed",
            found=f"{len(content)} bytes, sha256 {digest}",
            expected=f"sha256 {expected}",
            do="fetch or save the circuit again",
        )
    return content


def _columns(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    try:
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise BadCircuit(
            f"{path} is damaged", found=str(error), do="fetch or save the circuit again"
        ) from error
    if {name: tensor.dtype for name, tensor in tensors.items()} != COLUMNS or tensors["ids"].dim() != 1:
        raise BadCircuit(
            f"{path} holds other tensors",
            found=", ".join(
                f"{name} {tensor.dtype} {tuple(tensor.shape)}" for name, tensor in tensors.items()
            ),
            expected=", ".join(f"{name} {dtype} (neurons,)" for name, dtype in COLUMNS.items()),
        )
    return tensors
