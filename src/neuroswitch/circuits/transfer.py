"""A circuit of one checkpoint, used in another of the same shape.

Everywhere else a circuit is refused on a model that it was not made for, because that is nearly always a
mistake. `compare-models` needs it, to measure whether the same neurons have the same effect in another checkpoint.
"""

from dataclasses import asdict, replace

from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.conditions import units_advice
from neuroswitch.errors import WrongModel
from neuroswitch.models import LanguageModel

ORIGIN = ("name", "revision", "config_sha256", "weights_sha256")


def transferred(circuit: Circuit, model: LanguageModel) -> Circuit:
    """Return the same neurons as a circuit of another model.

    Doses and evidence stay those of the first model, which the provenance names under `transferred_from`.

    Args:
        circuit: A circuit of any checkpoint with the same neuron axis.
        model: The model on which it is used.

    Raises:
        WrongModel: The two models have other neurons.

    Examples:
        >>> other = ns.wrap_model(model.module, model.tokenizer, name="another checkpoint")
        >>> there = transferred(circuit, other)
        >>> there.provenance.model["name"]
        'another checkpoint'
    """
    if circuit.layout != model.layout:
        raise WrongModel(
            "this circuit cannot be transferred: the two models differ in shape",
            found=f"{model.identity.name}: {model.layout.size} {model.layout.words} in {len(model.layout.sites)} sites",
            expected=f"{circuit.layout.size} {circuit.layout.words} in {len(circuit.layout.sites)} sites, as in "
            f"{circuit.provenance.model.get('name')}",
            do=units_advice(circuit.layout, model.layout)
            or "transfer between checkpoints of one shape, such as a base model and its instruct model",
        )
    origin = {key: circuit.provenance.model.get(key) for key in ORIGIN}
    arguments = {**circuit.provenance.arguments, "transferred_from": origin}
    provenance = replace(circuit.provenance, model=asdict(model.identity), arguments=arguments)
    return replace(circuit, provenance=provenance)
