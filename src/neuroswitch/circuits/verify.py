"""Is this circuit intact in this checkpoint? How each neuron changed, and what was done to the model.

The fingerprint that was taken when the circuit was saved is compared with one of the checkpoint. With the
circuit's own prompts it is also measured whether the neurons still respond to the behaviour.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.activations import read_neurons
from neuroswitch.batching import in_batches, plan_batches
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.comparison import Cause, NeuronCheck, compare, find_cause
from neuroswitch.circuits.conditions import differences, units_advice
from neuroswitch.circuits.files import load_fingerprint, read_circuit
from neuroswitch.circuits.fingerprint import fingerprint_of
from neuroswitch.errors import BadOption, BadPrompts, Prerequisite, WrongModel
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import ContrastSet, Prompt, builtin_names

BATCH = 16


@dataclass(frozen=True)
class PromptResponse:
    """How the neurons respond to the circuit's own prompts, compared with when it was found.

    Attributes:
        slope: Difference between the two piles, as a multiple of what it was; 1 unchanged.
        correlation: Pearson correlation over the neurons of the difference then and now; None for
            fewer than three neurons.
        prompts: How many prompts were read.
    """

    slope: float
    correlation: float | None
    prompts: int


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        neurons: One check for each neuron of the circuit.
        cause: What was done to the model, as far as the circuit's layers show.
        lora_rank: Approximate rank of a merged adapter; None for other causes.
        same_weights: Whether the digest of all weights is the same; None where it is not known.
        response: How the neurons respond to the prompts; None if no prompts were given.
        notes: How these prompts were read otherwise than when the circuit was found.
    """

    neurons: tuple[NeuronCheck, ...]
    cause: Cause
    lora_rank: int | None
    same_weights: bool | None
    response: PromptResponse | None
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Count the neurons in each state."""
        return dict(Counter(check.state for check in self.neurons))

    @property
    def intact(self) -> bool:
        """Whether every neuron is as it was."""
        return all(check.state == "intact" for check in self.neurons)

    def lines(self) -> list[str]:
        """Return the result in words, the answer first."""
        total = len(self.neurons)
        found = [f"{count} of {total} neurons {state}" for state, count in self.counts.items()]
        factors = [
            check.factor for check in self.neurons if check.state == "scaled" and check.factor is not None
        ]
        if factors:
            found.append(f"scaled by {min(factors):.3g} to {max(factors):.3g}")
        words = {
            "none": "these layers are as they were",
            "edited": "the circuit was edited: other neurons of its layers are as they were",
            "quantized": "the model was quantized: all weights moved by less than a quantisation step",
            "merged adapter": f"an adapter of rank about {self.lora_rank} was merged into these layers",
            "another model": "this is another model: its weights are not those of the circuit's model, tuned or not",
            "retrained": "the model was trained further: these layers changed in every direction",
        }
        found.append(words[self.cause])
        if self.same_weights is False and self.cause == "none":
            found.append("other weights of the model differ from those of the circuit's model")
        if self.response is not None:
            found.append(
                f"on its own {self.response.prompts} prompts the difference between the piles "
                f"is {self.response.slope:.2f} times what it was"
            )
        found += [f"the circuit {note}" for note in self.notes]
        return [("The circuit is intact." if self.intact else "The circuit is NOT intact."), *found]

    def to_json(self) -> dict[str, object]:
        """Return the fields as plain JSON values."""
        checks = [
            {**check.neuron._asdict(), "state": check.state, "factor": check.factor, "change": check.change}
            for check in self.neurons
        ]
        return {
            "intact": self.intact,
            "counts": self.counts,
            "cause": self.cause,
            "lora_rank": self.lora_rank,
            "same_weights": self.same_weights,
            "response": None if self.response is None else vars(self.response),
            "notes": list(self.notes),
            "neurons": checks,
        }


def verify(
    folder: str | Path,
    model: LanguageModel,
    *,
    contrast: ContrastSet | None = None,
    chat: ChatFormat | None = None,
) -> Verification:
    """Check a circuit folder against a checkpoint of the same shape.

    Args:
        folder: What `Circuit.save(..., model=...)` wrote.
        model: The checkpoint; may be quantised, edited, trained further.
        contrast: The circuit's own prompts; its discovery split is read again.
        chat: System prompt and thinking mode for these prompts; None takes those with which it was found.

    Raises:
        BadCircuit: The folder is damaged.
        BadOption: A contrast set was given, and the circuit holds no means.
        BadPrompts: The circuit was found with other prompts.
        WrongModel: The checkpoint has other neurons.
        Prerequisite: The circuit was saved without a fingerprint.
    """
    circuit, before = read_circuit(folder), load_fingerprint(folder)
    if before is None:
        raise Prerequisite(
            f"{folder} holds no fingerprint of the weights",
            do="save the circuit again with its own model: circuit.save(folder, model=model)",
        )
    if circuit.layout != model.layout:
        raise WrongModel(
            "this checkpoint has other neurons than the circuit's model",
            found=f"{model.layout.size} {model.layout.words} in {len(model.layout.sites)} sites",
            expected=f"{circuit.layout.size} {circuit.layout.words} in {len(circuit.layout.sites)} sites",
            do=units_advice(circuit.layout, model.layout) or "name a checkpoint of the circuit's own shape",
        )
    if contrast is not None and contrast.sha256 != circuit.provenance.prompts_sha256:
        raise BadPrompts(
            "the circuit was found with other prompts, so there is nothing to compare with",
            found=f"{contrast.name}, sha256 {contrast.sha256}",
            expected=f"{circuit.provenance.contrast}, sha256 {circuit.provenance.prompts_sha256}",
            do="name the file it was found with, or compare weights only",
        )
    asked = chat or _own_format(circuit)
    after = fingerprint_of(model, before.ids)
    finding = find_cause(circuit, before, after)
    digests = (circuit.provenance.model.get("weights_sha256"), model.identity.weights_sha256)
    return Verification(
        neurons=compare(circuit, before, after),
        cause=finding.cause,
        lora_rank=finding.lora_rank,
        same_weights=digests[0] == digests[1] if all(digests) else None,
        response=None if contrast is None else remeasure(circuit, model, contrast, asked),
        notes=()
        if contrast is None
        else tuple(differences(circuit.provenance, asdict(model.identity), asked)),
    )


def _own_format(circuit: Circuit) -> ChatFormat:
    found = circuit.provenance.found
    return ChatFormat() if found is None else ChatFormat(found.system, found.thinking)


def own_prompts(folder: str | Path) -> ContrastSet | None:
    """Return the prompts that a circuit was found with, if they are a built-in set that is still the same.

    Raises:
        BadCircuit: The folder is damaged.
    """
    circuit = read_circuit(folder)
    made = circuit.provenance
    if circuit.positive_mean is None or made.contrast not in builtin_names():
        return None
    contrast = ContrastSet.builtin(made.contrast)
    return contrast if contrast.sha256 == made.prompts_sha256 else None


def remeasure(
    circuit: Circuit, model: LanguageModel, contrast: ContrastSet, chat: ChatFormat
) -> PromptResponse:
    """Read the circuit's neurons on the discovery split again.

    Raises:
        BadOption: The circuit holds no means to compare with.
    """
    if circuit.positive_mean is None or circuit.negative_mean is None:
        raise BadOption(
            "this circuit holds no mean activations, so there is nothing to compare its prompts with",
            do="compare weights only: verify(folder, model) without a contrast set",
        )
    positive, negative = contrast.discovery
    now = _mean(circuit, model, positive, chat) - _mean(circuit, model, negative, chat)
    then = (circuit.positive_mean - circuit.negative_mean).double()
    pair = torch.stack([then, now])
    return PromptResponse(
        slope=float((then * now).sum() / then.square().sum()),
        correlation=float(pair.corrcoef()[0, 1]) if len(circuit) > 2 else None,
        prompts=len(positive) + len(negative),
    )


def _mean(
    circuit: Circuit, model: LanguageModel, prompts: Sequence[Prompt], chat: ChatFormat
) -> Float[Tensor, " neurons"]:
    ids = [encode(model.tokenizer, prompt, chat) for prompt in prompts]

    def read(batch: Sequence[Sequence[int]]) -> Tensor:
        return read_neurons(model, batch)[:, circuit.ids].double()

    return torch.cat(list(in_batches(read, ids, plan_batches(list(map(len, ids)), BATCH)))).mean(0)
