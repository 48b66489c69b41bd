"""Teacher forcing: what a model expects at every token of answers that are given to it.

Batches are right-padded without a mask, which is exact for causal models, and small enough that
the logits of a batch fit in `LOGITS_BYTES` however large the vocabulary. Goes through the whole
model, so that soft caps and scales behind the LM head count. Knows nothing of metrics.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neuroswitch.answering import Completion
from neuroswitch.batching import NO_PREFIX, Prefix, padded, plan_batches, text_only
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.errors import BadPrompts
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Prompt, refuse_one_id

LOGITS_BYTES = 2**28
"""Memory for the logits of one batch; a single longer answer may exceed it."""

TOKENS = 8192
"""Most tokens of one batch, padding included; a single longer sample may exceed it."""


@dataclass(frozen=True)
class Forced:
    """A prompt and an answer to it, as token ids; the answer may be empty."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


def force(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    *,
    completions: Sequence[Completion],
    chat: ChatFormat = ChatFormat(),
) -> tuple[Forced, ...]:
    """Put answers behind their prompts, as token ids.

    Args:
        model: Its tokenizer and template are used.
        prompts: The prompts that were answered, and perhaps others.
        completions: Answers, of whatever model or state; the end-of-turn token is not part of them.
        chat: How the prompts are put to the model.

    Returns:
        One sample per completion, in their order.

    Raises:
        BadPrompts: A completion answers a prompt that is not among `prompts`, or two of them have one id.
    """
    refuse_one_id(prompts)
    by_id = {prompt.id: prompt for prompt in prompts}
    if unknown := [one.prompt_id for one in completions if one.prompt_id not in by_id]:
        raise BadPrompts(
            "answers to prompts that are not given",
            found=f"{len(unknown)} of {len(completions)}, such as prompt {unknown[0]}",
            do="pass the prompts that these answers were generated from",
        )
    return tuple(
        Forced(
            tuple(encode(model.tokenizer, by_id[one.prompt_id], chat)),
            tuple(model.tokenizer.encode(one.text, add_special_tokens=False)),
        )
        for one in completions
    )


def batched(model: LanguageModel, samples: Sequence[Forced]) -> list[list[int]]:
    """Return indices of samples with an answer in batches of similar length, as large as memory allows."""
    vocabulary, bytes_each = model.unembedding.shape[0], model.unembedding.element_size()
    room = LOGITS_BYTES // (vocabulary * bytes_each)  # rows of logits
    lengths = list(map(len, samples))

    def fits(rows: Sequence[int]) -> bool:
        kept = _kept([samples[i] for i in rows])
        return len(rows) * kept <= room and len(rows) * lengths[rows[-1]] <= TOKENS

    answered = [i for i, one in enumerate(samples) if one.answer]
    return plan_batches(lengths, fits, groups=[answered])


@torch.inference_mode()
def answer_logits(
    model: LanguageModel, samples: Sequence[Forced], prefix: Prefix = NO_PREFIX
) -> list[Float[Tensor, "answer vocabulary"]]:
    """Return the logits from which each token of each answer would be chosen, in the model's dtype.

    Args:
        model: The model, in the state that shall be asked.
        samples: One batch; all answers have at least one token.
        prefix: What all prompts begin with, computed in the same state.
    """
    fed = [[*one.prompt, *one.answer[:-1]] for one in samples]
    longest, kept = max(map(len, fed)), _kept(samples)
    tokens = padded(fed).tokens[:, prefix.length :].to(model.device)  # (B, T)
    spared = "logits_to_keep" in inspect.signature(model.module.forward).parameters
    with text_only(model.module):
        output = model.module(
            input_ids=tokens,
            past_key_values=prefix.expanded(len(samples)),
            use_cache=prefix.length > 0,
            **({"logits_to_keep": kept} if spared else {}),
        )
    logits = output.logits[:, -kept:]  # (B, kept, V)
    starts = [len(one.prompt) - 1 - (longest - kept) for one in samples]
    return [logits[i, start : start + len(samples[i].answer)] for i, start in enumerate(starts)]


def _kept(samples: Sequence[Forced]) -> int:
    """Count the positions, from the earliest answer's first prediction to the end of the batch."""
    return max(map(len, samples)) - min(len(one.prompt) for one in samples)
