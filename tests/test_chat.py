"""Chat formatting: the template's own ids, exactly one BOS, options that work or are refused."""

import random

import pytest
from tokenizers import normalizers

from neuroswitch.chat import ChatFormat, describe, encode, read_token, shared_prefix
from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.templates import template_digest
from tokenizers_offline import (
    BOS,
    CHATML,
    DROPS_SYSTEM,
    NO_SYSTEM,
    ONLY_SPEAKS_OF_IT,
    THINKS,
    THINKS_OTHERWISE,
    WITH_BOS,
    tokenizer,
)

PROMPT = Prompt.of("Name three rivers.")
SYSTEM = ChatFormat(system="Be brief.")


@pytest.mark.parametrize(
    ("template", "adds_bos", "has_bos", "expected"),
    [
        pytest.param(WITH_BOS, True, True, 1, id="template writes it, tokenizer adds it"),
        pytest.param(WITH_BOS, False, True, 1, id="template writes it"),
        pytest.param("{{ bos_token }}" + WITH_BOS, False, True, 1, id="template writes it twice"),
        pytest.param(CHATML, True, True, 1, id="template forgets it, tokenizer adds it"),
        pytest.param(CHATML, False, True, 0, id="nobody wants it"),
        pytest.param(CHATML, False, False, 0, id="there is none"),
        pytest.param(None, True, True, 1, id="raw, tokenizer adds it"),
        pytest.param(None, False, True, 0, id="raw, nobody wants it"),
    ],
)
def test_bos_exactly_once_or_not_at_all(
    template: str | None, adds_bos: bool, has_bos: bool, expected: int
) -> None:
    ids = encode(tokenizer(template, adds_bos=adds_bos, has_bos=has_bos), PROMPT)

    assert ids.count(BOS) == expected
    assert expected == 0 or ids[0] == BOS


def test_ids_are_the_templates_own_up_to_the_answer() -> None:
    words = tokenizer(WITH_BOS)

    text = words.decode(encode(words, PROMPT))

    assert text == "<s> <|im_start|> user Name three rivers . <|im_end|> <|im_start|> assistant"


def test_every_turn_of_a_conversation_is_encoded() -> None:
    words = tokenizer(CHATML)
    chat = Prompt.of(
        [
            {"role": "user", "content": "Hello"},
            {"role": "assistant", "content": "there"},
            {"role": "user", "content": "again"},
        ]
    )

    text = words.decode(encode(words, chat))

    assert [word for word in text.split() if word in ("Hello", "there", "again")] == [
        "Hello",
        "there",
        "again",
    ]


def test_the_template_decides_not_the_name() -> None:
    words = tokenizer(CHATML)
    words.name_or_path = "some/model-base"

    assert encode(words, PROMPT)[-1] == words.convert_tokens_to_ids("assistant")


def test_a_system_prompt_option_equals_a_system_message() -> None:
    words = tokenizer(CHATML)
    own = Prompt.of(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name three rivers."}]
    )

    assert encode(words, PROMPT, SYSTEM) == encode(words, own) != encode(words, PROMPT)


def test_two_system_prompts_are_refused() -> None:
    own = Prompt.of([{"role": "system", "content": "Hello"}, {"role": "user", "content": "again"}])

    with pytest.raises(BadPrompts, match="two system prompts"):
        encode(tokenizer(CHATML), own, SYSTEM)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (NO_SYSTEM, "System role not supported"),
        (DROPS_SYSTEM, "drops the system prompt"),
        (None, "needs a chat template"),
    ],
)
def test_a_system_prompt_that_the_template_cannot_express_is_refused(
    template: str | None, message: str
) -> None:
    words = tokenizer(template)

    assert encode(words, PROMPT)
    with pytest.raises(Prerequisite, match=message):
        encode(words, PROMPT, SYSTEM)


@pytest.mark.parametrize("template", [THINKS, THINKS_OTHERWISE])
def test_thinking_is_switched_whatever_the_template_calls_it(template: str) -> None:
    words = tokenizer(template)
    default, on, off = (encode(words, PROMPT, ChatFormat(thinking=mode)) for mode in (None, True, False))

    assert on != off
    assert default in (on, off)


@pytest.mark.parametrize("template", [CHATML, ONLY_SPEAKS_OF_IT, None])
@pytest.mark.parametrize("mode", [True, False])
def test_thinking_that_cannot_be_switched_is_refused(template: str | None, mode: bool) -> None:
    with pytest.raises(Prerequisite, match="thinking"):
        encode(tokenizer(template), PROMPT, ChatFormat(thinking=mode))


def test_messages_that_the_template_rejects_name_their_place() -> None:
    strict = tokenizer("{{ raise_exception('roles must alternate') }}")

    with pytest.raises(BadPrompts, match=r"my.csv, line 3.*\n.*roles must alternate"):
        encode(strict, Prompt.of("Hello", source="my.csv, line 3"))


def test_a_base_model_gets_one_text_and_no_conversation() -> None:
    chat = Prompt.of([{"role": role, "content": "Hello"} for role in ("user", "assistant", "user")])

    with pytest.raises(Prerequisite, match="several turns"):
        encode(tokenizer(None), chat)


def test_a_prompt_without_tokens_is_refused_even_if_bos_is_added() -> None:
    words = tokenizer(None, adds_bos=True)
    words.backend_tokenizer.normalizer = normalizers.Replace(PROMPT.text, "")

    with pytest.raises(BadPrompts, match="no token to read"):
        encode(words, PROMPT)


def test_the_read_token_is_the_last_one() -> None:
    words = tokenizer(WITH_BOS)
    ids = encode(words, PROMPT)

    read = read_token(words, ids)

    assert (read.position, read.id, read.text) == (len(ids) - 1, ids[-1], "assistant")


def test_describe_shows_the_tail_and_marks_the_read_token() -> None:
    words = tokenizer(WITH_BOS)

    lines = describe(words, PROMPT, tail=3).split("\n")

    assert len(lines) == 3
    assert [("<- read here" in line) for line in lines] == [False, False, True]
    assert "'assistant'" in lines[-1]
    assert len(describe(words, PROMPT, tail=99).split("\n")) == len(encode(words, PROMPT))


def test_shared_prefix_is_the_longest_common_one() -> None:
    draw = random.Random(0)
    for _ in range(200):
        rows = [[draw.randrange(2) for _ in range(draw.randrange(6))] for _ in range(draw.randrange(1, 4))]
        count = shared_prefix(rows)
        assert all(row[:count] == rows[0][:count] for row in rows)
        longer = [tuple(row[: count + 1]) for row in rows]
        assert len(set(longer)) > 1 or any(len(row) == count for row in rows)


def test_shared_prefix_of_nothing_is_nothing() -> None:
    assert shared_prefix([]) == 0
    assert shared_prefix([[1, 2], []]) == 0


def test_templates_share_a_digest_only_if_they_are_equal() -> None:
    templates = [CHATML, WITH_BOS, None]

    assert len({template_digest(tokenizer(template)) for template in templates}) == len(templates)
    assert template_digest(tokenizer(CHATML)) == template_digest(tokenizer(CHATML, adds_bos=True))


# The real tokenizer of the demo model: its template writes a default system prompt and no BOS.


def test_the_demo_prompt_is_what_its_template_writes(demo: LanguageModel) -> None:
    ids = encode(demo.tokenizer, PROMPT, SYSTEM)

    assert demo.tokenizer.decode(ids) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nName three rivers.<|im_end|>\n<|im_start|>assistant\n"
    )
    assert demo.tokenizer.bos_token_id not in ids
    assert read_token(demo.tokenizer, ids).text == "\n"


def test_demo_prompts_share_the_templates_beginning(demo: LanguageModel) -> None:
    rows = [
        encode(demo.tokenizer, Prompt.of(text)) for text in ("Name three rivers.", "How do I boil an egg?")
    ]

    shared = demo.tokenizer.decode(rows[0][: shared_prefix(rows)])

    assert shared.startswith("<|im_start|>system\nYou are Qwen")
    assert shared.endswith("<|im_start|>user\n")


def test_the_demo_model_cannot_be_told_to_think(demo: LanguageModel) -> None:
    with pytest.raises(Prerequisite, match="no thinking mode"):
        encode(demo.tokenizer, PROMPT, ChatFormat(thinking=False))
