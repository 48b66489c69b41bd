"""Tokenizers: the chat template is found wherever a model keeps it, and proven when the model is loaded."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from neuroswitch.answering import Decoding, generate
from neuroswitch.chat import encode
from neuroswitch.doctor import diagnose
from neuroswitch.doctor.diagnosis import lines
from neuroswitch.errors import BadOption, BadPrompts, NeuroswitchError, Prerequisite
from neuroswitch.models import tokenizers
from neuroswitch.models.loading import load_model, wrap_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.prompts import Prompt
from tiny import TEMPLATE, tiny_module, tiny_tokenizer

META = LoadOptions(device="meta")
PROMPT = Prompt.of("tell me a story")
OTHER = TEMPLATE.replace("<|assistant|>", "<|assistant|> yes")
PARTS = TEMPLATE.replace("message.content", "message.content[0].text")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a model whose tokenizer has no template."""
    tiny_module("llama").save_pretrained(tmp_path)
    tiny_tokenizer(template=None).save_pretrained(tmp_path)
    return tmp_path


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize(
    "files",
    [
        {"chat_template.json": {"chat_template": TEMPLATE}},
        {"chat_template.json": {"chat_template": {"default": TEMPLATE, "tool_use": OTHER}}},
        {"chat_template.json": {"chat_template": [{"name": "default", "template": TEMPLATE}]}},
        {"processor_config.json": {"processor_class": "Some", "chat_template": TEMPLATE}},
        {"processor_config.json": {"x": 1}, "chat_template.json": {"chat_template": TEMPLATE}},
        {"chat_template.jinja": TEMPLATE},
        {"chat_template.jinja": TEMPLATE, "additional_chat_templates/rag.jinja": OTHER},
        {"chat_template.jinja": TEMPLATE, "chat_template.json": {"chat_template": OTHER}},
    ],
    ids=lambda files: ", ".join(files),
)
def test_a_template_is_found_in_any_file_that_holds_one(folder: Path, files: dict[str, Any]) -> None:
    write(folder, files)

    model = load_model(folder, options=META)

    assert encode(model.tokenizer, PROMPT) == encode(tiny_tokenizer(), PROMPT)


def test_no_template_at_all_means_plain_text(folder: Path) -> None:
    write(folder, {"processor_config.json": {"processor_class": "Some"}})

    assert encode(load_model(folder, options=META).tokenizer, PROMPT) == encode(
        tiny_tokenizer(template=None), PROMPT
    )


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"chat_template": 7}', '{"chat_template": [{"name": "default"}]}', '{"chat_template": ""}'],
)
def test_a_malformed_template_file_is_refused(folder: Path, content: str) -> None:
    write(folder, {"chat_template.json": content})

    with pytest.raises(Prerequisite, match=r"chat_template\.json of .* is malformed"):
        load_model(folder, options=META)


@pytest.mark.parametrize(
    ("template", "error", "message"),
    [
        ("{{ messages[-1].content[:60] }}", Prerequisite, "only its beginning"),
        ("{{ messages[-1].content | lower }}", Prerequisite, "in another case"),
        ("{{ messages[-1].content + 1 }}", BadPrompts, "TypeError"),
        ({"rag": TEMPLATE, "tool_use": TEMPLATE}, Prerequisite, "none is the default"),
    ],
)
def test_a_template_that_does_not_pass_prompts_on_is_refused_at_load_and_by_the_doctor(
    folder: Path, template: Any, error: type[NeuroswitchError], message: str
) -> None:
    write(folder, {"chat_template.json": {"chat_template": template}})
    broken = tiny_tokenizer(template=template)

    for load in (
        lambda: load_model(folder, options=META),
        lambda: wrap_model(tiny_module("llama"), broken, name="mine"),
    ):
        with pytest.raises(error, match=message):
            load()
    found = diagnose(folder)
    assert not found.usable
    assert message in " ".join(found.problems)


def test_the_doctor_says_that_a_template_wants_parts(folder: Path) -> None:
    write(folder, {"chat_template.json": {"chat_template": PARTS}})

    found = diagnose(folder)

    assert found.usable
    assert found.checks["every_prompt_arrives_whole_and_once"]
    assert found.reading is not None
    assert found.reading.parts
    assert found.reading.system
    assert any("text in parts" in text for _, text in lines(found))


# ------------------------------------------------------------------------------------------ Mistral


def only_tekken(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()
    write(folder, {"tekken.json": {"config": {}}})


def test_a_tokenizer_of_mistral_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_tekken(folder)
    monkeypatch.setattr(tokenizers, "find_spec", lambda name: None)

    with pytest.raises(Prerequisite, match=r"(?s)Mistral's own format.*pip install mistral-common"):
        load_model(folder, options=META)


def test_a_tokenizer_of_mistral_is_read_with_its_chat_format(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without mistral-common's own reader transformers reads tekken.json as one of a base model."""
    only_tekken(folder)
    plain = SimpleNamespace(from_pretrained=lambda *_, **__: tiny_tokenizer(template=None))
    own = SimpleNamespace(from_pretrained=lambda *_, **__: tiny_tokenizer())
    monkeypatch.setattr(tokenizers, "AutoTokenizer", plain)
    monkeypatch.setitem(
        sys.modules, "transformers.tokenization_mistral_common", SimpleNamespace(MistralCommonBackend=own)
    )

    assert encode(load_model(folder, options=META).tokenizer, PROMPT) == encode(tiny_tokenizer(), PROMPT)


# ------------------------------------------------------------------------- modules that are loaded already


def test_a_module_given_to_the_loader_is_wrapped() -> None:
    module = tiny_module("llama")

    model = load_model(module, tiny_tokenizer())

    assert model.module is module
    assert model.identity.source == "wrapped"
    assert model.identity.name == "LlamaForCausalLM"
    assert len(generate(model, "tell me", decoding=Decoding(max_new_tokens=2))) == 1
    sites = "model.layers.{layer}.mlp.up_proj"
    up = load_model(module, tiny_tokenizer(), options=LoadOptions(sites=sites))
    assert up.layout.sites[0].path.endswith("up_proj")


def test_a_module_keeps_the_name_it_was_loaded_by(folder: Path) -> None:
    module = type(tiny_module("llama")).from_pretrained(folder)

    assert load_model(module, tiny_tokenizer()).identity.name == str(folder)


def test_a_tokenizer_given_with_a_name_is_used(folder: Path) -> None:
    assert load_model(folder, tiny_tokenizer(), options=META).tokenizer.chat_template == TEMPLATE


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda module: load_model(module), r"(?s)needs its tokenizer.*load_model\(module, tokenizer\)"),
        (
            lambda module: load_model(module, tiny_tokenizer(), options=LoadOptions(dtype="float16")),
            "cannot be loaded with other options",
        ),
    ],
)
def test_a_module_without_what_it_needs_is_refused(load: Callable[[Any], object], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        load(tiny_module("llama"))
