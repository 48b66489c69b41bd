"""lm-eval's view of a model: the module itself, hooks included, scored without wasted work.

The questions of a task begin with the same solved examples: what many share is computed once, in the
state the model is in, and logits are kept where an answer is, so that memory does not grow with context
times vocabulary. Scores are float32. All else, tokenization above all, is lm-eval's own.
"""

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from neuroswitch.batching import compute_prefix
from neuroswitch.chat import shared_prefix
from neuroswitch.errors import Prerequisite
from neuroswitch.measures.forcing import Forced, answer_logits, batched
from neuroswitch.models import LanguageModel

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

FAMILY = 64
"""Contexts that begin with so many tokens alike share their computation."""

Score = tuple[float, bool]
"""Log-probability of an answer in nats, and whether it is what greedy decoding would give."""


def lm_eval_model(model: LanguageModel) -> "HFLM":
    """Return an lm-eval model that asks `model` in whatever state it is in when it is asked.

    Args:
        model: The model; lm-eval never loads, resizes or moves it.

    Raises:
        Prerequisite: lm-eval is not installed.
    """
    try:
        from lm_eval.models.huggingface import HFLM
    except ImportError as error:
        raise Prerequisite(
            "capability is measured through lm-eval, which is not installed",
            found=str(error),
            do="pip install 'neuroswitch[eval]'",
        ) from error

    class AsItIs(HFLM):  # type: ignore[misc]  # lm-eval has no types
        def loglikelihood(self, requests: "Sequence[Instance]", disable_tqdm: bool = True) -> list[Score]:
            scores: list[Score] = super().loglikelihood(requests, disable_tqdm=True)
            return scores

        def _loglikelihood_tokens(
            self, requests: Sequence[tuple[object, list[int], list[int]]], **_: object
        ) -> list[Score]:
            samples = [
                # the last token is not fed, so one more than the longest input fits; cut from the left
                Forced(tuple([*context, *answer][-self.max_length - 1 : -len(answer)]), tuple(answer))
                for _, context, answer in requests
            ]
            return log_likelihoods(model, samples)

    # lm-eval gives a tokenizer without padding a pad token
    return AsItIs(pretrained=model.module, tokenizer=copy.deepcopy(model.tokenizer))


def log_likelihoods(model: LanguageModel, samples: Sequence[Forced]) -> list[Score]:
    """Score answers after their contexts, in the order given.

    Args:
        model: The model, in the state that shall be asked.
        samples: Contexts and answers of at least one token each.
    """
    # Logits do not depend on the last token, so the answers A, B, C and D need one forward pass.
    alike: dict[tuple[tuple[int, ...], ...], list[int]] = {}
    for i, one in enumerate(samples):
        alike.setdefault((one.prompt, one.answer[:-1]), []).append(i)
    scores: dict[int, Score] = {}
    for family in _families([samples[members[0]] for members in alike.values()]):
        prefix = compute_prefix(model, [one.prompt for one in family])
        for batch in batched(model, family):
            chosen = [family[i] for i in batch]
            for one, rows in zip(chosen, answer_logits(model, chosen, prefix), strict=True):
                log_p = rows.float().log_softmax(-1)  # (answer, V)
                members = alike[one.prompt, one.answer[:-1]]
                scores.update({i: _score(log_p, samples[i].answer) for i in members})
    return [scores[i] for i in range(len(samples))]


def _score(log_p: Tensor, answer: Sequence[int]) -> Score:
    tokens = torch.tensor(answer, device=log_p.device)
    return log_p.gather(1, tokens[:, None]).sum().item(), bool((log_p.argmax(-1) == tokens).all())


def _families(samples: Sequence[Forced]) -> list[list[Forced]]:
    """Group samples whose contexts share a long beginning; those without relatives form one group."""
    found: list[list[Forced]] = []
    for one in sorted(samples, key=lambda one: one.prompt):
        if found and shared_prefix([found[-1][0].prompt, one.prompt]) >= FAMILY:
            found[-1].append(one)
        else:
            found.append([one])
    alone = [one for family in found if len(family) == 1 for one in family]
    return [family for family in found if len(family) > 1] + ([alone] if alone else [])
