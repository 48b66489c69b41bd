"""Templates of strangers: what a user writes arrives whole and once, or it is said that it does not."""

from typing import Any

import pytest
from transformers import PreTrainedTokenizerFast

from neuroswitch.chat import ChatFormat, encode
from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.prompts import Prompt
from neuroswitch.templates import control_tokens, has_template, template_digest, wanted_parts
from tokenizers_offline import CHATML, DROPS_SYSTEM, THINKS, tokenizer

PROMPT = Prompt.of("Name three rivers.")
ONLY_PARTS = (
    "{% for m in messages %}<|im_start|>{{ m.role }} "
    "{% for part in m.content %}{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>"
    "{% endfor %}<|im_start|>assistant"
)
SYSTEM_AS_TEXT = ONLY_PARTS.replace(
    "{% for part", "{% if m.role == 'system' %}{{ m.content }}{% endif %}{% for part"
)
FIRST_PART = "{{ messages[-1]['content'][0]['text'] }} assistant"


def chat(*turns: str) -> Prompt:
    roles = ("user", "assistant")
    return Prompt.of([{"role": roles[n % 2], "content": text} for n, text in enumerate(turns)])


@pytest.mark.parametrize("template", [ONLY_PARTS, SYSTEM_AS_TEXT, FIRST_PART])
def test_a_template_that_wants_parts_gets_parts(template: str) -> None:
    words = tokenizer(template)

    assert "Name three rivers ." in words.decode(encode(words, PROMPT))
    assert "user" in wanted_parts(words)


@pytest.mark.parametrize("template", [ONLY_PARTS, SYSTEM_AS_TEXT])
def test_parts_and_text_give_the_same_tokens_whatever_the_role_and_turn(template: str) -> None:
    brief = ChatFormat(system="Be brief.")
    for prompt, format in ((PROMPT, brief), (chat("Hello", "there", "again"), ChatFormat())):
        assert encode(tokenizer(template), prompt, format) == encode(tokenizer(CHATML), prompt, format)


def test_a_template_that_takes_both_gets_text_as_transformers_gives_it() -> None:
    both = "{% for m in messages %}{{ m.content if m.content is string else m.content[0].text }}{% endfor %}"

    assert wanted_parts(tokenizer(both)) == frozenset()


@pytest.mark.parametrize(
    ("template", "how"),
    [
        ("{{ messages[-1].content[:60] }} assistant", "only its beginning"),
        ("{{ messages[-1].content[:900] }} assistant", "only its beginning"),
        ("{{ messages[-1].content | lower }}", "in another case"),
        ("{{ messages[-1].content | title }}", "in another case"),
        ("{{ messages[-1].content | replace('Tides', 'clocks') }}", "only its beginning|another text"),
        ("{{ messages[-1].content | e }}", "only its beginning|another text"),
        ("{{ messages[-1].content | tojson }}", "only its beginning|another text"),
        ("{{ messages[-1].content.split() | join(' ') }}", "only its beginning"),
        ("{{ messages[-1].text }} assistant", "nothing of it"),
        ("assistant", "nothing of it"),
        ("{% for m in messages * 2 %}{{ m.content }}{% endfor %}", "2 times"),
    ],
)
def test_a_template_that_changes_what_the_user_says_is_refused(template: str, how: str) -> None:
    with pytest.raises(Prerequisite, match=f"(?s)what the user says.*({how})"):
        encode(tokenizer(template), PROMPT)


def test_the_proof_holds_for_every_role_that_a_prompt_has() -> None:
    forgets = tokenizer("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")

    assert encode(forgets, PROMPT)
    with pytest.raises(Prerequisite, match="what the assistant says"):
        encode(forgets, chat("Hello", "there", "again"))
    with pytest.raises(Prerequisite, match="drops the system prompt"):
        encode(tokenizer(DROPS_SYSTEM), PROMPT, ChatFormat(system="Be brief."))


def test_the_proof_holds_for_the_thinking_mode_that_is_asked_for() -> None:
    quiet = (
        THINKS + "{% if enable_thinking is defined and enable_thinking %}{{ messages[0].content }}{% endif %}"
    )

    assert encode(tokenizer(quiet), PROMPT, ChatFormat(thinking=False))
    with pytest.raises(Prerequisite, match="repeats what the user says"):
        encode(tokenizer(quiet), PROMPT, ChatFormat(thinking=True))


def test_a_text_that_only_this_template_changes_is_found_where_it_is_read() -> None:
    hides = tokenizer("{{ messages[-1].content | replace('rivers', 'lakes') }}")

    assert encode(hides, Prompt.of("Hello"))
    with pytest.raises(Prerequisite, match=r"(?s)my\.csv, line 3: of 'Name three rivers\.'"):
        encode(hides, Prompt.of(PROMPT.text, source="my.csv, line 3"))


def test_white_space_around_a_text_may_go_as_many_templates_do() -> None:
    trims = tokenizer(CHATML.replace("m.content", "m.content | trim"))

    assert encode(trims, Prompt.of("  Hello \n")) == encode(trims, Prompt.of("Hello"))


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[-1].content + 1 }}",
        "{{ 1 // 0 }}",
        "{{ messages[7].content }}",
        "{{ messages[-1].nobody.knows }}",
        "{{ messages[-1].content | unheard_of }}",
        "{{ {}['role'].x }}",
        "{{ range(10 ** 9) | list }}",
        "{% if %}",
        "{{ ''.__class__.mro() }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ raise_exception('no') }}",
    ],
)
def test_whatever_goes_wrong_in_a_template_is_an_error_of_ours(template: str) -> None:
    with pytest.raises(BadPrompts, match=r"my.csv, line 3: the chat template rejects"):
        encode(tokenizer(template), Prompt.of("Hello", source="my.csv, line 3"))


def named(**templates: str) -> PreTrainedTokenizerFast:
    words = tokenizer()
    words.chat_template = templates  # type: ignore[assignment]
    return words


def test_of_several_templates_the_default_is_used_or_all_are_named() -> None:
    several = named(default=CHATML, tool_use="{{ tools }}")

    assert encode(several, PROMPT) == encode(tokenizer(CHATML), PROMPT)
    for work in (encode, lambda words, prompt: has_template(words)):
        with pytest.raises(Prerequisite, match="(?s)none is the default.*'rag', 'tool_use'"):
            work(named(rag=CHATML, tool_use=CHATML), PROMPT)


def test_another_template_is_proven_again() -> None:
    words = tokenizer(CHATML)
    assert encode(words, PROMPT)
    words.chat_template = "{{ messages[-1].content | lower }}"

    with pytest.raises(Prerequisite, match="in another case"):
        encode(words, PROMPT)


# -------------------------------------------------------------------------------------- control tokens


@pytest.mark.parametrize("template", [CHATML, None])
@pytest.mark.parametrize("text", ["Hello <|im_end|> there", "<|im_start|>system", "</s>Hello"])
def test_control_tokens_in_a_prompt_are_refused_unless_they_are_meant(
    template: str | None, text: str
) -> None:
    words, prompt = tokenizer(template), Prompt.of(text, source="my.csv, line 3")

    with pytest.raises(BadPrompts, match=r"(?s)my\.csv, line 3: control tokens.*--control-tokens"):
        encode(words, prompt)
    meant = encode(words, prompt, ChatFormat(control_tokens=True))
    assert set(words.encode(text, add_special_tokens=False)) <= set(meant)


def test_control_tokens_of_the_system_prompt_are_refused_and_those_of_the_model_are_not() -> None:
    words = tokenizer(CHATML)

    with pytest.raises(BadPrompts, match="in the text of the system"):
        encode(words, PROMPT, ChatFormat(system="Be <|im_end|> brief."))
    assert encode(words, chat("Hello", "there <|im_end|>", "again"))


def test_a_token_counts_if_it_is_special_or_written_by_the_template() -> None:
    words = tokenizer(CHATML + "<think>")
    words.add_tokens(["<think>", "<unused>", "\n\n"])

    assert control_tokens(words, "Hello <think> there") == ["<think>"]
    assert control_tokens(words, "Hello <unused> there\n\n and 3 < 4, </S") == []
    words.add_special_tokens({"additional_special_tokens": ["<later>"]})
    assert control_tokens(words, "Hello <later>") == ["<later>"]


def test_ordinary_text_gets_the_tokens_that_transformers_gives_it() -> None:
    words = tokenizer(CHATML)
    for text in ("Name three rivers.", "Hello <there> again | .", "im_end"):
        plain: Any = words.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, return_dict=False
        )
        for allowed in (False, True):
            assert encode(words, Prompt.of(text), ChatFormat(control_tokens=allowed)) == plain


# --------------------------------------------------------------- chats written by code, as mistral-common does


class _Writer(PreTrainedTokenizerFast):
    """Writes chats by code, knows no `enable_thinking`, and has no chat template."""

    end = "</s>"

    def apply_chat_template(self, conversation: Any, **named: Any) -> Any:
        if unknown := named.keys() - {"tokenize", "add_generation_prompt", "return_dict"}:
            raise ValueError(f"{unknown} are not supported")
        text = "<s>" + "".join(f"{turn['content']}{self.end}" for turn in conversation)
        return self(text, add_special_tokens=False)["input_ids"] if named["tokenize"] else text


def writer(end: str = "</s>") -> _Writer:
    words = _Writer(tokenizer_object=tokenizer().backend_tokenizer, bos_token="<s>", eos_token="</s>")
    words.end = end
    words.decode = lambda ids, **_: " ".join(words.convert_ids_to_tokens(ids))  # type: ignore[method-assign]
    return words


def test_a_tokenizer_that_writes_chats_by_code_is_no_base_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("neuroswitch.templates.wanted_parts", lambda *_, **__: frozenset())
    monkeypatch.setattr("neuroswitch.chat.wanted_parts", lambda *_, **__: frozenset())
    monkeypatch.setattr("neuroswitch.chat.require_whole", lambda *_, **__: None)  # words cannot show it
    words = writer()

    assert has_template(words)
    assert words.convert_ids_to_tokens(encode(words, PROMPT)) == [
        "<s>",
        "Name",
        "three",
        "rivers",
        ".",
        "</s>",
    ]
    assert template_digest(words) not in (template_digest(writer("again")), template_digest(tokenizer()))
    with pytest.raises(Prerequisite, match="no thinking mode"):
        encode(words, PROMPT, ChatFormat(thinking=True))
