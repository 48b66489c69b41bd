"""Thoughts are cut by token ids, and an answer ends where the template ends a turn, whatever the model calls it."""

from collections.abc import Sequence
from functools import partial

import pytest
from transformers import PreTrainedTokenizerBase

from neuroswitch.answering import generation
from neuroswitch.answering.completions import Completion
from neuroswitch.answering.generation import Decoding, Reader, end_tokens, generate
from neuroswitch.answering.turns import Spoken, marks_of, next_turn, spoken, turn_end
from neuroswitch.chat import ChatFormat, encode
from neuroswitch.detectors import get_detector
from neuroswitch.measures import Condition, answer_row
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.verdicts import UNFINISHED
from tiny import WORDS, tiny_llama, tiny_tokenizer

MARKS = [
    ("[THINK]", "[/THINK]"),
    ("<think>", "</think>"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<unused94>", "<unused95>"),
    ("<|channel>", "<channel|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("◁think▷", "◁/think▷"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
]
CHATML = (
    "{% for m in messages %}<|user|>{{ m.content }}<|system|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
PLAIN = (
    "{% for m in messages %}{{ 'Human:' if m.role == 'user' else 'Robot:' }} {{ m.content }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}Robot:{% endif %}"
)


def with_tokens(*texts: str, template: str | None = CHATML) -> PreTrainedTokenizerBase:
    """Build the tiny tokenizer with further special tokens in the places of its last words."""
    tokenizer = tiny_tokenizer(template=template, words=WORDS[: -len(texts)] if texts else WORDS)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<|system|>", "<|user|>", "<|assistant|>", *texts]}
    )
    return tokenizer


def read(tokenizer: PreTrainedTokenizerBase, text: str, prompt: Sequence[int] = ()) -> Spoken:
    """Encode an answer, and read it back without its thoughts."""
    return spoken(tokenizer, marks_of(tokenizer), tokenizer.encode(text, add_special_tokens=False), prompt)


def test_the_end_of_turn_is_learned_from_a_template_that_wants_parts_and_not_from_one_that_fails() -> None:
    parts = CHATML.replace("{{ m.content }}", "{% for part in m.content %}{{ part.text }}{% endfor %}")
    assert turn_end(with_tokens(template=parts)) == turn_end(with_tokens()) is not None
    fails = CHATML.replace("{{ m.content }}", "{{ m.content }}{{ 1 // (messages|length * 0) }}")
    assert turn_end(with_tokens(template=fails)) is None


@pytest.mark.parametrize(("begin", "end"), MARKS)
def test_marks_that_vanish_in_decoding_are_cut_by_their_ids(begin: str, end: str) -> None:
    tokenizer = with_tokens(begin, end)
    ids = tokenizer.encode(f"{begin}i can not help{end}the sea is blue", add_special_tokens=False)
    assert "not help" in tokenizer.decode(
        ids, skip_special_tokens=True
    )  # what a verdict was given for before
    found = read(tokenizer, f"{begin}i can not help{end}the sea is blue")
    assert found == Spoken("the sea is blue", "i can not help", unfinished=False)
    assert read(tokenizer, f"{begin}i can not help") == Spoken("", "i can not help", unfinished=True)
    assert read(tokenizer, f"can not{end}the sea") == Spoken("the sea", "can not", unfinished=False)
    assert read(tokenizer, "the sea is blue") == Spoken("the sea is blue", "", unfinished=False)


@pytest.mark.parametrize(("begin", "end"), MARKS)
def test_a_thought_that_the_template_opens_is_a_thought(begin: str, end: str) -> None:
    tokenizer = with_tokens(begin, end, template=CHATML + "{{ '" + begin + "' }}")
    ids = encode(tokenizer, Prompt.of("name a sea"))
    assert read(tokenizer, f"can not{end}the sea", ids) == Spoken("the sea", "can not", unfinished=False)
    assert read(tokenizer, "can not help", ids) == Spoken("", "can not help", unfinished=True)


def test_a_mark_that_the_user_wrote_opens_no_thought() -> None:
    tokenizer = with_tokens("<think>", "</think>")
    ids = encode(tokenizer, Prompt.of("what is <think>"), ChatFormat(control_tokens=True))
    assert read(tokenizer, "a tree", ids) == Spoken("a tree", "", unfinished=False)


def test_marks_of_any_name_are_read_off_the_template() -> None:
    thinks = CHATML.replace(
        "{{ m.content }}",
        "{% if m.reasoning_content %}<muse>{{ m.reasoning_content }}</muse>{% endif %}{{ m.content }}",
    )
    tokenizer = with_tokens("<muse>", "</muse>", template=thinks)
    assert read(tokenizer, "<muse>can not</muse>the sea") == Spoken("the sea", "can not", unfinished=False)
    assert marks_of(with_tokens("<muse>", "</muse>")).pairs == {}


def test_channels_but_the_final_one_are_thought() -> None:
    tokenizer = with_tokens("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "analysis", "final")
    thought = "<|channel|>analysis<|message|>i can not<|end|>"
    whole = f"{thought}<|start|><|assistant|><|channel|>final<|message|>the sea is blue"
    assert read(tokenizer, whole) == Spoken("the sea is blue", "i can not", unfinished=False)
    assert read(tokenizer, thought).unfinished
    assert read(tokenizer, "<|channel|>final<|message|>the sea") == Spoken("the sea", "", unfinished=False)
    assert read(tokenizer, "<|start|><|message|>the sea") == Spoken("the sea", "", unfinished=False)


def test_marks_that_are_no_tokens_are_cut_from_the_text() -> None:
    tokenizer = with_tokens(template=CHATML)
    for text in ("think a", "the sea"):
        assert not read(tokenizer, text).thought
    assert marks_of(tokenizer).pairs == {}


@pytest.mark.parametrize(
    "detector", ["refusal", "contains:blue", "contains:^$", "contains:.*", "french", "formal"]
)
def test_an_unfinished_thought_is_not_judged_by_any_detector(detector: str) -> None:
    found = get_detector(detector)
    cut = Completion("p", "Name a sea.", "", 4, "length", "the sea is blue")
    row = answer_row(cut, found, Condition(), pile="positive")
    assert (row.label, row.reason, row.thought) == (None, UNFINISHED, "the sea is blue")
    verdict = found.classify("<think>The sea is blue", "Name a sea.")
    assert verdict is not None
    assert (verdict.label, verdict.reason) == (None, UNFINISHED)


def test_a_search_does_not_look_into_thoughts() -> None:
    found = get_detector("contains:^blue|red")
    text = "<think>It may be red.</think>\n\nblue sea"
    verdict = found.classify(text, None)
    assert verdict is not None
    assert verdict.span is not None
    assert text[slice(*verdict.span)] == "blue"
    assert not found.judges("<think>red</think>green", None)


def test_the_end_of_turn_is_learned_from_the_template() -> None:
    tokenizer = with_tokens(template=CHATML)
    assert turn_end(tokenizer) == tokenizer.convert_tokens_to_ids("<|system|>")
    assert turn_end(tiny_tokenizer()) == tokenizer.eos_token_id
    assert turn_end(tiny_tokenizer(template=None)) is None
    assert turn_end(tiny_tokenizer(template="{{ raise_exception('no') }}")) is None


def test_the_end_of_a_message_with_a_channel_ends_no_turn() -> None:
    template = CHATML.replace("<|system|>", "<|end|>")
    assert turn_end(with_tokens("<|channel|>", "<|message|>", "<|end|>", template=template)) is None


def answering(model: LanguageModel, tokens: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> Completion:
    """Let a model answer with these tokens, as far as generation would read them."""

    def decode(
        model: LanguageModel, ids: object, batch: Sequence[int], **how: object
    ) -> dict[int, list[int]]:
        return {i: generation._until_end(list(tokens), end_tokens(model)) for i in batch}

    monkeypatch.setattr(generation, "_decode", decode)
    (found,) = generate(model, ["name a sea"], decoding=Decoding(max_new_tokens=len(tokens)))
    return found


def test_the_model_does_not_speak_for_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    encoded = partial(model.tokenizer.encode, add_special_tokens=False)
    tokens = encoded("the sea <|system|> <|user|> name a tree <|system|>")
    model.tokenizer.chat_template = CHATML
    found = answering(model, tokens, monkeypatch)
    assert (found.text, found.finish) == ("the sea", "stop")
    model.tokenizer.chat_template = None  # nothing says that this token ends a turn
    assert answering(model, tokens, monkeypatch).text == "the sea name a tree"


def test_a_template_without_tokens_ends_a_turn_where_the_next_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_llama()
    model.tokenizer.chat_template = PLAIN
    assert next_turn(model.tokenizer) == "Human:"
    monkeypatch.setattr(model.tokenizer, "decode", lambda tokens, **how: "The sea.\n\nHuman: Name a tree.\n")
    said, over = Reader(model).answer([20])
    assert (said.text.strip(), over) == ("The sea.", True)
    assert answering(model, [20, 21], monkeypatch).finish == "stop"
    monkeypatch.setattr(model.tokenizer, "decode", lambda tokens, **how: "The Human: a tree.")
    assert not Reader(model).answer([20])[1]


def test_an_answer_is_not_settled_within_a_thought() -> None:
    model = tiny_llama()
    said, _ = Reader(model).answer(model.tokenizer.encode("the sea", add_special_tokens=False))
    assert not said.unfinished
    assert not Reader(model).shows([], "name a sea", (), lambda text, prompt: False)
