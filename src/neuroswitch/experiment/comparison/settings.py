"""What a comparison is asked to do, and how its folder is taken, gone on with and added to.

All that shapes a number is compared with what the folder was begun with. Methods, strengths and
seeds may be added later; so may a measure that was not taken, as long as it was not begun.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from neuroswitch.answering import Decoding
from neuroswitch.chat import ChatFormat
from neuroswitch.discovery import DEFAULT
from neuroswitch.errors import BadPrompts, BadRun
from neuroswitch.experiment.comparison.files import POOLED, PROVENANCE
from neuroswitch.experiment.old_settings import SETTINGS
from neuroswitch.models import LoadOptions
from neuroswitch.provenance import command_line, now, versions
from neuroswitch.storage import write_json

BUDGETS = {"kl": 0.1, "quality": 0.05, "perplexity": 5.0, "mmlu": 0.01, "overrefusal": 0.05}
"""Damage within which methods are matched, unless another is named: a difference to the untouched model.

0.1 nats per token is the divergence at which Arditi et al. (2024), section 2.3, discard a direction.
"""

MEASURES_LATER = {
    "mmlu": ("mmlu", "mmlu_dev", "mmlu_questions", "mmlu_shots"),
    "xstest": ("xstest", "xstest_limit"),
}
SHOWN = ("damage", "budget")
"""Settings that decide only what the report puts forward."""


@dataclass(frozen=True, kw_only=True)
class CompareSettings:
    """Settings of `neuroswitch compare`.

    Attributes:
        model: Hub id, folder, GGUF file or `demo`.
        loading: Revision, dtype, device and so on.
        behaviour: Built-in contrast set, or a file.
        detector: Who says whether an answer shows the behaviour; None takes the behaviour's own.
        methods: Names for `get_method`; `random` stands for so many seeds, pooled.
        strengths: Of every method; 0 is the untouched model.
        random_seeds: How many random circuits `random` stands for.
        test_prompts: A file with other positive test prompts than those of the contrast set.
        benign_prompts: A file with other negative ones.
        limit: Use only so many test prompts of each pile, spread evenly; None uses all.
        size: For methods that choose neurons: below 1 a fraction of all, else a count.
        ranking: How they rank them.
        seed: Of everything random but the random circuits, which count from 0.
        decoding: Length of the answers and batch size.
        chat: System prompt and thinking mode.
        mmlu: Questions, a JSONL file or `hub`; None examines nothing.
        mmlu_dev: Solved examples, where the questions are a file.
        mmlu_questions: How many are drawn; None asks all.
        mmlu_shots: Solved examples before each question; None gives 5 where there are any.
        mmlu_strengths: Strengths at which they are asked; None asks at all of them.
        xstest: XSTest's prompts, for over-refusal; None measures none.
        xstest_limit: How many safe prompts of it, spread evenly.
        damage: The measure that behaviour is set against: a key of `BUDGETS`.
        budget: Largest damage at which methods are matched; None takes the measure's own.
    """

    model: str = "demo"
    loading: LoadOptions = LoadOptions()
    behaviour: str = "refusal"
    detector: str | None = None
    methods: tuple[str, ...] = ("cna", "caa", "direction", POOLED)
    strengths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    random_seeds: int = 5
    test_prompts: str | None = None
    benign_prompts: str | None = None
    limit: int | None = None
    size: float = 0.001
    ranking: str = DEFAULT
    seed: int = 0
    decoding: Decoding = Decoding()
    chat: ChatFormat = ChatFormat()
    mmlu: str | None = None
    mmlu_dev: str | None = None
    mmlu_questions: int | None = None
    mmlu_shots: int | None = None
    mmlu_strengths: tuple[float, ...] | None = None
    xstest: str | None = None
    xstest_limit: int | None = 50
    damage: str = "kl"
    budget: float | None = None

    def __post_init__(self) -> None:
        if self.damage not in BUDGETS:
            raise BadPrompts(
                "there is no such measure of damage", found=repr(self.damage), expected=", ".join(BUDGETS)
            )
        if min(self.strengths, default=0.0) < 0 or not any(self.strengths):
            raise BadPrompts(
                "a comparison needs strengths above 0",
                found=", ".join(f"{one:g}" for one in self.strengths) or "none",
                do="name some, such as --strengths 0,0.5,1",
            )

    @property
    def shots(self) -> int | None:
        """Solved examples before each MMLU question."""
        if self.mmlu is None or self.mmlu_shots is not None:
            return self.mmlu_shots
        return 5 if self.mmlu == "hub" or self.mmlu_dev else 0

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, with nothing left to defaults that may change."""
        asked = self.strengths if self.mmlu_strengths is None else self.mmlu_strengths
        asked = () if self.mmlu is None else asked
        budget = BUDGETS[self.damage] if self.budget is None else self.budget
        values = {**asdict(self), "mmlu_strengths": asked, "mmlu_shots": self.shots, "budget": budget}
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain


def claim_comparison(folder: Path, settings: CompareSettings) -> CompareSettings:
    """Take a folder for a comparison, go on with the one in it, or add to it.

    Returns:
        The settings with everything that earlier calls asked for, earliest first.

    Raises:
        BadRun: The folder holds something else, or a comparison with other settings.
    """
    path = folder / SETTINGS
    before = _read(path) if path.exists() else None
    joined = settings if before is None else _joined(before, settings, folder)
    if joined.to_json() != before or not (folder / PROVENANCE).exists():
        made = {"date": now(), "command": command_line(), "versions": versions()}
        write_json(folder / PROVENANCE, made)
        write_json(path, joined.to_json())
    return joined


def _joined(before: dict[str, Any], settings: CompareSettings, folder: Path) -> CompareSettings:
    asked = settings.to_json()
    strengths = _union(before.get("strengths", ()), asked["strengths"])
    joined = replace(
        settings,
        methods=_union(before.get("methods", ()), asked["methods"]),
        strengths=strengths,
        mmlu_strengths=_union(before.get("mmlu_strengths", ()), asked["mmlu_strengths"]),
        random_seeds=max(before.get("random_seeds", 0), settings.random_seeds),
    )
    now_asked = joined.to_json()
    free = {"methods", "strengths", "mmlu_strengths", "random_seeds", *SHOWN}
    for measure, keys in MEASURES_LATER.items():
        free |= set(keys) if before.get(measure) is None else set()
        if asked[measure] is None:  # not asked for again: what was measured stays
            kept: dict[str, Any] = {key: before.get(key) for key in keys}
            joined = replace(joined, **kept)
            free |= set(keys)
    names = {*before, *now_asked}
    if differing := sorted(
        key for key in names - free if _given(before.get(key)) != _given(now_asked.get(key))
    ):
        raise BadRun(
            f"{folder} holds something with other settings",
            found=", ".join(f"{key} = {before.get(key)!r}" for key in differing),
            expected=", ".join(f"{key} = {now_asked.get(key)!r}" for key in differing),
            do="name another output folder, or repeat the settings of this one to add methods or strengths",
        )
    return joined


def _given(value: Any) -> Any:
    """Leave out what is unset, so that a version with one option more can go on with a folder."""
    return {name: one for name, one in value.items() if one is not None} if isinstance(value, dict) else value


def _union(before: Any, asked: Any) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*before, *asked]))


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except ValueError as error:
        raise BadRun(f"{path} is damaged", found=str(error), do="name another output folder") from error
    return found
