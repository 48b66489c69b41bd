"""A circuit: some neurons of a model, a dose for each, and the evidence for them, as a value without a model.

At strength a, neuron j is multiplied by 1 - a * dose_j, so a neuron of dose 1 is ablated at strength 1.
"""

import math
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.circuits.conditions import joined, restricted, same_model, units_advice
from neuroswitch.errors import BadOption, WrongModel
from neuroswitch.provenance import Provenance
from neuroswitch.records import LARGEST, RANDOM
from neuroswitch.sites import Neuron, NeuronLayout

if TYPE_CHECKING:
    from neuroswitch.circuits.card import CardFacts
    from neuroswitch.models import LanguageModel

EVIDENCE = ("scores", "positive_mean", "negative_mean")


@dataclass(frozen=True, eq=False, kw_only=True)
class Circuit:
    """Neurons of one model.

    Attributes:
        layout: The flat neuron axis of the model.
        ids: Flat neuron ids, ascending, unique.
        doses: Share of each neuron that is removed at strength 1; any finite number.
        provenance: Model, prompts, ranking, versions, date.
        scores: What the ranking gave each neuron; positive promotes the behaviour. None where neurons were
            not ranked, as in a random circuit.
        positive_mean: Mean activation over the positive prompts, activation units; None as for `scores`.
        negative_mean: Mean activation over the negative prompts, activation units; None as for `scores`.

    Raises:
        ValueError: The ids are not ascending, not unique or outside the layout, or a value is
            missing or not finite.

    Examples:
        >>> len(circuit), circuit.doses.tolist()
        (5, [2.0, 2.0, 2.0, 2.0, 2.0])
        >>> sum(circuit.by_layer().values())
        5
        >>> random = ns.random_circuit(circuit, seed=0)
        >>> len(circuit | random), len(circuit & random), circuit.jaccard(random)
        (10, 0, 0.0)
    """

    layout: NeuronLayout
    ids: Int64[Tensor, " neurons"]
    doses: Float[Tensor, " neurons"]
    provenance: Provenance
    scores: Float[Tensor, " neurons"] | None = None
    positive_mean: Float[Tensor, " neurons"] | None = None
    negative_mean: Float[Tensor, " neurons"] | None = None

    def __post_init__(self) -> None:
        if len(self.ids) and not 0 <= int(self.ids[0]) <= int(self.ids[-1]) < self.layout.size:
            raise ValueError(f"neuron ids outside the layout of {self.layout.size} neurons")
        if not bool((self.ids.diff() > 0).all()):
            raise ValueError("neuron ids must be ascending and unique")
        for name, values in {"doses": self.doses, **self.evidence()}.items():
            if values.shape != self.ids.shape or not bool(values.isfinite().all()):
                raise ValueError(f"every neuron needs a finite value in {name}")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def load(cls, folder: str | Path, model: "LanguageModel | None" = None) -> "Circuit":
        """Read a circuit folder, and refuse it if it belongs to another model.

        Args:
            folder: What `save` wrote.
            model: The model it shall be used on; without one nothing is compared.

        Raises:
            BadCircuit: The folder is no circuit, or a file is missing, truncated or changed.
            WrongModel: The circuit was made for another model than `model`.

        Examples:
            >>> folder = circuit.save("refusal-circuit", model=model)
            >>> ns.Circuit.load(folder, model).ids.equal(circuit.ids)
            True
        """
        from neuroswitch.circuits import files

        return files.read_circuit(folder, model)

    def save(
        self, folder: str | Path, *, model: "LanguageModel | None" = None, strength: float = 1.0
    ) -> Path:
        """Write a circuit folder, which is a PEFT adapter too.

        Args:
            folder: Where; created if missing. Files of the same names are replaced, others stay.
            model: The model it was made for, untouched; with it a fingerprint of the weights is written, which
                `verify` compares with other checkpoints.
            strength: Strength of the adapter in the folder.

        Raises:
            BadOption: The strength is not finite.
            WrongModel: The circuit was made for another model than `model`.
            Prerequisite: The disk is full or the folder cannot be written; what was there stays.

        Examples:
            >>> folder = circuit.save("refusal-circuit", model=model)
            >>> (folder / "circuit.json").exists(), (folder / "adapter_config.json").exists()
            (True, True)
        """
        from neuroswitch.circuits import files

        return files.write_circuit(self, folder, model=model, strength=strength)

    def push(self, target: str | Path, *, facts: "CardFacts | None" = None, private: bool = True) -> str:
        """Publish the circuit with a card on the Hugging Face Hub or in a folder; see `circuits.push`."""
        from neuroswitch.circuits import hub

        with tempfile.TemporaryDirectory() as folder:
            return hub.push(self.save(folder), target, facts=facts, private=private)

    @classmethod
    def pull(cls, source: str | Path, *, revision: str | None = None) -> "Circuit":
        """Fetch a circuit from the Hugging Face Hub or a folder, and check it; see `circuits.pull`."""
        from neuroswitch.circuits import hub

        return cls.load(hub.pull(source, revision=revision))

    @property
    def is_control(self) -> bool:
        """Whether the neurons were chosen without regard to the behaviour."""
        return self.provenance.ranking in (RANDOM, LARGEST)

    @property
    def fraction(self) -> float:
        """Share of all neurons on the axis, 0-1: of the MLP neurons, or of the units that the model was loaded with."""
        return len(self) / self.layout.size

    def multipliers(self, strength: float) -> Float[Tensor, " neurons"]:
        """Return what each neuron is multiplied by at a strength: 1 - strength * dose.

        Raises:
            BadOption: The strength is not finite.

        Examples:
            >>> circuit.multipliers(0.5).tolist()
            [0.0, 0.0, 0.0, 0.0, 0.0]
        """
        if not math.isfinite(strength):
            raise BadOption(f"a strength must be a finite number, not {strength}")
        found = (1.0 - strength * self.doses.double()).float()
        if not bool(found.isfinite().all()):
            raise BadOption(f"the strength {strength} is too large: a multiplier does not fit into float32")
        return found

    def site_multipliers(self, strength: float) -> dict[str, tuple[Int64[Tensor, " n"], Float[Tensor, " n"]]]:
        """Return site path -> places of the circuit's neurons in the site, and their multipliers."""
        places = self.layout.by_site(self.ids)
        multipliers = self.multipliers(strength).split([len(local) for local in places.values()])
        return {path: (local, part) for (path, local), part in zip(places.items(), multipliers, strict=True)}

    def dosed(self, factor: float) -> "Circuit":
        """Return the circuit with all doses multiplied: strength 1 then does what `factor` did.

        Examples:
            >>> circuit.dosed(2.0).multipliers(1.0).tolist()
            [-3.0, -3.0, -3.0, -3.0, -3.0]
        """
        return replace(self, doses=factor * self.doses)

    def evidence(self) -> dict[str, Tensor]:
        """Return what was measured of the neurons, by name; nothing for neurons that were not ranked."""
        found = {name: getattr(self, name) for name in EVIDENCE}
        return {name: values for name, values in found.items() if values is not None}

    def neurons(self) -> list[Neuron]:
        """Return the neurons as (layer, path, expert, index), in the order of `ids`."""
        return self.layout.locate(self.ids)

    def by_layer(self) -> dict[int, int]:
        """Count the neurons of each layer; layers without any are left out."""
        return dict(sorted(Counter(neuron.layer for neuron in self.neurons()).items()))

    def by_units(self) -> dict[str, int]:
        """Count the neurons of each kind of unit, "mlp" and "attention"; kinds without any are left out."""
        found: Counter[str] = Counter()
        for position, local in self.layout.by_position(self.ids):
            found[self.layout.sites[position].units] += len(local)
        return dict(sorted(found.items()))

    def counted(self) -> str:
        """Return how many neurons it has, in words: "116 MLP neurons", "12 attention units and 4 MLP neurons".

        Examples:
            >>> circuit.counted()
            '5 MLP neurons'
        """
        names = {"mlp": "MLP neurons", "attention": "attention units"}
        only = "attention" if self.layout.units == "attention" else "mlp"
        return " and ".join(
            f"{count} {names[kind]}" for kind, count in (self.by_units() or {only: 0}).items()
        )

    def sharing(self) -> int:
        """Count the neurons whose weights other layers use too, as in Zamba.

        They are scaled in their own layer only, and cannot be exported as weights.
        """
        tied = {site.tied_to for site in self.layout.sites if site.tied_to}
        shared = {site.path for site in self.layout.sites if site.tied_to or site.path in tied}
        return sum(neuron.path in shared for neuron in self.neurons())

    def strongest(self, count: int) -> "Circuit":
        """Return the circuit of the `count` neurons with the largest |score|, or |dose| without scores."""
        size = (self.doses if self.scores is None else self.scores).abs()
        return self._where(size.topk(min(count, len(self))).indices.sort().values)

    def jaccard(self, other: "Circuit") -> float:
        """Return the Jaccard index of two circuits: shared neurons over neurons of either, 0-1."""
        shared = int(torch.isin(self.ids, self._compatible(other).ids).sum())
        either = len(self) + len(other) - shared
        return shared / either if either else 1.0

    def __and__(self, other: "Circuit") -> "Circuit":
        """Keep the neurons that both have, with the values of `self`."""
        kept = torch.isin(self.ids, self._compatible(other).ids).nonzero()[:, 0]
        return replace(self._where(kept), provenance=restricted(self.provenance, other.provenance, "&"))

    def __sub__(self, other: "Circuit") -> "Circuit":
        """Keep the neurons that `other` does not have."""
        return replace(self._without(other), provenance=restricted(self.provenance, other.provenance, "-"))

    def __or__(self, other: "Circuit") -> "Circuit":
        """Join two circuits; where both have a neuron, the values of `self` stand.

        Evidence that only one of them has is dropped, and so is evidence that means something else in the
        other: scores of another ranking, means over other prompts. The provenance is that of both.

        Raises:
            WrongModel: They are circuits of two models.
        """
        made, theirs_made = self.provenance, other.provenance
        if not same_model(made.model, theirs_made.model):
            raise WrongModel(
                "circuits of two models cannot be joined to one",
                found=f"a circuit of {made.model.get('name')} and one of {theirs_made.model.get('name')}",
                do="find both on one model; `&`, `-` and `jaccard` compare circuits of two models",
            )
        extra = other._without(self)
        ids, order = torch.cat([self.ids, extra.ids]).sort()
        theirs = extra.evidence()
        evidence = {
            name: torch.cat([values, theirs[name]])[order]
            for name, values in self.evidence().items()
            if name in theirs and _comparable(name, made, theirs_made)
        }
        doses = torch.cat([self.doses, extra.doses])[order]
        provenance = joined(made, theirs_made)
        return Circuit(layout=self.layout, ids=ids, doses=doses, provenance=provenance, **evidence)

    def _without(self, other: "Circuit") -> "Circuit":
        return self._where((~torch.isin(self.ids, self._compatible(other).ids)).nonzero()[:, 0])

    def _where(self, rows: Tensor) -> "Circuit":
        kept = {name: values[rows] for name, values in {"doses": self.doses, **self.evidence()}.items()}
        return Circuit(layout=self.layout, ids=self.ids[rows], provenance=self.provenance, **kept)

    def _compatible(self, other: "Circuit") -> "Circuit":
        if self.layout != other.layout:
            raise WrongModel(
                "the two circuits lie on different neuron axes",
                found=f"{self.layout.size} {self.layout.words} in {len(self.layout.sites)} sites and "
                f"{other.layout.size} {other.layout.words} in {len(other.layout.sites)} sites",
                do=units_advice(self.layout, other.layout)
                or "compare circuits of checkpoints of one shape only",
            )
        return other


def _comparable(name: str, one: Provenance, other: Provenance) -> bool:
    """Say whether a kind of evidence means the same in two circuits of one model."""
    if name == "scores":
        return one.ranking == other.ranking
    return (one.prompts_sha256, one.found) == (other.prompts_sha256, other.found)
