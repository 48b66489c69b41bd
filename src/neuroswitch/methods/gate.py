"""One neuron that decides whether the behaviour is shown: pinned to a constant, anchored, or multiplied.

`gate` is the published method: neurons are ranked by gradient times gap (`methods.gate_scores`), and the best five
are tried with several constants on validation prompts. `gate:anchor` moves the neuron only as far as the input
shows the behaviour. `gate:scale` multiplies it, so that it is a circuit, which other engines can load: dose
1 - m / a, with m the constant and a the neuron's mean on positive prompts, so that strength 1 gives m on the average
one. `gate:scale:5` multiplies the five neurons with the best scores together, and only their constants are tried.

Source: Kazemi, Chegini & Safi (arXiv:2605.08513). Differences to the paper: constants are multiples of each
neuron's own spread; they are screened by the first token of answers before answers are judged; and the setting is
chosen by the rule that all methods share (`methods.tuning`), which also looks at damage.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.chat import read_token
from neuroswitch.circuits import HOW, Circuit, found_with
from neuroswitch.errors import BadOption, WeakBehaviour
from neuroswitch.methods.base import METHODS, Method, Task
from neuroswitch.methods.caa import MOST_KL
from neuroswitch.methods.cna import CircuitMethod, FittedCircuit
from neuroswitch.methods.differences import tokens_of
from neuroswitch.methods.fitted import FittedChange
from neuroswitch.methods.gate_scores import GateScores, gate_scores
from neuroswitch.methods.pinned import anchoring, load_anchoring, load_pinning, pinning
from neuroswitch.methods.tuning import Validation, choose_at_damage, screen, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.provenance import Provenance
from neuroswitch.sites import NeuronLayout

NEURONS = 5
"""How many neurons are tried, one at a time."""

MULTIPLES = (2.0, 4.0, 8.0, 16.0, 32.0)
"""The constants that are screened, in units of the neuron's spread; each with both signs."""

ATTEMPTED = 5
"""How many settings are answered in full, as many of each neuron."""

GATE = "gate"
"""What these circuits name as their ranking."""


class Gates(NamedTuple):
    """Some neurons, ids ascending, with a constant each.

    Attributes:
        ids: Flat ids.
        values: Constants, activation units.
        scores: What was read of all neurons.
    """

    ids: Int64[Tensor, " k"]
    values: Float[Tensor, " k"]
    scores: GateScores

    @property
    def gaps(self) -> Float[Tensor, " k"]:
        """Mean on positive minus mean on negative prompts, where each neuron scores best."""
        return self.scores.positive[self.ids] - self.scores.negative[self.ids]

    def named(self, layout: NeuronLayout) -> str:
        """Return neurons, as layer:index, and constants in words; of a single one also what was read of it."""
        located = zip(layout.locate(self.ids), self.values.tolist(), strict=True)
        each = [f"{neuron.layer}:{neuron.index} to {value:.4g}" for neuron, value in located]
        if len(each) > 1:
            return f"neurons {', '.join(each)} (layer:index)"
        read, flat = self.scores, int(self.ids[0])
        return (
            f"neuron {each[0]} (layer:index; its mean at token {int(read.token[flat])} is"
            f" {float(read.positive[flat]):.3g} on positive and {float(read.negative[flat]):.3g} on negative prompts)"
        )


FittedT = TypeVar("FittedT", FittedChange, FittedCircuit)

Build = Callable[[LanguageModel, Task, Gates, str], FittedT]
"""From neurons with their constants, and how they were chosen in words, to the fitted method."""


def _pinned(model: LanguageModel, task: Task, gates: Gates, how: str) -> FittedChange:
    said = f"sets a neuron to (1 - strength) times its value + strength times a constant, at every position: {how}"
    return pinning(model, gates.ids, gates.values, GATE, said)


def _anchored(model: LanguageModel, task: Task, gates: Gates, how: str) -> FittedChange:
    said = (
        "moves a neuron of value v, at every position, by strength of the way to v m / d - d, bounded by m on m's"
        f" side of 0, with m a constant and d the difference of its means: {how}"
    )
    return anchoring(model, (gates.ids, gates.values, gates.gaps), f"{GATE}:anchor", said)


def _multiplied(model: LanguageModel, task: Task, gates: Gates, how: str) -> FittedCircuit:
    """Return the circuit whose neurons have their constants on the average positive prompt, at strength 1."""
    piles, scores = task.contrast.discovery, gates.scores
    read = Counter(
        read_token(model.tokenizer, ids).text for pile in piles for ids in tokens_of(model, pile, task)
    )
    seen = [*piles, *task.contrast.validation]
    provenance = Provenance(
        asdict(model.identity),
        task.contrast.sha256,
        task.contrast.name,
        GATE,
        {HOW: how},
        found=found_with(seen, task.chat, read),
    )
    return FittedCircuit(
        Circuit(
            layout=model.layout,
            ids=gates.ids,
            doses=1 - gates.values / scores.positive[gates.ids],
            scores=scores.value[gates.ids],
            positive_mean=scores.last[0, gates.ids],
            negative_mean=scores.last[1, gates.ids],
            provenance=provenance,
        )
    )


@dataclass(frozen=True)
class _Search(Generic[FittedT]):
    """One search for neurons and constants.

    Attributes:
        model: The model, untouched.
        task: Discovery prompts score neurons, validation prompts choose.
        build: What is done with neurons and constants.
        together: How many neurons are changed at once; 1 tries several, one at a time.
    """

    model: LanguageModel
    task: Task
    build: Build[FittedT]
    together: int

    def chosen(self, progress: Progress) -> FittedT:
        """Score, screen, attempt, choose."""
        validation = validation_of(self.model, self.task, progress=progress)
        scores = gate_scores(self.model, self.task, validation.openings, progress=progress)
        groups = self._groups(scores)
        finalists = self._screened(scores, groups, validation, progress)
        attempts = [self.build(self.model, self.task, one, "").at for one in finalists]
        winner, strength, rule = choose_at_damage(
            self.model, self.task, validation, attempts, progress, strongest=1.0
        )
        gates = finalists[winner]
        tried = (
            f"the best {self.together} together" if self.together > 1 else f"each of the best {len(groups)}"
        )
        multiples = ", ".join(f"{one:g}" for one in MULTIPLES)
        how = (
            f"{gates.named(self.model.layout)}; {tried} by gradient x gap at the template's tokens of the discovery"
            f" prompts of {self.task.contrast.name!r} were screened with constants of +/- {multiples} times a neuron's"
            f" spread, and one of {len(finalists)} settings, at strength"
            f" {strength:g}, was {rule}"
        )
        return self.build(self.model, self.task, gates, how)

    def _groups(self, scores: GateScores) -> list[Int64[Tensor, " k"]]:
        """Return the neurons that are tried: one in each group, or all in one group."""
        best = scores.best(NEURONS if self.together == 1 else self.together)
        if len(best) < self.together:
            raise WeakBehaviour(
                "too few neurons work against the behaviour where they are moved",
                found=f"{len(best)} neurons with a score above 0",
                expected=f"at least {self.together}",
                do="use prompts that bring the behaviour about, or another method",
            )
        return list(best.split(1)) if self.together == 1 else [best.sort().values]

    def _screened(
        self, scores: GateScores, groups: list[Tensor], validation: Validation, progress: Progress
    ) -> list[Gates]:
        """Return, of each group, the constants after which the first token is least that of the behaviour."""
        found: list[Gates] = []
        kept = max(1, ATTEMPTED // len(groups))
        for done, ids in enumerate(groups, start=1):
            away = scores.spread[ids] * (scores.negative - scores.positive)[ids].sign()
            ranked = []
            for factor in (sign * multiple for multiple in MULTIPLES for sign in (1, -1)):
                gates = Gates(ids, factor * away, scores)
                intervention = self.build(self.model, self.task, gates, "").at(1.0)
                odds, kl = screen(self.model, validation, intervention)
                ranked.append((kl > MOST_KL, odds, factor, gates))
            found += [gates for *_, gates in sorted(ranked, key=lambda one: one[:3])[:kept]]
            progress("screen neurons and constants", done, len(groups))
        return found


@dataclass(frozen=True)
class Gate:
    """The methods `gate` and `gate:anchor`.

    Attributes:
        build: What is done with the neuron.
        read: Reads what it saved.
    """

    build: Build[FittedChange]
    read: Callable[[Path, LanguageModel], FittedChange]

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress = silent) -> FittedChange:
        """Score neurons, and choose one with its constant.

        Raises:
            UnsupportedModel: The model has fused experts, or its layers are divided among processes.
            WeakBehaviour: No answer to a validation prompt shows the behaviour, or no neuron works against it.
        """
        return _Search(model, task, self.build, 1).chosen(progress)

    def load(self, folder: Path, model: LanguageModel) -> FittedChange:
        """Read the neuron and its constant."""
        return self.read(folder, model)


def _scaling(together: int) -> Method:
    """Return the method that multiplies some neurons: `gate:scale`."""

    def choose(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
        return _Search(model, task, _multiplied, together).chosen(progress).circuit

    return CircuitMethod(choose)


@METHODS.register(GATE)
def _gate(argument: str) -> Method:
    if argument == "":
        return Gate(_pinned, lambda folder, model: load_pinning(folder, GATE, model))
    if argument == "anchor":
        return Gate(_anchored, lambda folder, model: load_anchoring(folder, f"{GATE}:anchor", model))
    form, _, count = argument.partition(":")
    if form == "scale" and (not count or (count.isdecimal() and int(count) > 0)):
        return _scaling(int(count or 1))
    raise BadOption(
        "the method 'gate' has three forms",
        found=f"gate:{argument}",
        expected="gate (pinned to a constant), gate:anchor, gate:scale, or gate:scale:5 for several neurons",
    )
