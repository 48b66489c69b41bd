"""Batched greedy decoding of prompts, in this process.

The model answers in the state that it is in: run it inside `with intervention.applied(model)` to answer
under an intervention. The batches depend on the prompts alone, never on which of them are answered
already, so a run that was stopped and started again writes the same bytes as one that was not. The tokens
that all prompts begin with are computed once, and finished sequences leave the batch every `STAGE` tokens.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import torch
from transformers import Cache, GenerationConfig
from transformers.cache_utils import LinearAttentionCacheLayerMixin

from neuroswitch.answering.completions import AnswerLog
from neuroswitch.answering.turns import Marks, Spoken, marks_of, next_turn, spoken, turn_end
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
    require_positions,
    returns_cache,
)
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.errors import BadOption, BadPrompts
from neuroswitch.models import LanguageModel
from neuroswitch.options import Decoding as Decoding
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt, refuse_one_id
from neuroswitch.records import Completion, Finish

STAGE = 16
"""Tokens decoded before finished sequences are dropped from the batch."""

Stopped = Callable[[int, list[int]], bool]
"""From the position of a sequence, and its new tokens, to whether it needs no more of them."""


Shows = Callable[[str, str | None], bool]
"""From an answer and its prompt to whether the answer shows the behaviour."""


def generate(
    model: LanguageModel,
    prompts: Prompt | str | Iterable[Prompt | str],
    *,
    decoding: Decoding = Decoding(),
    chat: ChatFormat = ChatFormat(),
    log: AnswerLog | None = None,
    progress: Progress = silent,
) -> tuple[Completion, ...]:
    """Answer every prompt greedily.

    Args:
        model: The model, in the state in which it shall answer.
        prompts: What to answer: prompts, or plain texts of a user; one or several.
        decoding: Length of the answers and batch size.
        chat: System prompt and thinking mode.
        log: File to which answers are written batch by batch; answers that it holds already are not
            computed again.
        progress: Called after each batch.

    Returns:
        One completion per prompt, in the order of `prompts`.

    Raises:
        BadOption: `model` is a module and not what `load_model` returns.
        BadPrompts: Two prompts have the same id, or a prompt cannot be encoded.

    Examples:
        >>> answers = ns.generate(model, ["Name three rivers."], decoding=ns.Decoding(max_new_tokens=8))
        >>> answers[0].prompt, answers[0].tokens <= 8
        ('Name three rivers.', True)
    """
    _require_loaded(model)
    asked = as_prompts(prompts)
    ids = [encode(model.tokenizer, prompt, chat) for prompt in asked]
    done = log.completions(asked) if log else {}
    settled = log.settled if log else None

    read = Reader(model)

    def stopped(i: int, tokens: list[int]) -> bool:
        if read.header is None and settled is None:
            return False
        said, over = read.answer(tokens, ids[i])
        return over or (settled is not None and not said.unfinished and settled(said.text, asked[i].text))

    needed = {i for i, prompt in enumerate(asked) if prompt.id not in done}
    for answers in _answers(model, ids, decoding, needed, stopped):
        fresh = [
            read.completion(asked[i], tokens, ids[i], decoding.max_new_tokens)
            for i, tokens in answers.items()
            if i in needed
        ]
        if log and fresh:
            log.append(fresh)
        done.update({one.prompt_id: one for one in fresh})
        progress("generate", sum(prompt.id in done for prompt in asked), len(asked))
    return tuple(done[prompt.id] for prompt in asked)


def _require_loaded(model: object) -> None:
    if not isinstance(model, LanguageModel):
        raise BadOption(
            "generate needs a model that was loaded by this library",
            found=f"a {type(model).__name__}",
            do="load_model(module, tokenizer) makes one of a module of transformers",
        )


class Reader:
    """Reads the answers of a model: without thoughts, and no further than its own turn.

    Args:
        model: Whose tokens are read.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.marks: Marks = marks_of(model.tokenizer)
        self.header = next_turn(model.tokenizer)

    def answer(self, tokens: Sequence[int], prompt: Sequence[int] = ()) -> tuple[Spoken, bool]:
        """Decode an answer to an encoded prompt; return it and whether the model went on to the user's turn."""
        said = spoken(self.model.tokenizer, self.marks, tokens, prompt)
        if self.header is None:
            return said, False
        before, header, _ = f"\n{said.text}".partition(f"\n{self.header}")
        return replace(said, text=before[1:]), bool(header)

    def shows(self, tokens: Sequence[int], question: str, ids: Sequence[int], shows: Shows) -> bool:
        """Judge an answer; one that was cut off within a thought shows nothing."""
        said, _ = self.answer(tokens, ids)
        return not (said.unfinished and not said.text) and shows(said.text, question)

    def completion(self, prompt: Prompt, tokens: list[int], ids: Sequence[int], limit: int) -> Completion:
        """Make a completion of the tokens that answer a prompt; `ids` is the encoded prompt."""
        said, over = self.answer(tokens, ids)
        finish: Finish = "length" if len(tokens) >= limit else "settled"
        if over or (tokens and tokens[-1] in end_tokens(self.model)):
            finish = "stop"
        return Completion(prompt.id, prompt.text, said.text, len(tokens), finish, said.thought)


def generate_tokens(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    decoding: Decoding = Decoding(),
    *,
    progress: Progress = silent,
    stage: str = "generate",
) -> list[list[int]]:
    """Continue token sequences greedily; return the new tokens of each, end-of-turn included."""
    found: dict[int, list[int]] = {}
    for answers in _answers(model, ids, decoding, set(range(len(ids)))):
        found |= answers
        progress(stage, len(found), len(ids))
    return [found[i] for i in range(len(ids))]


def as_prompts(prompts: Prompt | str | Iterable[Prompt | str]) -> tuple[Prompt, ...]:
    """Turn plain texts into prompts, and refuse prompts that have the same id.

    Raises:
        BadPrompts: Two of them do, or something is neither a text nor a prompt.
    """
    given = [prompts] if isinstance(prompts, str | Prompt) else prompts
    found = tuple(Prompt.of(one) if isinstance(one, str) else one for one in given)
    for one in found:
        if not isinstance(one, Prompt):
            raise BadPrompts(
                "something is neither a text nor a prompt",
                found=repr(one)[:80],
                expected="texts of a user, or prompts",
                do='make a prompt of chat messages with Prompt.of([{"role": ..., "content": ...}, ...])',
            )
    refuse_one_id(found)
    return found


def end_tokens(model: LanguageModel) -> frozenset[int]:
    """Collect every token that ends a turn: the tokenizer's, the configs', and the one that the template writes."""
    configs = (model.module.config, model.module.generation_config)
    stated: list[Any] = [getattr(source, "eos_token_id", None) for source in (model.tokenizer, *configs)]
    stated.append(_turn_end(model.tokenizer, str(model.tokenizer.chat_template)))
    flat = [token for one in stated for token in (one if isinstance(one, (list, tuple)) else [one])]
    return frozenset(token for token in flat if token is not None)


@lru_cache(maxsize=8)
def _turn_end(tokenizer: Any, template: str) -> int | None:
    """Remember what the template of a tokenizer says; the template is there to notice that it was changed."""
    return turn_end(tokenizer)


def _answers(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    decoding: Decoding,
    needed: set[int],
    stopped: Stopped = lambda i, tokens: False,
) -> Iterator[dict[int, list[int]]]:
    """Decode batch by batch: position of each sequence -> its new tokens.

    A batch in which no sequence is needed is not decoded and gives an empty dict.
    """
    prefix: Prefix | None = None
    for batch in _batches(model, ids, decoding):
        if needed.isdisjoint(batch):
            yield {}
            continue
        if prefix is None:
            prefix = NO_PREFIX if padding_effect(model).after_prefix else compute_prefix(model, ids)
        decode = partial(_decode, model, ids, prefix=prefix, limit=decoding.max_new_tokens, stopped=stopped)
        yield {i: tokens for part in in_halves(decode, batch) for i, tokens in part.items()}


def _batches(model: LanguageModel, ids: Sequence[Sequence[int]], decoding: Decoding) -> list[list[int]]:
    """Group sequences of similar length; of equal length where padding changes the answers."""
    lengths = list(map(len, ids))
    require_positions(model.module, max(lengths, default=0), decoding.max_new_tokens)
    if padding_effect(model).on_the_left:
        groups = [[i for i, one in enumerate(lengths) if one == length] for length in set(lengths)]
    else:
        groups = compatible(model, lengths, growth=decoding.max_new_tokens)
    return plan_batches(lengths, decoding.batch_size, groups=groups)


@torch.inference_mode()
def _decode(
    model: LanguageModel,
    ids: Sequence[Sequence[int]],
    batch: Sequence[int],
    *,
    prefix: Prefix,
    limit: int,
    stopped: Stopped,
) -> dict[int, list[int]]:
    """Decode one left-padded batch stage by stage: position of each sequence -> its new tokens."""
    ends = end_tokens(model)
    tokens, mask = padded([ids[i] for i in batch], at=prefix.length, pad=_pad_token(model))  # (B, T) both
    tokens, mask = tokens.to(model.device), mask.to(model.device)
    answers: dict[int, list[int]] = {i: [] for i in batch}
    cache: Cache | None = prefix.expanded(len(batch))
    rows, made = list(batch), 0
    while rows and made < limit:
        step = min(STAGE, limit - made)
        state = {} if cache is None else {"past_key_values": cache}
        settings = _greedy(model, step)
        with plain_generation(model.module):
            out: Any = model.module.generate(  # type: ignore[operator]
                input_ids=tokens, attention_mask=mask, generation_config=settings, **state
            )
        new = out.sequences[:, tokens.shape[1] :]  # (rows, <= step)
        for i, continuation in zip(rows, new.tolist(), strict=True):
            answers[i] += _until_end(continuation, ends)
        made += step
        keep = [
            row for row, i in enumerate(rows) if answers[i][-1] not in ends and not stopped(i, answers[i])
        ]
        cache = _kept(out.past_key_values, keep, len(rows)) if returns_cache(model) else None
        rows = [rows[row] for row in keep]
        tokens, mask = out.sequences[keep], torch.cat([mask, mask.new_ones(new.shape)], dim=1)[keep]
    return answers


def _kept(cache: object, keep: list[int], rows: int) -> Cache | None:
    """Drop finished rows from the cache; None, which computes it anew, where its kind cannot do that."""
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
    """Cut after the first end token: what follows is padding."""
    length = next((i + 1 for i, token in enumerate(tokens) if token in ends), len(tokens))
    return tokens[:length]


def _greedy(model: LanguageModel, max_new_tokens: int) -> GenerationConfig:
    """Return settings for plain greedy decoding, whatever the checkpoint's own settings say."""
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


def _pad_token(model: LanguageModel) -> int:
    """Return any valid id: padding is masked, so its value has no effect."""
    pad = model.tokenizer.pad_token_id
    return int(pad) if pad is not None else min(end_tokens(model), default=0)
