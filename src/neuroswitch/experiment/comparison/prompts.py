"""What a comparison asks: piles of held-out prompts, each with its detector, and the questions of an exam."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from neuroswitch.detectors import Detector, get_detector
from neuroswitch.errors import Prerequisite
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.comparison.settings import CompareSettings
from neuroswitch.measures import read_mmlu, read_xstest
from neuroswitch.prompts import Prompt, check_held_out, read_prompts

Pile = tuple[str, tuple[Prompt, ...], Detector]
"""Name, prompts, and who judges the answers to them."""


def held_out(behaviour: Behaviour, settings: CompareSettings) -> list[Pile]:
    """Return the piles of test prompts: positive, negative and, if asked for, XSTest's.

    Raises:
        BadPrompts: A test prompt is among those that discovery or validation sees.
    """
    positive, negative = behaviour.contrast.test
    if settings.test_prompts:
        positive = read_prompts(settings.test_prompts)
    if settings.benign_prompts:
        negative = read_prompts(settings.benign_prompts)
    positive, negative = _spread(positive, settings.limit), _spread(negative, settings.limit)
    if settings.test_prompts or settings.benign_prompts:
        check_held_out([*positive, *negative], behaviour.contrast)
    piles = [("positive", positive, behaviour.detector), ("negative", negative, behaviour.detector)]
    if settings.xstest:
        safe = read_xstest(None if settings.xstest == "hub" else settings.xstest)
        piles.append(("xstest", _spread(safe, settings.xstest_limit), get_detector("refusal")))
    return piles


def _spread(prompts: tuple[Prompt, ...], limit: int | None) -> tuple[Prompt, ...]:
    """Take so many at even distances: files are often sorted by category."""
    count = len(prompts) if limit is None else min(limit, len(prompts))
    return tuple(prompts[index * len(prompts) // count] for index in range(count))


def questions(settings: CompareSettings) -> Sequence[Any]:
    """Return the MMLU tasks, as `examine` takes them; none if none are asked.

    Raises:
        Prerequisite: lm-eval is not installed, or a file cannot be read.
        BadPrompts: A question is malformed.
    """
    if settings.mmlu is None:
        return ()
    if find_spec("lm_eval") is None:
        raise Prerequisite(
            "MMLU is asked through lm-eval, which is not installed", do="pip install 'neuroswitch[eval]'"
        )
    return ("mmlu",) if settings.mmlu == "hub" else read_mmlu(settings.mmlu, settings.mmlu_dev)
