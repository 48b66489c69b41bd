"""The methods of an experiment: fitted once, written to its folder, and read from there by every later call.

What is used is always what was read from the folder, so that a continued experiment works with the same
bytes as one that was not interrupted.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from neuroswitch.activations import Intervention
from neuroswitch.circuits import DESCRIPTION, Circuit, promoted_tokens, transferred
from neuroswitch.discovery import RANKINGS, select
from neuroswitch.errors import BadOption, WeakBehaviour
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.circumstances import circuit_digest, files_digest
from neuroswitch.experiment.facts import claim_method, forget_method
from neuroswitch.experiment.folder import RANKING, description_file, method_folder, model_folder
from neuroswitch.experiment.models import Models, roles_of
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.integrations import model_name
from neuroswitch.measures import Condition
from neuroswitch.methods import Fitted, FittedCircuit, Known, Scaling, Task, curve_of, get_method
from neuroswitch.models import LanguageModel
from neuroswitch.records import RANDOM, TRANSFER
from neuroswitch.storage import new_folder, read_as, write_json
from neuroswitch.summary import CircuitFacts, LayerProfile, MethodFacts, RankingFacts, TopNeuron

FALLBACK = "delta_effect"
"""The ranking that is used where a model never shows the behaviour: it needs prompts and no responses."""

TOP = 24
"""Neurons of a circuit shown in the report."""

FULL = 1.0
"""Strength of the adapter that is saved beside a circuit where none is asked for: all of it."""

VALIDATION_TOKENS = Task.decoding.max_new_tokens
"""Length of the answers by which methods choose their settings."""


@dataclass
class Fitter:
    """Fits the methods of every model, all by the same ranking.

    Attributes:
        settings: Methods, strengths, ranking, size.
        output: Folder of the experiment.
        behaviour: What a method may see: discovery and validation prompts.
        models: The models.
        occurs: Role -> whether the model shows the behaviour; empty where that is not known.
        circuits: Role -> the circuit that random controls are matched to and that is transferred.
    """

    settings: ExperimentSettings
    output: Path
    behaviour: Behaviour
    models: Models
    occurs: dict[str, bool] = field(default_factory=dict)
    circuits: dict[str, Circuit] = field(default_factory=dict)
    _tasks: dict[str, Task] = field(default_factory=dict)

    def conditions(self, roles: Sequence[str]) -> dict[str, list[Condition]]:
        """Fit the methods of every model, or load them, and return them at each of their strengths.

        Raises:
            WeakBehaviour: There is nothing to fit a method to.
            BadRun: What an earlier call saved is damaged.
        """
        try:
            return {role: self._fitted(role) for role in roles}
        except WeakBehaviour as error:
            if len(self.settings.models) == 1 or not RANKINGS.get(self.ranking().used).needs_responses:
                raise
            # a model may show the behaviour, and not on the discovery prompts: both are ranked again
            write_json(self.output / RANKING, self._fallback(error.what).model_dump())
            self._tasks.clear()
            self.circuits.clear()
            return {role: self._fitted(role) for role in roles}

    def joined(self, role: str, fitted: Mapping[str, Sequence[Condition]]) -> list[Condition]:
        """Return the conditions of a model, with the other model's circuit where that is asked for."""
        found: list[Condition] = []
        for name in self.settings.methods:
            if name == TRANSFER:
                found += self._transferred(role)
            members = self.settings.members(name)
            found += [one for one in fitted[role] if one.method in members]
        return found

    def ranking(self) -> RankingFacts:
        """Return which ranking is used: another one where a model does not show the behaviour."""
        path, asked = self.output / RANKING, self.settings.circuit.ranking
        if path.exists():
            return read_as(path, RankingFacts, do=f"remove {path} and run the same command again")
        missing = [
            source
            for role, source in zip(roles_of(self.settings), self.settings.models, strict=True)
            if not self.occurs.get(role, True)
        ]
        found = RankingFacts(asked=asked, used=asked)
        if missing and RANKINGS.get(asked).needs_responses:
            found = self._fallback(f"{missing[0]} does not show the behaviour")
        write_json(path, found.model_dump())
        return found

    def _fallback(self, reason: str) -> RankingFacts:
        return RankingFacts(asked=self.settings.circuit.ranking, used=FALLBACK, reason=reason)

    def _fitted(self, role: str) -> list[Condition]:
        found = []
        for name in self.settings.methods:
            if name == TRANSFER:
                continue
            members = self.settings.members(name)
            for member in members:
                fitted = self._fit(role, member)
                found += list(self._at_strengths(fitted, member, further=member != members[0]))
                if isinstance(fitted, FittedCircuit) and name != RANDOM:
                    self.circuits.setdefault(role, fitted.circuit)
        return found

    def _fit(self, role: str, name: str) -> Fitted:
        method, folder = get_method(name), method_folder(self.output, role, name)
        progress, model = self.models.progress_of(role), self.models.get(role)
        kind = name.partition(":")[0]

        def report(stage: str, done: int, total: int) -> None:
            progress(f"fit {kind}, {stage}", done, total)

        if len(self.settings.models) == 2 and folder.exists() and not self._is_current(folder):
            forget_method(self.output, role, name)
            shutil.rmtree(folder)
            if name == "cna":
                shutil.rmtree(model_folder(self.output, role) / "top", ignore_errors=True)
        if not folder.exists():
            found = method.fit(model, self._task(role), progress=report)
            self._save(found, folder, model)
        fitted = method.load(folder, model)
        claim_method(self.output, role, name, files_digest(folder))
        facts = self._described(model, name, fitted)
        write_json(description_file(self.output, role, name), facts.model_dump(mode="json"))
        if name == "cna" and len(self.settings.models) == 2:
            self._keep_top(role, model, fitted)
        return fitted

    def _save(self, found: Fitted, folder: Path, model: LanguageModel) -> None:
        """Write a fit at once; a circuit with the fingerprint of the weights, and an adapter of the last strength."""
        if not isinstance(found, FittedCircuit) or model.module.device.type == "meta":
            found.save(folder)
            return
        with new_folder(folder) as staging:
            strengths = [one for one in self.settings.strengths if one] or [FULL]
            found.circuit.save(staging, model=model, strength=strengths[-1])

    def _is_current(self, folder: Path) -> bool:
        """Say whether a saved circuit is not of the ranking that was asked for and then replaced."""
        if not (folder / DESCRIPTION).exists():
            return True
        made, ranking = Circuit.load(folder).provenance, self.ranking()
        given_up = ranking.asked if ranking.asked != ranking.used else None
        return given_up not in (made.ranking, made.arguments.get("matched_to", ""))

    def _task(self, role: str) -> Task:
        """Return what the methods of one model may see, with what they share."""
        settings = self.settings
        if role not in self._tasks:
            self._tasks[role] = Task(
                contrast=self.behaviour.contrast,
                shows=self.behaviour.detector.judges,
                chat=settings.chat,
                decoding=replace(settings.decoding, max_new_tokens=VALIDATION_TOKENS),
                size=settings.circuit.size,
                dose=settings.circuit.dose,
                ranking=self.ranking().used,
                seed=settings.controls.seed,
                known=Known(),
            )
        return replace(self._tasks[role], circuit=self.circuits.get(role))

    def _at_strengths(self, fitted: Fitted, name: str, *, further: bool) -> Iterator[Condition]:
        for strength in fitted.strengths(self._strengths(name)):
            if strength:
                yield Condition(
                    name,
                    strength,
                    fitted.at(strength),
                    on_prompt=fitted.acts_on == "prompt",
                    further=further,
                )

    def _strengths(self, name: str) -> tuple[float, ...]:
        """Return the strengths that a method is asked for, ascending."""
        own = curve_of(get_method("cna" if name == TRANSFER else name)) if self.settings.own_strengths else ()
        return tuple(sorted({*self.settings.strengths, *own}))

    def _transferred(self, role: str) -> list[Condition]:
        """Return the other model's circuit as conditions of this one."""
        other = next(one for one in roles_of(self.settings) if one != role)
        circuit = transferred(self.circuits[other], self.models.get(role))
        claim_method(self.output, role, TRANSFER, circuit_digest(circuit))
        strengths = [one for one in self._strengths(TRANSFER) if one]
        return [Condition(TRANSFER, strength, Scaling(circuit, strength)) for strength in strengths]

    def _keep_top(self, role: str, model: LanguageModel, fitted: Fitted) -> None:
        """Keep a second circuit of the size that the paper compares, by the same scores."""
        folder = model_folder(self.output, role) / "top"
        if folder.exists() or not isinstance(fitted, FittedCircuit):
            return
        try:
            top = select(self._task(role).scores(model), self.settings.top)
        except BadOption:  # too small a model for a circuit of that size: the report leaves it out
            top = fitted.circuit
        with new_folder(
            folder
        ) as staging:  # without date and command, so that equal circuits are equal files
            replace(top, provenance=replace(top.provenance, date="", command="")).save(staging)

    def _described(self, model: LanguageModel, name: str, fitted: Fitted) -> MethodFacts:
        """Return what reports say of a method, so that they can be made without the model."""
        circuit = fitted.circuit if isinstance(fitted, FittedCircuit) else None
        return MethodFacts(
            name=name,
            description=fitted.description,
            acts_on=fitted.acts_on,
            circuit=None if circuit is None else circuit_facts(model, name, circuit),
        )


def served_names(conditions: Sequence[Condition]) -> dict[str, Intervention]:
    """Name what a server can have, as `neuroswitch serve` does: the circuit and what it is multiplied by.

    A saved circuit has the name of its folder, and its random controls that name with their seed.
    """
    saved = [one.method for one in conditions if one.method.startswith("circuit:")]
    stem = Path(saved[0].partition(":")[2]).resolve().name if saved else ""
    found: dict[str, Intervention] = {}
    for one in conditions:
        if isinstance(one.intervention, Scaling):
            name, seed = one.method.replace(":", "-"), None
            if stem and one.method == saved[0]:
                name = stem
            elif stem and one.method.startswith(f"{RANDOM}:"):
                name, seed = stem, int(one.method.partition(":")[2])
            found[model_name(name, one.intervention.multiplier, seed)] = one.intervention
    return found


def circuit_facts(model: LanguageModel, name: str, circuit: Circuit) -> CircuitFacts:
    """Describe a circuit: its size, its layers, its strongest neurons with the tokens they promote."""
    strongest = circuit.strongest(TOP)
    # without weights in memory it is not known what a neuron promotes
    known = model.module.device.type != "meta" and strongest.positive_mean is not None
    tokens = promoted_tokens(model, strongest) if known else [[] for _ in range(len(strongest))]
    profile, units = layer_profile(name, circuit), {one.path: one.units for one in model.layout.sites}
    top = [
        TopNeuron(
            **neuron._asdict(),
            dose=float(strongest.doses[i]),
            score=None if strongest.scores is None else float(strongest.scores[i]),
            positive_mean=None if strongest.positive_mean is None else float(strongest.positive_mean[i]),
            negative_mean=None if strongest.negative_mean is None else float(strongest.negative_mean[i]),
            tokens=tuple(tokens[i]),
            attention=units[neuron.path] == "attention",
        )
        for i, neuron in enumerate(strongest.neurons())
    ]
    return CircuitFacts(
        **profile.model_dump(),
        ranking=circuit.provenance.ranking,
        experts=sum(neuron.expert is not None for neuron in circuit.neurons()),
        top=tuple(sorted(top, key=lambda neuron: -abs(neuron.score or 0.0))),
        provenance=circuit.provenance.to_json(),
    )


def layer_profile(name: str, circuit: Circuit) -> LayerProfile:
    """Return how many neurons a circuit has in each layer of its model."""
    layers = range(max(site.layer for site in circuit.layout.sites) + 1)
    found = circuit.by_layer()
    return LayerProfile(
        name=name,
        neurons=len(circuit),
        fraction=circuit.fraction,
        by_layer={layer: found.get(layer, 0) for layer in layers},
        units=circuit.layout.units,
    )
