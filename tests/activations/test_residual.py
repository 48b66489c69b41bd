"""The residual stream: read as a naive hook reads it, changed inside the block, untouched outside."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor

from neuroswitch.activations.changes import added, changed_outputs, layer_paths, projected_out
from neuroswitch.activations.reading import read_outputs
from neuroswitch.batching.prefix import compute_prefix
from neuroswitch.errors import BadPrompts, InterventionFailed
from neuroswitch.models.handle import LanguageModel
from planted import ANSWER, CARRIED, planted_dense
from tiny import tiny_llama, tiny_model

TOKENS = torch.tensor([[5, 6, 7, 8, 9], [20, 21, 22, 23, 24]])
PROMPTS = [[5, 6, 7, 8, 9, 10, 11, 12, 13], [20, 21], [33, 34, 35, 36, 37]]
NAMES = ["llama", "gpt2", "opt", "mixtral", "gpt_oss", "jamba", "bloom", "gemma2"]
BLOCKS: dict[str, Callable[[LanguageModel, float], AbstractContextManager[None]]] = {
    "added": lambda model, strength: added(
        model, dict.fromkeys(layer_paths(model), strength * direction(model))
    ),
    "added to networks": lambda model, strength: added(
        model, dict.fromkeys(model.layout.paths, strength * direction(model))
    ),
    "projected": lambda model, strength: projected_out(model, direction(model), strength),
}


def direction(model: LanguageModel) -> Tensor:
    hidden = model.module.config.get_text_config(decoder=True).hidden_size
    return torch.randn(hidden, generator=torch.Generator().manual_seed(0))


def logits(model: LanguageModel, tokens: Tensor = TOKENS) -> Tensor:
    with torch.no_grad():
        return model.module(tokens, use_cache=False).logits


def hooks(model: LanguageModel) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.module.modules())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("block", BLOCKS)
def test_strength_zero_changes_no_bit_and_an_exception_leaves_none_changed(name: str, block: str) -> None:
    model = tiny_model(name)
    before = logits(model)

    with BLOCKS[block](model, 0.0):
        assert torch.equal(logits(model), before)
    with pytest.raises(ZeroDivisionError), BLOCKS[block](model, 1.0):
        assert not torch.equal(logits(model), before)
        raise ZeroDivisionError

    assert torch.equal(logits(model), before)
    assert not hooks(model)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_projected_out_is_gone_behind_every_layer(name: str) -> None:
    model = tiny_model(name)
    unit = direction(model) / direction(model).norm()
    everywhere = [range(len(prompt)) for prompt in PROMPTS]

    with projected_out(model, 3 * direction(model)):
        read = read_outputs(model, PROMPTS, everywhere, layer_paths(model))

    assert read.shape == (16, len(layer_paths(model)), len(unit))
    assert float((read @ unit).abs().max()) < 1e-5 * float(read.norm(dim=-1).max())


def test_half_a_projection_leaves_half_of_what_enters() -> None:
    model, seen = tiny_llama(), []
    unit = direction(model) / direction(model).norm()
    entry = model.module.model.layers[0]
    before = model.module.model.embed_tokens(TOKENS)

    with projected_out(model, unit, 0.5):
        handle = entry.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        logits(model)
        handle.remove()

    torch.testing.assert_close(seen[0] @ unit, 0.5 * before @ unit)


def test_what_is_added_to_the_last_layer_is_behind_it() -> None:
    model = tiny_llama()
    path, vector = layer_paths(model)[-1], direction(tiny_llama())
    last = [[len(prompt) - 1] for prompt in PROMPTS]
    before = read_outputs(model, PROMPTS, last, [path])

    with added(model, {path: vector}), added(model, {path: vector}):
        after = read_outputs(model, PROMPTS, last, [path])

    torch.testing.assert_close(after - before, 2 * vector.expand(3, 1, -1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["llama", "mixtral", "bloom"])
def test_a_change_keeps_the_dtype_of_the_activations(name: str) -> None:
    model = tiny_model(name)
    model.module.to(torch.bfloat16)

    for block in BLOCKS.values():
        with block(model, 1.0):
            assert logits(model).dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "jamba", "bloom"])
def test_other_prompts_of_the_batch_change_nothing(name: str) -> None:
    model = tiny_model(name)
    paths = [*layer_paths(model), ""]
    positions = [[0, 8], [], [4]]

    with projected_out(model, direction(model)):
        together = read_outputs(model, PROMPTS, positions, paths)
        alone = [
            read_outputs(model, [prompt], [chosen], paths)
            for prompt, chosen in zip(PROMPTS, positions, strict=True)
        ]

    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)


def test_a_prefix_that_was_computed_in_the_same_state_changes_nothing() -> None:
    model = tiny_llama()
    prompts = [[5, 6, 7, 8, 9, *rest] for rest in ([10, 11], [20], [30, 31, 32])]
    last = [[len(prompt) - 1] for prompt in prompts]

    with projected_out(model, direction(model)):
        prefix = compute_prefix(model, prompts)
        short = read_outputs(model, prompts, last, layer_paths(model), prefix)
        whole = read_outputs(model, prompts, last, layer_paths(model))

    assert prefix.length == 5
    torch.testing.assert_close(short, whole, rtol=1e-4, atol=1e-5)


def test_the_decoder_s_output_is_what_the_head_reads() -> None:
    model = tiny_llama()

    read = read_outputs(model, PROMPTS, [[len(prompt) - 1] for prompt in PROMPTS], [""])[:, 0]

    expected = [logits(model, torch.tensor([prompt]))[0, -1] for prompt in PROMPTS]
    torch.testing.assert_close(read @ model.unembedding.T, torch.stack(expected))


@pytest.mark.parametrize("coordinate", [CARRIED, ANSWER])
def test_without_the_planted_direction_the_planted_answer_is_gone(coordinate: int) -> None:
    planted = planted_dense()
    tokens = [planted.model.tokenizer.encode(prompt.text) for prompt in planted.positive]
    unit = torch.eye(32)[coordinate]

    def answers() -> set[int]:
        return {int(logits(planted.model, torch.tensor([row]))[0, -1].argmax()) for row in tokens}

    assert answers() == {planted.target}
    with projected_out(planted.model, unit):
        assert planted.target not in answers()


def test_errors_say_what_was_not_reached() -> None:
    model = tiny_llama()

    with pytest.raises(BadPrompts, match="no last token"):
        read_outputs(model, [[]], [[0]], [""])
    with (
        pytest.raises(InterventionFailed, match="should have been changed did not"),
        changed_outputs(model, {"lm_head": torch.abs}),
    ):
        model.decoder(TOKENS)
    with pytest.raises(InterventionFailed, match="no activation at lm_head"):
        read_outputs(model, PROMPTS, [[0]] * 3, ["lm_head"])
