"""The files of an experiment -> its summary: every number is computed from the rows on disk.

Needs no model, so that `neuroswitch report` does it again with the code of the day. Holds nothing that two
runs of one request do not share: date and command lie in `provenance.json`, and the page adds them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from neuroswitch.circuits import DESCRIPTION, Circuit, differences
from neuroswitch.detectors import get_detector
from neuroswitch.errors import BadRun, WeakBehaviour
from neuroswitch.experiment.cells import Recorded
from neuroswitch.experiment.circumstances import detector_digest
from neuroswitch.experiment.facts import FACTS
from neuroswitch.experiment.fitting import layer_profile
from neuroswitch.experiment.folder import (
    JUDGED,
    PROVENANCE,
    RANKING,
    Made,
    description_file,
    model_folder,
    read_settings,
)
from neuroswitch.experiment.matching import matched, shared_neurons
from neuroswitch.experiment.unjudged import unjudged_note
from neuroswitch.measures import (
    MEASURES,
    check_baseline,
    rate_by_length,
)
from neuroswitch.options import LOCAL
from neuroswitch.records import LARGEST, POSITIVE, RANDOM, TRANSFER, UNTOUCHED, MeasureInfo
from neuroswitch.report import write_page
from neuroswitch.storage import locked, read_as, write_json
from neuroswitch.summary import (
    SUMMARY,
    AtLength,
    Cell,
    Judged,
    LayerProfile,
    Matched,
    MethodFacts,
    ModelFacts,
    RankingFacts,
    Shared,
    Summary,
)

Kept = TypeVar("Kept")


def summarise(folder: Path) -> Summary:
    """Compute the summary of an experiment from its files; what is not finished yet is left out.

    Raises:
        BadRun: A file is missing or damaged, or not even the untouched model has answered.
    """
    return _Folder(Path(folder)).summary()


@dataclass(frozen=True)
class _Folder(Recorded):
    def summary(self) -> Summary:
        cells, facts = self.cells(), self.facts
        taken = {name for cell in cells for name in cell.measures}
        infos = {name: self.info(name) for name in MEASURES.names() if name in taken}
        if missing := set(self.roles) - set(facts.models):
            raise BadRun(f"{self.folder / FACTS} names no {min(missing)}", do="run the same command again")
        settings, match = self.settings, self.settings.match
        by = match.damage if match.damage in infos else None
        budget = match.budget if match.budget is not None else (infos[by].budget if by else None)
        ranking = RankingFacts(asked=settings.circuit.ranking, used=settings.circuit.ranking)
        return Summary(
            behaviour=facts.behaviour,
            sensitive=facts.sensitive,
            detector=self.detector.how,
            shows=tuple(sorted(self.detector.shows)),
            models={role: self._model(role, cells) for role in self.roles},
            measures=infos,
            cells=cells,
            settings=settings.to_json(),
            prompts=self._prompts(),
            match=by,
            matched=self._matched(cells, infos[by], budget) if by and budget is not None else None,
            overlap=self._overlap(),
            ranking=self._kept(RANKING, RankingFacts) or ranking,
            same_tokens=facts.same_tokens,
            by_length=self._by_length(),
            judged=self._kept(JUDGED, Judged),
            warnings=tuple(self._warnings(cells)),
            provenance={"engine": settings.engine},
        )

    def _matched(self, cells: Sequence[Cell], info: MeasureInfo, budget: float) -> Matched | None:
        """Compare the methods of the first model at the same damage."""
        role = self.roles[0]
        found = {name: self._method(role, name) for name in self.settings.methods}
        circuits = {name for name, one in found.items() if one is not None and one.circuit is not None}
        mine = [cell for cell in cells if cell.model == role]
        return matched(mine, partial(self.values_of, role), info, budget, circuits - {RANDOM, LARGEST})

    def _kept(self, name: str, kind: type[Kept]) -> Kept | None:
        path = self.folder / name
        again = f"remove {path} and run the same command again"
        return read_as(path, kind, do=again) if path.exists() else None

    def _model(self, role: str, cells: Sequence[Cell]) -> ModelFacts:
        methods = {name: found for name in self.settings.methods if (found := self._method(role, name))}
        profiles = [
            LayerProfile(
                name=name, **one.circuit.model_dump(include={"neurons", "fraction", "by_layer", "units"})
            )
            for name, one in methods.items()
            if one.circuit is not None and name != RANDOM
        ]
        if top := self._top(role):
            profiles.append(layer_profile(f"top {len(top)}", top))
        return ModelFacts(
            **vars(self.facts.models[role]),
            occurs=self._baseline(role, cells)[0],
            methods=methods,
            profiles=tuple(profiles),
        )

    def _baseline(self, role: str, cells: Sequence[Cell]) -> tuple[bool, tuple[str, ...]]:
        """Return whether the untouched model shows the behaviour, and what to warn of."""
        untouched = next(cell for cell in cells if cell.model == role and cell.method == UNTOUCHED)
        try:
            return True, check_baseline(untouched.measures["behaviour"], behaviour=self.facts.behaviour)
        except WeakBehaviour as error:
            return False, (f"{error.what[0].upper()}{error.what[1:]}.",)

    def _method(self, role: str, name: str) -> MethodFacts | None:
        if name == TRANSFER:
            text = "scales the neurons of the other model's circuit: same layer, same index"
            return MethodFacts(name=name, description=text, acts_on="model")
        path = description_file(self.folder, role, self.settings.members(name)[0])
        if not path.exists():
            return None
        found = read_as(path, MethodFacts, do=f"remove {path} and run the same command again")
        told = [found.description.rstrip(".")]
        if found.acts_on == "prompt":
            told.append("changes only the prompt, so that divergence and MMLU are not measured")
        if name == RANDOM:
            told.append(
                f"{self.settings.controls.controls} seeds together, intervals resample prompts; benign prompts,"
                " MMLU and over-refusal with the first seed only"
            )
        return found.model_copy(update={"name": name, "description": "; ".join(told)})

    def _top(self, role: str) -> Circuit | None:
        """Return the second circuit, of `settings.top` neurons; None if it was not kept in that size."""
        folder = model_folder(self.folder, role) / "top"
        if not (folder / DESCRIPTION).exists():
            return None
        top = Circuit.load(folder)
        return top if len(top) == self.settings.top else None

    def _overlap(self) -> tuple[Shared, ...]:
        if len(self.roles) < 2:
            return ()
        first, second = (self._named_circuits(role) for role in self.roles)
        return tuple(
            shared_neurons(name, circuit, second[name]) for name, circuit in first.items() if name in second
        )

    def _named_circuits(self, role: str) -> dict[str, Circuit]:
        folder, size = model_folder(self.folder, role) / "methods" / "cna", self.settings.circuit.size
        if not (folder / DESCRIPTION).exists():
            return {}
        own = Circuit.load(folder)
        found = {f"top {size:.3g}" if size >= 1 else f"top {100 * size:.3g} %": own}
        if (top := self._top(role)) is not None and len(top) != len(own):
            found[f"top {len(top)}"] = top
        return found

    def _by_length(self) -> tuple[AtLength, ...]:
        """Return the rate of the first model if its untouched answers had been cut short."""
        rows = self.answers[self.roles[0], UNTOUCHED, POSITIVE].values()
        return rate_by_length(list(rows), self.detector)

    def _warnings(self, cells: Sequence[Cell]) -> Iterable[str]:
        yield from unjudged_note(cells)
        for role in self.roles:
            where = "" if len(self.roles) == 1 else f"In the {role} model: "
            yield from (where + one for one in self._baseline(role, cells)[1])
        if self.unfinished:
            yield f"Not finished and left out: {', '.join(self.unfinished)}."
        yield from self._unmatched(cells)
        if self.settings.until_settled:
            yield "Answers were stopped once their verdict could no longer change, so their quality was not measured."
        for role in self.roles:
            yield from self._of_circuits(role)
        yield from self._changes_between_calls()

    def _unmatched(self, cells: Sequence[Cell]) -> Iterable[str]:
        """Say where the damage by which methods are compared counts no answer at all."""
        by = MEASURES.get(self.settings.match.damage).info
        taken = any(by.name in cell.measures for cell in cells)
        if not taken and by.among != "all" and any(name == by.source for _, _, name in self.measured):
            yield (
                f"Methods were not compared at the same damage: {by.title} counts answers to benign prompts that do "
                "not show the behaviour, and the untouched model shows it in all of them."
            )

    def _changes_between_calls(self) -> Iterable[str]:
        """Say what changed between two calls where that is no error, or could not be seen."""
        first, *later = self.facts.surroundings
        for name in first:
            if others := sorted({one.get(name, "unknown") for one in later} - {first[name]}):
                yield (
                    f"The calls that made these results did not share the {'machine' if name == 'machine' else name}: "
                    f"{first[name]}; {'; '.join(others)}. Numbers may differ in rounding between them."
                )
        for name, pile in self.facts.piles.items():
            if detector_digest(get_detector(pile.detector)) != pile.detector_sha256:
                yield (
                    f"The rules of the detector {pile.detector!r} have changed since the answers of the pile {name} "
                    "were labelled; the labels are those of the earlier rules."
                )
        unread = [role for role, one in self.facts.circumstances.items() if one.weights is None]
        if unread and self.settings.engine == LOCAL:
            yield (
                f"The weights of {' and '.join(self.facts.models[role].name for role in sorted(unread))} could not be "
                "read value by value: of a change between two calls only a sample or the configuration would tell."
            )
        if self.settings.engine != LOCAL:
            yield "A server answered: that its weights and versions were the same in every call could not be checked."

    def _of_circuits(self, role: str) -> Iterable[str]:
        """Say how circuits are used otherwise than they were found, and which share weights between layers."""
        identity = self.facts.models[role].identity
        for name in self.settings.methods:
            circuit = description_file(self.folder, role, name).with_suffix("")
            if name != RANDOM and (circuit / DESCRIPTION).exists():
                found = Circuit.load(circuit)
                for sentence in differences(found.provenance, identity, self.settings.chat):
                    yield f"The circuit of {name} {sentence}."
                if count := found.sharing():
                    yield (
                        f"{count} of the {len(found)} neurons of {name} lie in layers that share their weights with "
                        "other layers. They were scaled in their own layer only; the circuit cannot be exported as "
                        "weights."
                    )

    def _prompts(self) -> dict[str, object]:
        asked, facts = self.settings.prompts, self.facts
        return {
            **facts.model_dump(include={"contrast", "contrast_sha256", "discovery", "validation"}),
            "test_prompts": asked.test_prompts or "the contrast set's own",
            "benign_prompts": asked.benign_prompts or "the contrast set's own",
            **{f"{name}_prompts": pile.prompts for name, pile in facts.piles.items()},
            **{f"{name}_sha256": pile.sha256 for name, pile in facts.piles.items()},
        }


def finish_report(folder: Path, *, show_completions: bool = False) -> Summary:
    """Compute the summary again from the rows on disk, and write it with its page.

    The labels are those on disk, so that a row that was corrected by hand counts as corrected.

    Args:
        folder: Folder of an experiment.
        show_completions: Whether the page may contain answers to the positive prompts of a sensitive behaviour.

    Returns:
        The summary, with the date, command and versions that its file leaves out.

    Raises:
        BadRun: A file is missing or damaged, rows were made under other circumstances, or another process
            is writing the folder.
    """
    folder = Path(folder)
    read_settings(folder)  # a folder that is none of ours is left as it is
    with locked(folder):
        return write_report(folder, show_completions=show_completions)


def write_report(folder: Path, *, show_completions: bool = False) -> Summary:
    """Do what `finish_report` does in a folder that is locked already."""
    summary = summarise(folder)
    made = None
    if (folder / PROVENANCE).exists():
        made = read_as(folder / PROVENANCE, Made, do=f"remove {PROVENANCE}: only date and command are lost")
    write_json(folder / SUMMARY, summary.model_dump(mode="json"))
    if made is not None:
        summary = summary.model_copy(update={"provenance": {**summary.provenance, **made.model_dump()}})
    write_page(folder, summary, show_completions=show_completions)
    return summary
