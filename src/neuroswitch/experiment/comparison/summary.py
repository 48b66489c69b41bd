"""The files of a comparison -> its summary, as `reporting.schema.Comparison` describes it.

Computes every number from the rows, without the model and without torch, so that `neuroswitch report`
does it again with the code of the day. Holds nothing that two runs of one request do not share: date
and command stand in `provenance.json`, and the page adds them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from neuroswitch.answering import Completion
from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import BadRun, WeakBehaviour
from neuroswitch.experiment.comparison.files import (
    BASELINE,
    FACTS,
    JUDGED,
    POOLED,
    condition_key,
    description_file,
    members,
)
from neuroswitch.experiment.comparison.matched import matched
from neuroswitch.experiment.comparison.rows import (
    Rows,
    Values,
    as_json,
)
from neuroswitch.measures import behaviour_rate, check_baseline, rate_by_length
from neuroswitch.report import SCHEMA
from neuroswitch.statistics import exp_of_mean, holm, mean_of, paired_change, paired_test, rate_of

SETTINGS = "settings.json"


def summarise_folder(folder: Path) -> dict[str, Any]:
    """Compute the summary of a comparison from its files; what is not finished yet is left out.

    Raises:
        BadRun: A file is missing or damaged, or not even the untouched model has answered.
    """
    return _Comparison(folder).summary()


@dataclass(frozen=True)
class _Comparison:
    folder: Path

    @cached_property
    def settings(self) -> dict[str, Any]:
        return _read(self.folder / SETTINGS)

    @cached_property
    def facts(self) -> dict[str, Any]:
        return _read(self.folder / FACTS)

    @cached_property
    def rows(self) -> Rows:
        return Rows.read(self.folder)

    @cached_property
    def detector(self) -> Detector:
        return get_detector(self.facts["detector"])

    def summary(self) -> dict[str, Any]:
        if not self._finished([BASELINE]):
            raise BadRun(
                f"{self.folder} holds no finished condition", do="run the same command again: it goes on"
            )
        cells, unfinished = self._methods()
        described = {name: self._described(name) for name in self.settings["methods"]}
        profiles = [
            {"name": name, **found["layers"]}
            for name, found in described.items()
            if found and found["layers"] and name != POOLED
        ]
        document = {
            "schema": SCHEMA,
            "kind": "comparison",
            "behaviour": self.facts["behaviour"],
            "sensitive": self.facts["sensitive"],
            "shows": sorted(self.detector.shows),
            "model": self.facts["model"],
            "settings": self.settings,
            "prompts": self._prompts(),
            "provenance": {"detector": self.detector.how},
            "warnings": self._warnings(unfinished),
            "damage": self.settings["damage"],
            "baseline": self._baseline(cells),
            "methods": cells,
            "descriptions": {
                name: self._description(name, found) for name, found in described.items() if found
            },
            "preflight": self._preflight(),
        }
        if profiles:
            document["layers"] = profiles
        by, budget = self.settings["damage"], self.settings["budget"]
        if rows := matched(document, self.settings["methods"], by, budget):
            document["matched"] = {"by": by, "budget": budget, "rows": rows}
        return document

    def _methods(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the cells of all methods, strengths ascending, and the names of unfinished conditions."""
        before = self.rows.verdicts([BASELINE], "positive", self.detector)
        cells, unfinished = [], []
        for name in self.settings["methods"]:
            for strength in sorted(self.settings["strengths"]):
                keys = [condition_key(one, strength) for one in members(name, self.settings["random_seeds"])]
                if self._finished(keys):
                    after = self.rows.verdicts(keys, "positive", self.detector)
                    changes = self._changes(keys)
                    cell = {"name": name, "strength": strength, **self._cell(keys), "changes": changes}
                    cells.append({**cell, "p": paired_test(before, after)})
                elif self._begun(keys):
                    unfinished.append(condition_key(name, strength))
        known = [cell for cell in cells if cell["p"] is not None]
        for cell, adjusted in zip(known, holm([cell["p"] for cell in known]), strict=True):
            cell["p_adjusted"] = adjusted
        return cells, unfinished

    def _baseline(self, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the cell of the untouched model, whose divergence from itself is 0 where it was asked for."""
        cell = self._cell([BASELINE])
        if found := next((cell["kl"] for cell in cells if "kl" in cell), None):
            cell["kl"] = {**found, "value": 0.0, "low": 0.0, "high": 0.0, "how": "0 by definition"}
        return cell

    def _finished(self, keys: Sequence[str]) -> bool:
        count = self.facts["piles"]["positive"][0]
        return all(len(self.rows.answers.get((key, "positive"), {})) == count for key in keys)

    def _begun(self, keys: Sequence[str]) -> bool:
        return any(self.rows.answers.get((key, "positive")) for key in keys)

    def _values(self, keys: Sequence[str]) -> dict[str, Values]:
        """Return the values of every measure that was taken in a row of the report."""
        rows, refusal = self.rows, get_detector("refusal")
        found = {
            "harmful": rows.verdicts(keys, "positive", self.detector),
            "benign": rows.verdicts(keys, "negative", self.detector),
            "quality": rows.qualities(keys),
            "kl": rows.costs(keys, "kl"),
            "perplexity": rows.costs(keys, "perplexity"),
            "mmlu": rows.costs(keys, "mmlu"),
            "overrefusal": rows.verdicts(keys, "xstest", refusal),
        }
        return {name: values for name, values in found.items() if values or name in ("harmful", "benign")}

    def _cell(self, keys: Sequence[str]) -> dict[str, Any]:
        made = {name: as_json(self._measure(name, values)) for name, values in self._values(keys).items()}
        return {**made, "labels": self.rows.labels(keys)}

    def _measure(self, name: str, values: Values) -> Any:
        if name in ("harmful", "benign"):
            return rate_of(self.detector.name, values, how=self.detector.how)
        if name == "overrefusal":
            return rate_of(name, values, how=f"XSTest safe prompts, {get_detector('refusal').how}")
        if name == "mmlu":
            return rate_of(name, values, how=self._exam(len(values)))
        if name == "quality":
            return mean_of(name, values, unit="fraction", how="1 - share of repeated word 4-grams per answer")
        if name == "kl":
            how = "KL(untouched || changed) per token of the untouched model's answers to benign prompts"
            return mean_of(name, values, unit="nats per token", how=how)
        how = "exp of the mean over answers to positive prompts of nats per token under the untouched model"
        return exp_of_mean(name, values, unit="perplexity", how=how)

    def _exam(self, questions: int) -> str:
        shots, seed = self.settings["mmlu_shots"], self.settings["seed"]
        return f"lm-eval, {shots}-shot, {questions} questions drawn with seed {seed}"

    def _changes(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return the paired differences to the baseline of everything that both have; KL is one already."""
        before, after = self._values([BASELINE]), self._values(keys)
        wanted = [name for name in after if name in before and name not in ("kl", "perplexity")]
        return {
            name: as_json(
                paired_change(
                    name, before[name], after[name], unit="fraction", how="with the method minus without"
                )
            )
            for name in wanted
            if before[name]
        }

    def _warnings(self, unfinished: Sequence[str]) -> list[str]:
        found = behaviour_rate(self.rows.of([BASELINE], "positive"), self.detector)
        try:
            warnings = list(check_baseline(found, behaviour=self.facts["behaviour"]))
        except WeakBehaviour as error:
            warnings = [error.what[0].upper() + error.what[1:] + "."]
        if unfinished:
            warnings.append(f"Not finished and left out: {', '.join(unfinished)}.")
        return warnings

    def _preflight(self) -> dict[str, Any]:
        """Return the rate had the untouched model's answers been cut short, and the judge's opinion."""
        names = [field.name for field in fields(Completion)]
        rows = self.rows.of([BASELINE], "positive")
        answers = [Completion(**{name: row[name] for name in names}) for row in rows]
        by_length = [asdict(one) for one in rate_by_length(answers, self.detector)]
        judged = self.folder / JUDGED
        return {"by_length": by_length, **({"judge": _read(judged)} if judged.exists() else {})}

    def _described(self, name: str) -> dict[str, Any] | None:
        path = description_file(self.folder, members(name, self.settings["random_seeds"])[0])
        return _read(path) if path.exists() else None

    def _description(self, name: str, found: Mapping[str, Any]) -> str:
        told = [str(found["description"]).rstrip(".")]
        if found["acts_on"] == "prompt":
            told.append("changes only the prompt, so that divergence and MMLU are not measured")
        if name == POOLED:
            told.append(
                f"seeds 0 to {self.settings['random_seeds'] - 1} pooled, intervals resample prompts; benign"
                " prompts, MMLU and over-refusal with the first seed only"
            )
        return "; ".join(told)

    def _prompts(self) -> dict[str, Any]:
        facts = self.facts
        counts = {f"{name}_prompts": count for name, (count, _) in facts["piles"].items()}
        digests = {f"{name}_sha256": digest for name, (_, digest) in facts["piles"].items()}
        told = ("contrast", "contrast_sha256", "discovery", "validation", "token_read")
        return {**{key: facts[key] for key in told}, **counts, **digests}


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadRun(
            f"{path} cannot be read",
            found=f"{type(error).__name__}: {error}",
            do="name the folder of a comparison; one that was interrupted goes on if it is run again",
        ) from error
    return found
