"""Doses from the least-damage problem: the most benefit for a given divergence on benign answers.

The neurons are those that a ranking scores highest; how much of each is removed is the solution of
`discovery.least_damage`. How much damage the doses may do is chosen on validation prompts.
"""

from dataclasses import replace

from neuroswitch.circuits import HOW, Circuit, with_prompts
from neuroswitch.discovery import (
    Box,
    Damage,
    benign_responses,
    budget,
    damage_probes,
    pruned_doses,
    qualified,
)
from neuroswitch.errors import BadPrompts
from neuroswitch.methods.base import METHODS, Task
from neuroswitch.methods.cna import Scaling, by_ranking, selected
from neuroswitch.methods.tuning import choose_setting, validation_of
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress

BOX = Box(0.0, 2.0)
"""Bounds of a dose. Both sides of the problem are read off the untouched model, and hold to about a change of twice
a neuron: on the demo model doses of up to 5 did eight times the damage of doses of up to 1. A negative dose would
amplify a neuron that promotes the behaviour, in order to hide the damage of others."""

POOL = 3000
"""Neurons with the best scores that may get a dose."""

PROBES = 256
"""Probes of the divergence; each is one backward pass over one benign answer."""

DAMAGES = (0.01, 0.03, 0.1, 0.3)
"""Predicted damages that are tried, nats per token: from hardly any to that of ablating a readout circuit."""


def _dosed(model: LanguageModel, task: Task, progress: Progress) -> Circuit:
    """Solve the least-damage problem for several damages, and keep the best circuit: the method `cna-doses`."""
    scores, most = task.scores(model, progress=progress), budget(task.size, model.layout.size)
    pool = selected(scores, max(1, min(POOL, int(qualified(scores).sum()))))
    negative = task.contrast.discovery.negative
    benign = benign_responses(model, negative, task.shows, task.chat, progress)
    damage = Damage(damage_probes(model, benign, pool.ids, count=PROBES, seed=task.seed, progress=progress))
    if not damage.probes.any():
        raise BadPrompts(
            "no neuron of the ranking changes the benign answers, so their damage cannot be weighed",
            found=f"{len(pool)} neurons without an effect on {len(benign)} answers",
            do="use other negative prompts, or the method 'cna', which weighs nothing",
        )
    circuits = dosed_circuits(pool, damage, most)
    validation = validation_of(model, task, progress=progress)
    chosen, how = choose_setting(model, task, validation, [Scaling(one, 1.0) for one in circuits], progress)
    found = (
        f"the neurons and doses between {BOX.lowest:g} and {BOX.highest:g} with the most benefit, by the ranking"
        f" {task.ranking!r}, for their quadratic damage on {len(benign)} benign answers to discovery prompts of"
        f" {task.contrast.name!r}; which damage of {', '.join(f'{one:g}' for one in DAMAGES)} nats per token was {how}"
    )
    return _recorded(circuits[chosen], task, found, task.seed)


def dosed_circuits(pool: Circuit, damage: Damage, most: int) -> list[Circuit]:
    """Return the circuit with the least-damage doses for each of `DAMAGES`.

    Args:
        pool: Neurons that may get a dose, with their scores as benefit.
        damage: The quadratic damage of their doses.
        most: Neurons of each circuit at most.
    """
    if pool.scores is None:
        raise ValueError("neurons without scores have no benefit")
    circuits = []
    for wanted in DAMAGES:
        rows, doses, price = pruned_doses(pool.scores, damage, wanted, BOX, most)
        predicted = damage.among(rows).of(doses)
        said = {
            "price": price,
            "wanted_damage": wanted,
            "predicted_damage": predicted,
            "box": list(BOX),
            "probes": len(damage.probes),
            "ridge": damage.ridge,
            "pool": len(pool),
            "size": most,
        }
        given = {"doses": doses, **{name: values[rows] for name, values in pool.evidence().items()}}
        provenance = replace(pool.provenance, arguments={**pool.provenance.arguments, **said})
        circuits.append(Circuit(layout=pool.layout, ids=pool.ids[rows], provenance=provenance, **given))
    return circuits


def _recorded(circuit: Circuit, task: Task, how: str, seed: int) -> Circuit:
    made = circuit.provenance
    seen = with_prompts(made.found, [one for pile in task.contrast.validation for one in pile])
    return replace(
        circuit,
        provenance=replace(made, arguments={**made.arguments, "seed": seed, HOW: how}, found=seen),
    )


METHODS.register("cna-doses")(by_ranking(_dosed))
