"""Scaling: what happens to the model inside the block, and that nothing happens to it outside."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.reading import read_last_token, read_neurons
from neuroswitch.errors import BadCircuit, InterventionFailed, UnsupportedModel
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_llama, tiny_model

TOKENS = torch.tensor([[5, 6, 7, 8, 9], [20, 21, 22, 23, 24]])
NAMES = ["llama", "gpt2", "opt", "mixtral", "qwen2_moe", "gpt_oss", "llama4_text", "dbrx", "jetmoe", "zamba2"]


def logits(model: LanguageModel, tokens: Tensor = TOKENS) -> Tensor:
    with torch.no_grad():
        return model.module(tokens, use_cache=False).logits


def some(model: LanguageModel, count: int = 40) -> Tensor:
    return torch.randperm(model.layout.size, generator=torch.Generator().manual_seed(0))[:count]


@pytest.mark.parametrize("name", NAMES)
def test_a_multiplier_of_one_changes_no_bit(name: str) -> None:
    model = tiny_model(name)
    before = logits(model)

    with scaled_neurons(model, torch.arange(model.layout.size), torch.ones(model.layout.size)):
        assert torch.equal(logits(model), before)


@pytest.mark.parametrize("name", NAMES)
def test_after_the_block_the_model_is_bit_for_bit_what_it_was(name: str) -> None:
    model = tiny_model(name)
    before, weights = logits(model), {key: value.clone() for key, value in model.module.state_dict().items()}

    with pytest.raises(ZeroDivisionError), scaled_neurons(model, some(model), torch.full((40,), 1.7)):
        assert not torch.equal(logits(model), before)
        raise ZeroDivisionError

    assert torch.equal(logits(model), before)
    after = model.module.state_dict()
    assert after.keys() == weights.keys()
    assert all(torch.equal(after[key], value) for key, value in weights.items())
    assert not any(child._forward_pre_hooks for child in model.module.modules())


@pytest.mark.parametrize("multiplier", [0.0, 0.5, 1.7, -1.0])
def test_scaling_an_activation_is_scaling_its_column(multiplier: float) -> None:
    model, copy = tiny_llama(), tiny_llama()
    ids = some(model)
    with torch.no_grad():
        for path, local in model.layout.by_site(ids).items():
            copy.module.get_submodule(path).weight[:, local] *= multiplier

    with scaled_neurons(model, ids, torch.full((len(ids),), multiplier)):
        torch.testing.assert_close(logits(model), logits(copy), rtol=1e-5, atol=1e-5)


def test_the_order_of_ids_does_not_matter_and_each_has_its_own_multiplier() -> None:
    model = tiny_model("qwen2_moe")
    ids, multipliers = some(model), torch.linspace(-1, 3, 40)
    with scaled_neurons(model, ids, multipliers):
        expected = logits(model)

    order = ids.argsort(descending=True)
    with scaled_neurons(model, ids[order], multipliers[order]):
        assert torch.equal(logits(model), expected)


@pytest.mark.parametrize("name", ["llama", "mixtral"])
def test_nested_blocks_multiply(name: str) -> None:
    model = tiny_model(name)
    ids = some(model)
    with scaled_neurons(model, ids, torch.full((40,), 6.0)):
        expected = logits(model)

    with scaled_neurons(model, ids[:30], torch.full((30,), 2.0)):
        outer = logits(model)
        with (
            scaled_neurons(model, ids[20:], torch.full((20,), 3.0)),
            scaled_neurons(model, ids[30:], torch.full((10,), 2.0)),
            scaled_neurons(model, ids[:20], torch.full((20,), 3.0)),
        ):
            torch.testing.assert_close(logits(model), expected, rtol=1e-5, atol=1e-5)
        assert torch.equal(logits(model), outer)


def test_every_position_is_scaled_and_reading_inside_sees_what_came_before() -> None:
    model = tiny_llama()
    plain = read_neurons(model, TOKENS.tolist())
    first = torch.arange(64)  # all neurons of layer 0

    with scaled_neurons(model, first, torch.zeros(64)):
        steered = read_neurons(model, TOKENS.tolist())
        assert not torch.equal(logits(model)[:, 0], logits(tiny_llama())[:, 0])

    assert not torch.equal(steered[:, 64:], plain[:, 64:])


def test_one_layer_of_a_shared_block_is_scaled_alone() -> None:
    model = tiny_model("zamba2")
    blocks = [model.module.get_submodule(path) for path in model.layout.paths]
    assert len({block.weight.data_ptr() for block in blocks}) == 1

    plain = read_neurons(model, TOKENS.tolist())
    second = torch.arange(model.layout.size)[model.layout.span(1)]
    with scaled_neurons(model, second, torch.zeros(len(second))):
        steered = read_neurons(model, TOKENS.tolist())

    assert torch.equal(steered[:, model.layout.span(0)], plain[:, model.layout.span(0)])
    assert not torch.equal(steered[:, model.layout.span(2)], plain[:, model.layout.span(2)])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["llama", "mixtral"])
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    model = tiny_model(name)
    model.module.to(dtype)
    before = logits(model)

    with scaled_neurons(model, some(model), torch.ones(40)):
        assert torch.equal(logits(model), before)
    with scaled_neurons(model, some(model), torch.zeros(40)):
        assert not torch.equal(logits(model), before)
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize(
    ("ids", "multipliers"), [([1, 1], [0.0, 0.0]), ([1, 2], [0.0]), ([1], [0.0, 1.0]), ([192], [0.0])]
)
def test_ids_must_be_distinct_neurons_with_a_multiplier_each(
    ids: list[int], multipliers: list[float]
) -> None:
    with (
        pytest.raises(BadCircuit),
        scaled_neurons(tiny_llama(), torch.tensor(ids), torch.tensor(multipliers)),
    ):
        pass


# ------------------------------------------------------------------------------------------- the proof


def test_a_site_that_does_not_run_is_an_error_on_leaving() -> None:
    model = tiny_llama()
    network = model.module.model.layers[1].mlp
    network.forward = lambda x: network.gate_proj(x) @ network.down_proj.weight.T

    with (
        pytest.raises(InterventionFailed, match=r"layers\.1\.mlp\.down_proj"),
        scaled_neurons(model, torch.tensor([0, 70]), torch.zeros(2)),
    ):
        logits(model)


def test_a_block_without_a_forward_pass_proves_nothing_and_is_no_error() -> None:
    with scaled_neurons(tiny_llama(), torch.tensor([0]), torch.zeros(1)):
        pass


def test_an_error_of_the_caller_is_not_replaced() -> None:
    model = tiny_llama()
    with pytest.raises(IndexError), scaled_neurons(model, torch.tensor([0]), torch.zeros(1)):
        model.module(torch.tensor([[10_000]]))


# --------------------------------------------------------------------------------------------- experts


def test_one_expert_is_scaled_alone() -> None:
    model = tiny_model("mixtral")
    site, token = model.layout.sites[0], TOKENS[:1, :1]
    before = logits(model, token)
    routed = read_last_token(model, token.tolist()).routing[site.path].experts[0].tolist()

    for expert in range(site.experts):
        ids = torch.arange(expert * site.width, (expert + 1) * site.width)
        with scaled_neurons(model, ids, torch.zeros(site.width)):
            assert torch.equal(logits(model, token), before) == (expert not in routed)


@pytest.mark.parametrize("implementation", ["eager", "grouped_mm", "batched_mm"])
def test_experts_are_scaled_under_every_dispatch(implementation: str) -> None:
    model = tiny_model("qwen3_moe")
    with scaled_neurons(model, some(model), torch.zeros(40)):
        expected = logits(model)

    model.module.set_experts_implementation(implementation)

    with scaled_neurons(model, some(model), torch.zeros(40)):
        torch.testing.assert_close(logits(model), expected, rtol=1e-4, atol=1e-4)


def test_experts_without_weights_in_memory_are_refused() -> None:
    model = tiny_model("mixtral")
    experts = model.module.model.layers[0].mlp.experts
    experts.down_proj = torch.nn.Parameter(experts.down_proj.to("meta"))

    with (
        pytest.raises(UnsupportedModel, match="offloaded"),
        scaled_neurons(model, torch.tensor([0]), torch.zeros(1)),
    ):
        pass


def test_the_router_may_move_and_the_reading_shows_it() -> None:
    model = tiny_model("mixtral")
    plain = read_last_token(model, TOKENS.tolist()).routing
    first = torch.arange(model.layout.size)[model.layout.span(0)]

    with scaled_neurons(model, first, torch.full((len(first),), -20.0)):
        steered = read_last_token(model, TOKENS.tolist()).routing

    first_path, last_path = model.layout.paths[0], model.layout.paths[-1]
    assert torch.equal(plain[first_path].experts, steered[first_path].experts)
    assert not torch.equal(plain[last_path].weights, steered[last_path].weights)


# ------------------------------------------------------------------------------------------- compiled


@pytest.fixture
def _fresh_compiler() -> Iterator[None]:
    yield
    torch.compiler.reset()


@pytest.mark.slow
@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler itself
def test_code_that_was_compiled_before_is_steered_inside_and_plain_after() -> None:
    model = tiny_llama()
    ids, zeros = some(model), torch.zeros(40)
    plain = logits(model)
    with scaled_neurons(model, ids, zeros):
        steered = logits(model)
    compiled = torch.compile(model.module, backend="aot_eager", fullgraph=True)

    def run() -> Tensor:
        with torch.no_grad():
            return compiled(TOKENS, use_cache=False).logits

    torch.testing.assert_close(run(), plain)
    for _ in range(2):
        with scaled_neurons(model, ids, zeros):
            torch.testing.assert_close(run(), steered)
            torch.testing.assert_close(run(), steered)
            with scaled_neurons(model, ids, torch.full((40,), 2.0)):
                torch.testing.assert_close(run(), steered)
            torch.testing.assert_close(run(), steered)
        torch.testing.assert_close(run(), plain)


@pytest.mark.slow
@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compiled_experts_are_steered() -> None:
    model = tiny_model("mixtral")
    ids, zeros = some(model), torch.zeros(40)
    with scaled_neurons(model, ids, zeros):
        steered = logits(model)
    compiled = torch.compile(model.module, backend="aot_eager")
    compiled(TOKENS, use_cache=False)

    with torch.no_grad(), scaled_neurons(model, ids, zeros):
        torch.testing.assert_close(compiled(TOKENS, use_cache=False).logits, steered, rtol=1e-4, atol=1e-4)
