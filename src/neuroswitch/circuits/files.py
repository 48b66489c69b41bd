"""A circuit as a folder: our own files, and beside them the same circuit as a PEFT IA3 adapter.

`circuit.json` describes the circuit, `circuit.safetensors` holds its numbers, and `adapter_config.json` with
`adapter_model.safetensors` let `AutoModelForCausalLM.from_pretrained(folder)` give the steered model without
this library: IA3 multiplies the input of feed-forward modules, which is what scaling a neuron is.

`circuit.json` is written last and holds the digests of the other files, so an incomplete folder is never taken
for a circuit. Only safetensors and JSON are read; nothing is executed.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save as dump_tensors

from neuroswitch.circuits import fingerprint
from neuroswitch.circuits.circuit import EVIDENCE, Circuit
from neuroswitch.circuits.conditions import same_model, units_advice
from neuroswitch.circuits.description import AGAIN, SCHEMA, Description, read_description
from neuroswitch.circuits.exports import ia3
from neuroswitch.circuits.publishing import base_model_entry, published
from neuroswitch.errors import BadCircuit, WrongModel
from neuroswitch.models import LanguageModel
from neuroswitch.sites import NeuronLayout
from neuroswitch.storage import signed, updated_folder, write_atomic, write_json
from neuroswitch.tensor_files import LARGEST_TENSORS, read_header, read_tensors
from neuroswitch.untrusted import read_inside

TENSORS = "circuit.safetensors"
FINGERPRINT = "fingerprint.safetensors"
DESCRIPTION = "circuit.json"
SIGNED = (ia3.CONFIG, ia3.WEIGHTS, TENSORS, FINGERPRINT)
"""The files whose digests are in the description."""
# the marker of a complete folder first, then the adapter's, without which PEFT reads nothing
OWNED = (DESCRIPTION, *SIGNED)
COLUMNS = {"ids": torch.int64, **dict.fromkeys(("doses", *EVIDENCE), torch.float32)}


def write_circuit(
    circuit: Circuit, folder: str | Path, *, model: LanguageModel | None, strength: float
) -> Path:
    """Write a circuit folder; see `Circuit.save`."""
    adapter = ia3.adapter_files(circuit, strength)
    sketches = None
    if model is not None:
        check_model(circuit, model)
        sketches = fingerprint.dump(fingerprint.take_fingerprint(circuit, model))
    return _write(circuit, Path(folder).expanduser(), adapter, sketches, strength)


def publish_circuit(source: Path, folder: Path) -> Circuit:
    """Write a saved circuit as it is published: with the public name of its model, and without local paths.

    Args:
        source: What `write_circuit` wrote.
        folder: Where; created if missing.

    Returns:
        The circuit as it is published.

    Raises:
        BadCircuit: The source is no circuit, or damaged.
    """
    description, content = _read(source)
    circuit, strength = read_circuit(source), description.adapter.get("strength", 1.0)
    model, strength = circuit.provenance.model, strength if isinstance(strength, (int, float)) else 1.0
    circuit = replace(circuit, provenance=published(circuit.provenance))
    adapter = ia3.adapter_files(circuit, strength, base_model_entry(model))
    _write(circuit, folder, adapter, content.get(FINGERPRINT), strength)
    return circuit


def _write(
    circuit: Circuit, folder: Path, adapter: Mapping[str, bytes], sketches: bytes | None, strength: float
) -> Path:
    columns = {"ids": circuit.ids, "doses": circuit.doses, **circuit.evidence()}
    # cloned: safetensors refuses columns that are views of one tensor
    tensors = {name: values.cpu().to(COLUMNS[name]).clone() for name, values in columns.items()}
    files = {TENSORS: dump_tensors(tensors), **adapter}
    if sketches is not None:
        files[FINGERPRINT] = sketches
    with updated_folder(folder, OWNED) as staging:
        for name, content in files.items():
            write_atomic(staging / name, content)
        description = {
            "schema": SCHEMA,
            "neurons": len(circuit),
            "fraction": circuit.fraction,
            "by_layer": circuit.by_layer(),
            **({} if circuit.layout.units == "mlp" else {"units": circuit.by_units()}),
            "adapter": _adapter_note(circuit, strength, written=bool(adapter)),
            "provenance": circuit.provenance.to_json(),
            "layout": circuit.layout.to_json(),
            "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        }
        write_json(staging / DESCRIPTION, signed(description))
    return folder


def read_circuit(folder: str | Path, model: LanguageModel | None = None) -> Circuit:
    """Read a circuit folder; see `Circuit.load`."""
    folder = Path(folder).expanduser()
    description, content = _read(folder)
    columns = _columns(folder / TENSORS, content[TENSORS])
    try:
        layout = description.neuron_layout()
        circuit = Circuit(layout=layout, provenance=description.provenance, **columns)
        _require_counts(description, circuit)
    except ValueError as error:
        raise BadCircuit(f"{folder} does not hold a circuit", found=str(error)) from error
    if model is not None:
        check_model(circuit, model)
    return circuit


def load_fingerprint(folder: str | Path) -> fingerprint.Fingerprint | None:
    """Read the fingerprint in a circuit folder; None where it was saved without its model.

    Raises:
        BadCircuit: As `Circuit.load`.
    """
    folder = Path(folder).expanduser()
    description, content = _read(folder)
    if FINGERPRINT not in content:
        return None
    found = fingerprint.parse(content[FINGERPRINT], neurons=description.neuron_layout().size)
    ids = _columns(folder / TENSORS, content[TENSORS])["ids"]
    if not bool(torch.isin(ids, found.ids).all()):
        raise BadCircuit(
            f"{folder / FINGERPRINT} is of another circuit",
            found=f"{int((~torch.isin(ids, found.ids)).sum())} of {len(ids)} neurons are not in it",
            do=AGAIN,
        )
    return found


def check_model(circuit: Circuit, model: LanguageModel) -> None:
    """Compare the identity of the circuit's model with that of `model`.

    The digest of the weights counts where both are known.

    Raises:
        WrongModel: They differ; the message holds both.
    """
    made_for, given = circuit.provenance.model, asdict(model.identity)
    if circuit.layout != model.layout or not same_model(made_for, given):
        raise WrongModel(
            "this circuit was made for another model",
            found=_identity(given, model.layout),
            expected=_identity(made_for, circuit.layout),
            do=units_advice(circuit.layout, model.layout)
            or "load the model the circuit was made for, or find a circuit for this one",
        )


def _identity(model: Mapping[str, object], layout: NeuronLayout) -> str:
    keys = ("model_type", "config_sha256", "weights_sha256")
    return f"{model.get('name')}: {layout.size} {layout.words}, " + ", ".join(
        f"{key} {model.get(key)}" for key in keys
    )


def _adapter_note(circuit: Circuit, strength: float, *, written: bool) -> dict[str, object]:
    """Say what the folder is to PEFT, and why where it is no adapter."""
    if written:
        return {"form": "IA3", "strength": strength}
    reason = "neurons of fused experts are the input of no module" if len(circuit) else "the circuit is empty"
    return {"form": None, "reason": reason, "do": "load the folder with neuroswitch, or export it as weights"}


def _read(folder: Path) -> tuple[Description, dict[str, bytes]]:
    """Read the description and every file that it names, each compared with its digest.

    A file of ours that the description does not name is refused: PEFT would read an adapter that nobody signed.
    """
    description = read_description(folder / DESCRIPTION)
    expected = dict(description.files)
    if odd := [name for name in expected if name not in SIGNED]:
        raise BadCircuit(f"{folder / DESCRIPTION} is damaged", found=f"a file {odd[0][:80]!r}", do=AGAIN)
    content = {}
    for name in {TENSORS: None, **expected}:
        path = folder / name
        try:
            content[name] = read_inside(folder, name, LARGEST_TENSORS)
            found = f"{len(content[name])} bytes, sha256 {hashlib.sha256(content[name]).hexdigest()}"
        except OSError as error:
            content[name], found = b"", str(error)
        if hashlib.sha256(content[name]).hexdigest() != expected.get(name):
            raise BadCircuit(
                f"{path} is truncated, missing or was changed",
                found=found,
                expected=f"sha256 {expected.get(name)}",
                do=AGAIN,
            )
    if odd := [name for name in SIGNED if name not in content and os.path.lexists(folder / name)]:
        raise BadCircuit(
            f"{folder / odd[0]} does not belong to this circuit",
            expected=f"a file that {DESCRIPTION} names with its digest",
            do=f"remove the file, or {AGAIN}",
        )
    return description, content


def _columns(path: Path, content: bytes) -> dict[str, torch.Tensor]:
    """Read ids, doses and evidence."""
    try:
        header = read_header(content)
        count = max((entry.shape[0] for entry in header.tensors.values() if entry.shape), default=0)
        shapes = {
            name: (dtype, (count,))
            for name, dtype in COLUMNS.items()
            if name in (*header.tensors, "ids", "doses")
        }
        return read_tensors(content, shapes)
    except ValueError as error:
        raise BadCircuit(f"{path} is damaged or holds other tensors", found=str(error), do=AGAIN) from error


def _require_counts(description: Description, circuit: Circuit) -> None:
    """Compare what the description says for readers with the circuit.

    Raises:
        ValueError: It says something else.
    """
    said = (description.neurons, dict(description.by_layer), description.fraction)
    units = None if circuit.layout.units == "mlp" else circuit.by_units()
    if said != (len(circuit), circuit.by_layer(), circuit.fraction) or description.units != units:
        raise ValueError(f"{DESCRIPTION} counts {said[0]} neurons where there are {len(circuit)}")
