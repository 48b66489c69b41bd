"""Models with towers for images beside the text decoder: images pass through, and leave nothing behind."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, GenerationConfig

from naive import naive_answer
from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.reading import read_neurons
from neuroswitch.answering.generation import Decoding, end_tokens, generate_tokens
from neuroswitch.batching.padding import padding_effect
from neuroswitch.batching.prefix import compute_prefix
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models.handle import LanguageModel, PaddingEffect
from neuroswitch.models.loading import load_model
from neuroswitch.models.options import LoadOptions
from neuroswitch.sites.finding import find_sites
from neuroswitch.sites.probe import probe
from tiny import tiny_config, tiny_llama, tiny_model, tiny_module, tiny_tokenizer

TEMPLATE = [40, 41, 42, 43, 44]
CHATS = [[*TEMPLATE, *rest] for rest in ([5, 6, 7, 8], [20], [33, 34])]


@torch.no_grad()
def logits_with_image(module: nn.Module) -> Tensor:
    """Ask about a 16 x 16 image, which is four tokens of the prompt."""
    image = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([[5, *[module.config.image_token_id] * 4, 6, 7]])
    return module(input_ids=ids, pixel_values=image, use_cache=False).logits


def test_images_pass_through_and_neurons_are_scaled_at_their_tokens_too() -> None:
    model, twin = tiny_model("llava"), tiny_module("llava")
    ids = torch.arange(3, 120, 7)
    before = logits_with_image(model.module)
    for position, local in model.layout.by_position(ids):
        twin.get_submodule(model.layout.sites[position].path).weight.data[:, local] = 0

    with scaled_neurons(model, ids, torch.ones(len(ids))):
        assert torch.equal(logits_with_image(model.module), before)
    with scaled_neurons(model, ids, torch.zeros(len(ids))):
        ablated = logits_with_image(model.module)

    assert torch.equal(ablated, logits_with_image(twin))
    assert not torch.equal(ablated, before)
    assert torch.equal(logits_with_image(model.module), before)


@pytest.mark.parametrize("name", ["qwen3_vl", "qwen2_audio", "phi4_multimodal"])
def test_a_checkpoint_is_loaded_whole(name: str, tmp_path: Path) -> None:
    module = tiny_module(name)
    module.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)

    loaded = load_model(tmp_path, options=LoadOptions(device="cpu")).module

    assert type(loaded) is type(module)
    ids = torch.tensor(CHATS[:1])
    with torch.no_grad():
        assert torch.equal(loaded(input_ids=ids).logits, module(input_ids=ids).logits)


@pytest.mark.parametrize("name", ["llama4", "mllama", "qwen3_5"])
def test_of_a_checkpoint_with_a_class_for_text_alone_the_text_is_loaded(name: str, tmp_path: Path) -> None:
    whole = AutoModelForImageTextToText.from_config(tiny_config(name)).eval()
    whole.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)

    model = load_model(tmp_path, options=LoadOptions(device="cpu"))

    assert type(model.module).__name__.endswith("ForCausalLM")
    ids = torch.tensor(CHATS[:1])
    with torch.no_grad():
        assert torch.equal(model.module(input_ids=ids).logits, whole(input_ids=ids).logits)


def what_text_gives(model: LanguageModel) -> tuple[Tensor, list[list[int]]]:
    """Read prompts from a shared beginning, and answer them."""
    read = read_neurons(model, CHATS)
    shared = compute_prefix(model, CHATS)
    assert shared.length == len(TEMPLATE)
    return read, generate_tokens(model, CHATS, Decoding(max_new_tokens=20))


@pytest.mark.parametrize("name", ["qwen2_vl", "qwen3_vl", "glm4v"])
def test_an_image_of_an_earlier_call_shifts_no_positions(name: str) -> None:
    fresh, used = tiny_model(name), tiny_model(name)
    shifts = torch.tensor([[-3], [-5]])  # of a conversation about two images
    used.module.model.rope_deltas = shifts

    found, expected = what_text_gives(used), what_text_gives(fresh)

    assert torch.equal(found[0], expected[0])
    assert found[1] == expected[1]
    assert used.module.model.rope_deltas is shifts  # that conversation can go on


def test_habits_of_the_checkpoint_do_not_change_greedy_answers() -> None:
    model = tiny_llama()
    expected = [naive_answer(model, chat, 20, end_tokens(model)) for chat in CHATS]
    habits = GenerationConfig(forced_eos_token_id=7, suppress_tokens=expected[0][:1], min_new_tokens=30)
    model.module.generation_config = habits

    assert generate_tokens(model, CHATS, Decoding(max_new_tokens=20)) == expected
    assert model.module.generation_config is habits


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llama", (False, False)),
        ("mixtral", (False, False)),
        ("gpt_neo", (False, True)),  # counts positions from the cache
        ("trocr", (True, True)),  # counts padding
    ],
)
def test_what_padding_changes_is_tried_out(name: str, expected: Sequence[bool]) -> None:
    assert padding_effect(tiny_model(name)) == PaddingEffect(*expected)


@pytest.mark.parametrize("name", ["trocr", "mixtral"])
def test_padding_is_measured_on_the_untouched_model(name: str) -> None:
    model, other = tiny_model(name), tiny_model(name)
    ids = torch.arange(other.layout.size)
    expected = padding_effect(model)

    with scaled_neurons(other, ids, torch.full((len(ids),), 1e4)):
        before = read_neurons(other, CHATS)
        assert padding_effect(other) == expected
        assert torch.equal(read_neurons(other, CHATS), before)

    assert torch.equal(read_neurons(other, CHATS), read_neurons(model, CHATS))


def test_a_model_that_generate_runs_differently_is_not_evaluated() -> None:
    with pytest.raises(UnsupportedModel, match="does not continue a text"):
        generate_tokens(tiny_model("roberta"), CHATS, Decoding(max_new_tokens=2))


def with_tower() -> nn.Module:
    module = tiny_module("llama")
    module.model.image_encoder = nn.ModuleList([nn.Sequential(nn.Linear(32, 32))])
    return module


def test_a_tower_is_known_by_its_name_and_left_out() -> None:
    module = with_tower()
    found = find_sites(module)

    probe(module, found)

    assert found.layers_path == "model.layers"


def test_the_only_layers_are_the_decoder_whatever_they_are_called() -> None:
    module = tiny_module("llama")
    module.speech_model = module.model
    del module._modules["model"]

    assert find_sites(module).layers_path == "speech_model.layers"


def test_a_tower_that_runs_on_text_is_an_error() -> None:
    module = with_tower()
    tower = module.model.image_encoder[0]
    module.model.norm.register_forward_hook(lambda norm, inputs, output: tower(output))

    with pytest.raises(UnsupportedModel, match="images or sound, and runs on text"):
        probe(module, find_sites(module))
