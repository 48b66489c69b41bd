"""Prompts in, completions out: batched greedy decoding of whatever state the model is in.

Run it inside `with intervention.applied(model)` to answer under an intervention; it knows
nothing of circuits. The batches depend on the prompts alone, never on what is already
done, so a run that was killed and started again writes the same bytes as one that was not.
What all prompts begin with is computed once, and finished sequences leave the batch every
`STAGE` tokens, so a batch costs what its unfinished members cost; a journal may say that an
answer is finished early, because nothing that is counted can change any more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import Cache, GenerationConfig
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from neuroswitch.answering.completions import Completion, Finish, Journal
from neuroswitch.batching import (
    NO_PREFIX,
    Prefix,
    compatible,
    compute_prefix,
    in_halves,
    padded,
    padding_effect,
    plain_generation,
    plan_batches,
    returns_cache,
)
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt

STAGE = 16
"""Tokens decoded before finished sequences are dropped from the batch."""

Stopped = Callable[[int, list[int]], bool]
"""Says of a sequence, by its place, and its new tokens whether it needs no more of them."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How answers are decoded.

    Attributes:
        max_new_tokens: Length limit of an answer, in tokens.
        batch_size: Prompts decoded together; halved on the fly where memory runs out.
    """

    max_new_tokens: int = 150
    batch_size: int = 32


def generate(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    *,
    decoding: Decoding = Decoding(),
    chat: ChatFormat = ChatFormat(),
    journal: Journal | None = None,
    progress: Progress = silent,
) -> tuple[Completion, ...]:
    """Answer every prompt greedily.

    Args:
        model: The model, in the state it shall answer in.
        prompts: What to answer; ids must be unique.
        decoding: Length and batch size.
        chat: System prompt and thinking mode.
        journal: Where finished answers are written batch by batch, and from where answers of an
            interrupted run are taken instead of being computed again.
        progress: Told after each batch.

    Returns:
        One completion per prompt, in the order of `prompts`.
    """
    ids = [encode(model.tokenizer, prompt, chat) for prompt in prompts]
    done = journal.completions() if journal else {}

    def stopped(i: int, tokens: list[int]) -> bool:
        return journal is not None and journal.is_settled(_text(model, tokens), prompts[i].text)

    answers = _Answers(model, ids, decoding, stopped)
    for batch in _batches(model, ids, decoding):
        missing = [i for i in batch if prompts[i].id not in done]
        if missing:
            tokens = dict(zip(batch, answers.of(batch), strict=True))
            fresh = [_completion(model, prompts[i], tokens[i], decoding.max_new_tokens) for i in missing]
            if journal:
                journal.append(fresh)
            done.update({completion.prompt_id: completion for completion in fresh})
        progress("generate", sum(prompt.id in done for prompt in prompts), len(prompts))
    return tuple(done[prompt.id] for prompt in prompts)


def generate_tokens(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    decoding: Decoding = Decoding(),
    *,
    progress: Progress = silent,
    stage: str = "generate",
) -> list[list[int]]:
    """Continue token sequences greedily; return the new tokens of each, end-of-turn included."""
    answers = _Answers(model, ids, decoding)
    found: dict[int, list[int]] = {}
    for batch in _batches(model, ids, decoding):
        found.update(zip(batch, answers.of(batch), strict=True))
        progress(stage, len(found), len(ids))
    return [found[i] for i in range(len(ids))]


def _batches(model: LanguageModel, ids: Sequence[Sequence[int]], decoding: Decoding) -> list[list[int]]:
    """Group sequences of similar length; of equal length where padding changes the answers."""
    lengths = list(map(len, ids))
    if padding_effect(model).on_the_left:
        groups = [[i for i, one in enumerate(lengths) if one == length] for length in sorted(set(lengths))]
    else:
        groups = compatible(model, lengths, growth=decoding.max_new_tokens)
    return plan_batches(lengths, decoding.batch_size, groups=groups)


def _completion(model: LanguageModel, prompt: Prompt, tokens: list[int], limit: int) -> Completion:
    finish: Finish = "length" if len(tokens) >= limit else "settled"
    if tokens and tokens[-1] in end_tokens(model):
        finish = "stop"
    return Completion(prompt.id, prompt.text, _text(model, tokens), len(tokens), finish)


def _text(model: LanguageModel, tokens: list[int]) -> str:
    return str(model.tokenizer.decode(tokens, skip_special_tokens=True))


class _Answers:
    """Decodes batches of one list of sequences in one state of the model, sharing their prefix."""

    def __init__(
        self,
        model: LanguageModel,
        ids: Sequence[Sequence[int]],
        decoding: Decoding,
        stopped: Stopped = lambda i, tokens: False,
    ) -> None:
        self.model = model
        self.ids = ids
        self.limit = decoding.max_new_tokens
        self.stopped = stopped
        self.prefix: Prefix | None = None

    def of(self, batch: Sequence[int]) -> list[list[int]]:
        """Decode one batch, in halves where memory runs out."""
        return [tokens for part in in_halves(self._decoded, batch) for tokens in part]

    def _decoded(self, batch: Sequence[int]) -> list[list[int]]:
        if self.prefix is None:
            misplaced = padding_effect(self.model).after_prefix
            self.prefix = NO_PREFIX if misplaced else compute_prefix(self.model, self.ids)
        return _decode(
            self.model,
            [self.ids[i] for i in batch],
            self.prefix,
            self.limit,
            lambda row, tokens: self.stopped(batch[row], tokens),
        )


@torch.inference_mode()
def _decode(
    model: LanguageModel, ids: Sequence[Sequence[int]], prefix: Prefix, limit: int, stopped: Stopped
) -> list[list[int]]:
    """Decode a left-padded batch stage by stage; return the new tokens of each row."""
    ends = end_tokens(model)
    batch = padded(ids, at=prefix.length, pad=_pad_token(model))
    tokens, mask = batch.tokens.to(model.device), batch.mask.to(model.device)  # (B, T) both
    answers: list[list[int]] = [[] for _ in ids]
    rows, cache, made = list(range(len(ids))), prefix.expanded(len(ids)), 0
    while rows and made < limit:
        step = min(STAGE, limit - made)
        state = {} if cache is None else {"past_key_values": cache}
        settings = _greedy(model, step)
        with plain_generation(model.module):
            out: Any = model.module.generate(  # type: ignore[operator]
                input_ids=tokens, attention_mask=mask, generation_config=settings, **state
            )
        new = out.sequences[:, tokens.shape[1] :]  # (rows, <= step)
        for row, continuation in zip(rows, new.tolist(), strict=True):
            answers[row] += _until_end(continuation, ends)
        made += step
        keep = [
            i for i, row in enumerate(rows) if answers[row][-1] not in ends and not stopped(row, answers[row])
        ]
        cache = _kept(out.past_key_values, keep, len(rows)) if returns_cache(model) else None
        rows = [rows[i] for i in keep]
        tokens, mask = out.sequences[keep], torch.cat([mask, mask.new_ones(new.shape)], dim=1)[keep]
    return answers


def _kept(cache: Any, keep: list[int], rows: int) -> Any:
    """Drop finished rows from the cache; None, to start over, where its kind cannot do that."""
    if not isinstance(cache, Cache):
        return None
    if len(keep) == rows or not keep:
        return cache
    # layers of a model's own, and those with a recurrent state, hold more per row than they know how to select
    if any(
        type(layer).__module__ != Cache.__module__ or isinstance(layer, LinearAttentionCacheLayerMixin)
        for layer in cache.layers
    ):
        return None
    try:
        cache.batch_select_indices(torch.tensor(keep))
    except (AttributeError, NotImplementedError):
        return None
    return cache


def _until_end(tokens: list[int], ends: frozenset[int]) -> list[int]:
    """Cut behind the first end token: what follows is padding."""
    for i, token in enumerate(tokens):
        if token in ends:
            return tokens[: i + 1]
    return tokens


def _greedy(model: LanguageModel, max_new_tokens: int) -> GenerationConfig:
    """Build plain greedy decoding, whatever sampling habits the checkpoint ships with."""
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        eos_token_id=sorted(end_tokens(model)) or None,
        pad_token_id=_pad_token(model),
        return_dict_in_generate=True,
        use_cache=returns_cache(model),
    )


def end_tokens(model: LanguageModel) -> frozenset[int]:
    """Collect every token that ends a turn: the tokenizer's, the config's, the generation config's."""
    configs = (model.module.config, model.module.generation_config)
    stated: list[Any] = [getattr(source, "eos_token_id", None) for source in (model.tokenizer, *configs)]
    flat = [token for one in stated for token in (one if isinstance(one, (list, tuple)) else [one])]
    return frozenset(token for token in flat if token is not None)


def _pad_token(model: LanguageModel) -> int:
    """Return any valid id: padding is masked, so which one does not matter."""
    pad = model.tokenizer.pad_token_id
    return int(pad) if pad is not None else min(end_tokens(model), default=0)
