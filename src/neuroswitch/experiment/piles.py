"""What an experiment asks: piles of held-out prompts, each with its detector, and the questions of an exam."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from neuroswitch.batching import position_limit, require_positions
from neuroswitch.chat import encode
from neuroswitch.circuits import DESCRIPTION, Circuit, require_unseen
from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import Prerequisite
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.folder import method_folder
from neuroswitch.experiment.models import roles_of
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.measures import ExamQuestions, read_mmlu, read_xstest
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Prompt, check_held_out, read_prompts
from neuroswitch.records import NEGATIVE, POSITIVE, SAFE


class Pile(NamedTuple):
    """Prompts, and the detector that labels the answers to them."""

    prompts: tuple[Prompt, ...]
    detector: Detector


def held_out(behaviour: Behaviour, settings: ExperimentSettings) -> dict[str, Pile]:
    """Return the piles of test prompts: positive, negative and, if asked for, XSTest's safe ones.

    Raises:
        BadPrompts: A test prompt is among those that discovery or validation sees.
    """
    asked, safe = settings.prompts, settings.safe_prompts
    positive, negative = behaviour.contrast.test
    if asked.test_prompts:
        positive = read_prompts(asked.test_prompts)
    if asked.benign_prompts:
        negative = read_prompts(asked.benign_prompts)
    positive, negative = spread(positive, asked.limit), spread(negative, asked.limit)
    if asked.test_prompts or asked.benign_prompts:
        check_held_out([*positive, *negative], behaviour.contrast)
    piles = {POSITIVE: Pile(positive, behaviour.detector), NEGATIVE: Pile(negative, behaviour.detector)}
    if safe.xstest:
        prompts = read_xstest(None if safe.xstest == "hub" else safe.xstest)
        piles[SAFE] = Pile(spread(prompts, safe.xstest_limit), get_detector("refusal"))
    return piles


def check_circuits(settings: ExperimentSettings, piles: Mapping[str, Pile], output: Path) -> None:
    """Read the saved circuits that are studied, or their copies in the folder, before any model is loaded.

    Raises:
        BadCircuit: There is no such circuit, or it is damaged.
        BadPrompts: A test prompt is among those on which one of them was found, under whatever name.
    """
    prompts = [prompt for pile in piles.values() for prompt in pile.prompts]
    for name in settings.methods:
        kind, _, place = name.partition(":")
        if kind == "circuit":
            kept = method_folder(output, roles_of(settings)[0], name)
            circuit = Circuit.load(kept if (kept / DESCRIPTION).exists() else place)
            require_unseen(circuit.provenance, place, prompts)


def check_positions(model: LanguageModel, settings: ExperimentSettings, piles: Mapping[str, Pile]) -> None:
    """Refuse prompts and answers that the model has no positions for, before the first one is answered.

    Raises:
        BadOption: A prompt and its answer do not fit together.
        BadPrompts: A prompt alone does not fit.
    """
    if position_limit(model.module) is not None:
        prompts = [prompt for pile in piles.values() for prompt in pile.prompts]
        longest = max(len(encode(model.tokenizer, prompt, settings.chat)) for prompt in prompts)
        require_positions(model.module, longest, settings.decoding.max_new_tokens)


def spread(prompts: tuple[Prompt, ...], limit: int | None) -> tuple[Prompt, ...]:
    """Take so many prompts at even distances: files are often sorted by category."""
    count = len(prompts) if limit is None else min(limit, len(prompts))
    return tuple(prompts[index * len(prompts) // count] for index in range(count))


def exam_questions(settings: ExperimentSettings) -> ExamQuestions | None:
    """Return the MMLU questions; None if none are asked.

    Raises:
        Prerequisite: lm-eval is not installed, or a file cannot be read.
        BadPrompts: A question is malformed.
    """
    exam = settings.exam
    if exam.mmlu is None:
        return None
    if find_spec("lm_eval") is None:
        raise Prerequisite(
            "MMLU is asked through lm-eval, which is not installed", do="pip install 'neuroswitch[eval]'"
        )
    tasks = ("mmlu",) if exam.mmlu == "hub" else read_mmlu(exam.mmlu, exam.mmlu_dev)
    return ExamQuestions(tasks, exam.shots, exam.mmlu_questions, settings.controls.seed, exam.mmlu_strengths)
