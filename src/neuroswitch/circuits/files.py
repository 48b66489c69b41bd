"""A circuit as a folder: our own files, and beside them the same circuit as a PEFT IA3 adapter.

`circuit.json` says what the circuit is, `circuit.safetensors` holds its numbers, and
`adapter_config.json` with `adapter_model.safetensors` let
`AutoModelForCausalLM.from_pretrained(folder)` give the steered model with no code of ours:
IA3 multiplies the input of feed-forward modules, which is what steering a neuron is.

`circuit.json` appears last and names the digests of the other files, so a folder is a
circuit only when it is complete. Nothing here executes what a file says: safetensors and JSON only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as dump_tensors

from neuroswitch.circuits import adapter, description, fingerprint
from neuroswitch.circuits.circuit import EVIDENCE, Circuit
from neuroswitch.circuits.folders import updated_folder
from neuroswitch.errors import BadCircuit, WrongModel
from neuroswitch.models import LanguageModel
from neuroswitch.storage import write_atomic, write_json

TENSORS = "circuit.safetensors"
FINGERPRINT = "fingerprint.safetensors"
DESCRIPTION = "circuit.json"
# the marker of a complete folder first, then the adapter's, without which PEFT reads nothing
OWNED = (DESCRIPTION, adapter.CONFIG, adapter.WEIGHTS, TENSORS, FINGERPRINT)
REQUIRED = {"ids": torch.int64, "doses": torch.float32}
EVIDENCE_DTYPE = torch.float32


def save(circuit: Circuit, folder: str | Path, *, model: LanguageModel | None, strength: float) -> Path:
    """Write a circuit folder; see `Circuit.save`."""
    folder = Path(folder)
    adapter_files = adapter.adapter_files(circuit, strength)
    columns = {"ids": circuit.ids, "doses": circuit.doses.to(REQUIRED["doses"])}
    columns |= {name: values.to(EVIDENCE_DTYPE) for name, values in circuit.evidence().items()}
    # cloned: safetensors refuses columns that happen to be one tensor
    tensors = {name: values.cpu().clone() for name, values in columns.items()}
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
            "adapter": _adapter_note(circuit, strength, written=bool(adapter_files)),
            "provenance": circuit.provenance.to_json(),
            "layout": circuit.layout.to_json(),
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
        write_json(staging / DESCRIPTION, said)
    return folder


def load(folder: str | Path, model: LanguageModel | None = None) -> Circuit:
    """Read a circuit folder; see `Circuit.load`."""
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


def _adapter_note(circuit: Circuit, strength: float, *, written: bool) -> dict[str, Any]:
    """Say what the folder is to PEFT; a missing adapter is said, never left to be noticed."""
    if written:
        return {"form": "IA3", "strength": strength}
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
    """Read ids, doses and evidence; a circuit of the first schema has dose 1 everywhere."""
    try:
        tensors = load_tensors(content)
    except SafetensorError as error:
        raise BadCircuit(
            f"{path} is damaged", found=str(error), do="fetch or save the circuit again"
        ) from error
    tensors.setdefault("doses", torch.ones(tensors["ids"].shape) if "ids" in tensors else torch.ones(0))
    expected = {**REQUIRED, **{name: EVIDENCE_DTYPE for name in EVIDENCE if name in tensors}}
    if {name: tensor.dtype for name, tensor in tensors.items()} != expected or tensors["ids"].dim() != 1:
        raise BadCircuit(
            f"{path} holds other tensors",
            found=", ".join(
                f"{name} {tensor.dtype} {tuple(tensor.shape)}" for name, tensor in tensors.items()
            ),
            expected=", ".join(f"{name} {dtype} (neurons,)" for name, dtype in expected.items()),
        )
    return tensors
