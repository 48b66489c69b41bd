"""Doses from the least-damage problem: the most benefit for a given divergence on benign answers.

The neurons are those that a ranking scores highest; how much of each is removed is the solution of
`discovery.least_damage`. How much damage the doses may do is chosen on validation prompts.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.circuits import Circuit
from neuroswitch.discovery import (
    Answering,
    Box,
    Damage,
    Gathering,
    Response,
    benign_responses,
    budget,
    damage_probes,
    effects_in_state,
    pruned_doses,
    qualified,
)
from neuroswitch.errors import BadPrompts
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.methods.cna import Scaling, by_ranking, chosen_by, selected
from neuroswitch.methods.tuning import Choice, choose_at_damage, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress
from neuroswitch.storage import JsonObject

BOX = Box(0.0, 2.0)
"""Bounds of a dose. Both sides of the problem are read off the untouched model, and hold to about a change of twice
a neuron: on the demo model doses of up to 5 left 19 % of refusals at a divergence of 0.149 nats per token, and doses
of up to 1 left 21 % at 0.038. A negative dose would amplify a neuron that promotes the behaviour, in order to
make up for the damage of others."""

STRONGEST = 1.5
"""By how much all doses may be multiplied to meet the damage allowed."""

POOL = 3000
"""Neurons with the best scores that may get a dose."""

PROBES = 256
"""Probes of the divergence; each is one backward pass over one benign answer."""

DAMAGES = (0.01, 0.03, 0.1)
"""Predicted damages for which doses are found, nats per token; then all are brought to the damage allowed."""


def _dosed(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Solve the least-damage problem for several damages in two rounds, and keep the best: the method `cna-doses`.

    In the second round the benefit is measured in the state of the best circuit of the first.
    """
    scores, most = task.scores(model, progress=progress), budget(task.size, model.layout.size)
    pool = selected(scores, max(1, min(POOL, int(qualified(scores).sum()))))
    benign = benign_responses(model, task.contrast.discovery.negative, task.shows, task.chat, progress)
    damage = Damage(damage_probes(model, benign, pool.ids, count=PROBES, seed=task.seed, progress=progress))
    if not damage.probes.any():
        raise BadPrompts(
            "no neuron of the ranking changes the benign answers, so their damage cannot be weighed",
            found=f"{len(pool)} neurons without an effect on {len(benign)} answers",
            do="use other negative prompts, or the method 'cna', which weighs nothing",
        )
    validation = validation_of(model, task, progress=progress)

    def best(circuits: Sequence[Circuit]) -> Choice:
        candidates = [partial(Scaling, circuit) for circuit in circuits]
        return choose_at_damage(model, task, validation, candidates, progress, strongest=STRONGEST)

    circuits = dosed_circuits(pool, scores.value[pool.ids], damage, most)
    choice = best(circuits)
    first = circuits[choice.place]
    benefit = _benefit_of_more(model, task, pool, first.dosed(choice.strength), benign, progress)
    if bool((benefit > 0).any()):
        circuits = [first, *dosed_circuits(pool, benefit, damage, most, round_=2)]
        choice = best(circuits)
    circuit = circuits[choice.place].dosed(choice.strength)
    return _recorded(circuit, task, f"on {len(benign)} benign answers", choice.how)


def dosed_circuits(
    pool: Circuit, benefit: Float[Tensor, " pool"], damage: Damage, most: int, *, round_: int = 1
) -> list[Circuit]:
    """Return the circuit with the least-damage doses for each of `DAMAGES`.

    Args:
        pool: Neurons that may get a dose.
        benefit: Of a dose of 1 of each, of any unit; one of them above 0.
        damage: The quadratic damage of their doses.
        most: Neurons of each circuit at most.
        round_: In which round the benefit was measured, for the circuit's provenance.
    """
    circuits = []
    for wanted in DAMAGES:
        rows, doses, price = pruned_doses(benefit, damage, wanted, BOX, most)
        said: JsonObject = {
            "size": most,
            "pool": len(pool),
            "box": list(BOX),
            "price": price,
            "wanted_damage": wanted,
            "predicted_damage": damage.among(rows).of(doses),
            "probes": len(damage.probes),
            "ridge": damage.ridge,
            "round": round_,
        }
        given = {"doses": doses, **{name: values[rows] for name, values in pool.evidence().items()}}
        provenance = replace(pool.provenance, arguments={**pool.provenance.arguments, **said})
        circuits.append(Circuit(layout=pool.layout, ids=pool.ids[rows], provenance=provenance, **given))
    return circuits


def _benefit_of_more(
    model: LanguageModel,
    task: Task,
    pool: Circuit,
    circuit: Circuit,
    benign: Sequence[Response],
    progress: Progress,
) -> Float[Tensor, " pool"]:
    """Return what more of each dose gains in the state of a circuit, nats per token.

    How much less likely it makes the model's own responses that show the behaviour, minus the same for benign
    answers; 0 where no response to a discovery prompt shows the behaviour.
    """
    answering = Answering(model, Gathering(), task.chat, progress)
    own = answering.responses(task.contrast.discovery.positive, task.shows)
    if not own:
        return torch.zeros(len(pool))
    multipliers = torch.ones(len(pool))
    multipliers[torch.isin(pool.ids, circuit.ids)] = circuit.multipliers(1.0)
    positive, negative = (
        effects_in_state(model, responses, pool.ids, multipliers, progress=progress)
        for responses in (own, benign)
    )
    return positive - negative


def _recorded(circuit: Circuit, task: Task, where: str, how: str) -> Circuit:
    made = circuit.provenance
    damages = ", ".join(f"{one:g}" for one in DAMAGES)
    said = (
        f"the neurons and doses between {BOX.lowest:g} and {BOX.highest:g} with the most benefit for their quadratic"
        f" damage {where} to discovery prompts of {task.contrast.name!r}, among the best by the ranking"
        f" {task.ranking!r}; which damage of {damages} nats per token, and of which round, was {how}"
    )
    arguments = {**made.arguments, "seed": task.seed}
    return chosen_by(replace(circuit, provenance=replace(made, arguments=arguments)), task, said)


METHODS.register("cna-doses")(by_ranking(_dosed))
