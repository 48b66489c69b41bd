"""What an experiment asks: piles of held-out prompts, each with its detector, and the questions of an exam."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from neuroswitch.batching import require_positions
from neuroswitch.chat import encode
from neuroswitch.circuits import DESCRIPTION, Circuit, require_unseen
from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.folder import method_folder
from neuroswitch.experiment.models import roles_of
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.measures import ExamQuestions, read_mmlu, read_written, read_xstest
from neuroswitch.models import LanguageModel
from neuroswitch.options import PromptChoice
from neuroswitch.prompts import Piles, Prompt, check_held_out, leaks, read_test_file, refuse_duplicates
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
    positive, negative = (spread(one, asked.limit) for one in _asked(behaviour, asked))
    if asked.test_prompts or asked.benign_prompts:
        check_held_out([*positive, *negative], behaviour.contrast)
    piles = {POSITIVE: Pile(positive, behaviour.detector), NEGATIVE: Pile(negative, behaviour.detector)}
    if safe.xstest:
        prompts = read_xstest(None if safe.xstest == "hub" else safe.xstest)
        piles[SAFE] = Pile(spread(prompts, safe.xstest_limit), get_detector("refusal"))
    return piles


def _asked(behaviour: Behaviour, asked: PromptChoice) -> Piles:
    """Return the test prompts that should show the behaviour, and those that should not.

    A file of test prompts with labels holds both, and is the only file that may.
    """
    positive, negative = behaviour.contrast.test
    if asked.test_prompts:
        own = read_test_file(asked.test_prompts)
        if not own.positive:
            raise BadPrompts(
                f"{asked.test_prompts}: no test prompt is positive",
                found=f"{len(own.negative)} prompts, all labelled negative",
                do="give them as --benign-prompts",
            )
        if own.negative and asked.benign_prompts:
            raise BadPrompts(
                "negative test prompts are in two files",
                found=f"{asked.test_prompts} has {len(own.negative)} of them, besides {asked.benign_prompts}",
                do="leave out --benign-prompts, or the negative rows of the other file",
            )
        positive, negative = own.positive, own.negative or negative
    if asked.benign_prompts:
        benign = read_test_file(asked.benign_prompts)
        if benign.labelled and benign.positive:
            raise BadPrompts(
                f"{asked.benign_prompts}: positive prompts among the benign ones",
                found=f"{len(benign.positive)} prompts labelled positive",
                do="give a file with both labels as --test-prompts",
            )
        negative = benign.negative or benign.positive
    refuse_duplicates(
        leaks(positive, negative),
        "the same test prompt should show the behaviour and should not",
        do="remove it from one of the two files",
    )
    return Piles(positive, negative)


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


def check_prompts(
    model: LanguageModel, settings: ExperimentSettings, behaviour: Behaviour, piles: Mapping[str, Pile]
) -> None:
    """Encode every prompt, whoever answers, and refuse what has no positions, before anything is computed.

    Raises:
        BadOption: A prompt and its answer do not fit together.
        BadPrompts: A prompt cannot be encoded, or does not fit alone.
    """
    for prompt in (prompt for pile in behaviour.contrast.discovery for prompt in pile):
        encode(model.tokenizer, prompt, settings.chat)
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
    asked = ExamQuestions(tasks, exam.shots, exam.mmlu_questions, settings.controls.seed, exam.mmlu_strengths)
    if exam.mmlu_cot_questions is None:
        return asked
    written = read_written(exam.mmlu, replace(asked, limit=exam.mmlu_cot_questions))
    length = replace(settings.decoding, max_new_tokens=exam.mmlu_cot_tokens)
    return replace(asked, written=written, decoding=length)
