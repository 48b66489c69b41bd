"""Reading: the values of a naive loop, whatever the batch; the residual stream and the routing with them."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from neuroswitch.activations.output import output_columns
from neuroswitch.activations.reading import (
    capturing,
    read_last_token,
    read_neurons,
    read_tokens,
    weighted_by_router,
)
from neuroswitch.errors import BadPrompts, InterventionFailed, UnsupportedModel
from neuroswitch.models.handle import LanguageModel
from tiny import tiny_llama, tiny_model

PROMPTS = [[5, 6, 7, 8, 9, 10, 11, 12, 13], [20, 21], [33, 34, 35, 36, 37]]


def naive(model: LanguageModel, prompt: list[int]) -> Tensor:
    """Read a Llama's neurons at the last token as the paper defines them, by its own equations."""
    seen = []
    hooks = [
        layer.mlp.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        for layer in model.module.model.layers
    ]
    with torch.no_grad():
        model.module(torch.tensor([prompt]))
    for hook in hooks:
        hook.remove()
    return torch.cat(
        [
            functional.silu(x[0, -1] @ layer.mlp.gate_proj.weight.T) * (x[0, -1] @ layer.mlp.up_proj.weight.T)
            for x, layer in zip(seen, model.module.model.layers, strict=True)
        ]
    )


def test_values_are_those_of_a_naive_loop() -> None:
    model = tiny_llama()

    read = read_neurons(model, PROMPTS)

    assert read.shape == (3, model.layout.size)
    assert read.dtype == torch.float32
    torch.testing.assert_close(read, torch.stack([naive(model, prompt) for prompt in PROMPTS]))


def test_the_lm_head_never_runs_and_no_hook_stays() -> None:
    model = tiny_llama()
    model.module.lm_head.forward = pytest.fail

    read_neurons(model, PROMPTS)

    assert not any(child._forward_hooks or child._forward_pre_hooks for child in model.module.modules())


def test_hooks_are_removed_when_the_forward_pass_fails() -> None:
    model = tiny_llama()
    with pytest.raises(IndexError):
        read_neurons(model, [[5, 10_000]])

    assert not any(child._forward_hooks or child._forward_pre_hooks for child in model.module.modules())


@pytest.mark.parametrize("name", ["llama", "gpt2", "mixtral", "jamba", "rwkv", "bloom"])
def test_other_prompts_of_the_batch_change_nothing(name: str) -> None:
    model = tiny_model(name)

    together = read_last_token(model, PROMPTS)
    alone = [read_last_token(model, [prompt]) for prompt in PROMPTS]

    for part in ("neurons", "residual", "normed"):
        expected = torch.cat([getattr(one, part) for one in alone])
        torch.testing.assert_close(getattr(together, part), expected, rtol=1e-4, atol=1e-5)


def test_several_tokens_of_a_sequence_are_the_last_tokens_of_its_beginnings() -> None:
    model = tiny_model("mixtral")
    positions = [[0, 3, 8], [], [2]]

    read = read_tokens(model, PROMPTS, positions)

    beginnings = [PROMPTS[0][:1], PROMPTS[0][:4], PROMPTS[0], PROMPTS[2][:3]]
    torch.testing.assert_close(read.neurons, read_neurons(model, beginnings), rtol=1e-4, atol=1e-5)


def test_the_residual_stream_leads_to_the_logits() -> None:
    model = tiny_llama()
    read = read_last_token(model, PROMPTS)

    assert model.final_norm is not None
    torch.testing.assert_close(model.final_norm(read.residual), read.normed)
    with torch.no_grad():
        logits = torch.stack([model.module(torch.tensor([prompt])).logits[0, -1] for prompt in PROMPTS])
    torch.testing.assert_close(read.normed @ model.unembedding.T, logits)


def test_the_residual_stream_is_the_sum_of_what_neurons_and_attention_write() -> None:
    model = tiny_llama()
    for layer in model.module.model.layers:
        nn.init.zeros_(layer.self_attn.o_proj.weight)

    read = read_last_token(model, PROMPTS)

    written = read.neurons @ output_columns(model, torch.arange(model.layout.size))
    embedded = model.module.get_input_embeddings().weight[[prompt[-1] for prompt in PROMPTS]]
    torch.testing.assert_close(embedded + written, read.residual)


@pytest.mark.parametrize("prompts", [[], [[3, 4], []]])
def test_a_prompt_without_tokens_is_refused(prompts: list[list[int]]) -> None:
    with pytest.raises(BadPrompts, match="without tokens"):
        read_neurons(tiny_llama(), prompts)


# --------------------------------------------------------------------------------------------- capture


def test_a_capture_is_independent_of_how_the_forward_pass_is_made() -> None:
    model = tiny_llama()
    prompt, context = torch.tensor([PROMPTS[0]]), 6

    with torch.no_grad():
        past = model.decoder(input_ids=prompt[:, :context], use_cache=True).past_key_values
        with capturing(model, torch.tensor([2]), tokens=3) as capture:
            model.decoder(input_ids=prompt[:, context:], past_key_values=past, use_cache=True)

    torch.testing.assert_close(capture.activations().neurons, read_neurons(model, [PROMPTS[0]]))


def test_a_site_that_sees_only_some_tokens_is_an_error() -> None:
    model = tiny_llama()
    with (
        capturing(model, torch.tensor([1]), tokens=5),
        pytest.raises(InterventionFailed, match="every token"),
    ):
        model.decoder(input_ids=torch.tensor([[3, 4]]))


def test_a_pass_that_leaves_out_a_site_is_an_error() -> None:
    model = tiny_llama()
    layer = model.module.model.layers[1]
    layer.forward = lambda hidden, **more: hidden

    with pytest.raises(InterventionFailed, match="layers.1.mlp.down_proj"):
        read_neurons(model, [[3, 4]])


def test_two_passes_in_one_capture_are_an_error() -> None:
    model = tiny_llama()
    with capturing(model, torch.tensor([1]), tokens=2):
        model.decoder(input_ids=torch.tensor([[3, 4]]))
        with pytest.raises(InterventionFailed, match="more than once"):
            model.decoder(input_ids=torch.tensor([[3, 4]]))


# --------------------------------------------------------------------------------------------- experts


def test_experts_are_read_where_the_router_sent_the_token() -> None:
    model = tiny_model("mixtral")
    (site, *_), (path, *_) = model.layout.sites, model.layout.paths

    read = read_last_token(model, PROMPTS)

    values = read.neurons[:, model.layout.span(0)].view(3, site.experts, site.width)
    routing = read.routing[path]
    chosen = torch.zeros(3, site.experts, dtype=torch.bool).scatter_(1, routing.experts, True)
    assert routing.experts.shape == routing.weights.shape == (3, 2)
    assert bool(values[chosen].any(-1).all())
    assert not bool(values[~chosen].any())
    torch.testing.assert_close(routing.weights.sum(1), torch.ones(3))


def test_weighted_neurons_times_columns_are_what_the_block_adds() -> None:
    model = tiny_model("qwen2_moe")
    outputs = {}
    hooks = [
        model.module.get_submodule(site.path).register_forward_hook(
            lambda module, inputs, output, path=site.path: outputs.__setitem__(path, output[-1])
        )
        for site in model.layout.sites
        if site.kind == "experts"
    ]

    read = read_last_token(model, PROMPTS[:1])
    for hook in hooks:
        hook.remove()

    written = weighted_by_router(read, model.layout)[0, :, None] * output_columns(
        model, torch.arange(model.layout.size)
    )
    for position, site in enumerate(model.layout.sites):
        if site.kind == "experts":
            torch.testing.assert_close(written[model.layout.span(position)].sum(0), outputs[site.path])


def test_weights_of_the_router_leave_dense_neurons_alone() -> None:
    model = tiny_model("qwen2_moe")
    read = read_last_token(model, PROMPTS)

    weighted = weighted_by_router(read, model.layout)

    for position, site in enumerate(model.layout.sites):
        span = model.layout.span(position)
        assert torch.equal(weighted[:, span], read.neurons[:, span]) == (site.kind == "dense")


def test_identity_experts_have_no_neurons() -> None:
    model = tiny_model("longcat_flash")
    for layer in model.module.model.layers:  # the router now prefers the identity experts 4 and 5
        layer.mlp.router.e_score_correction_bias[4:] = 10.0

    read = read_last_token(model, PROMPTS)

    for position, site in enumerate(model.layout.sites):
        if site.kind == "experts":
            assert set(read.routing[site.path].experts.flatten().tolist()) == {4, 5}
            assert not read.neurons[:, model.layout.span(position)].any()


# ----------------------------------------------------------------------------- lengths in one batch


def test_longrope_is_never_asked_for_short_and_long_prompts_in_one_batch() -> None:
    rope = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 4,
        "long_factor": [5.0] * 4,
        "original_max_position_embeddings": 6,
    }
    model = tiny_model("phi3", rope_parameters=rope)

    together = read_neurons(model, PROMPTS)

    alone = torch.cat([read_neurons(model, [prompt]) for prompt in PROMPTS])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_sparse_attention_reads_long_prompts_by_themselves() -> None:
    model = tiny_model("deepseek_v32", index_topk=4)

    together = read_neurons(model, PROMPTS)

    alone = torch.cat([read_neurons(model, [prompt]) for prompt in PROMPTS])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_dynamic_rope_beyond_its_context_is_refused() -> None:
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    model = tiny_model("llama", rope_parameters=rope, max_position_embeddings=8)

    assert read_neurons(model, PROMPTS[1:]).shape == (2, model.layout.size)
    with pytest.raises(BadPrompts, match="dynamic"):
        read_neurons(model, PROMPTS)


# ---------------------------------------------------------------------------------------------- columns


@pytest.mark.parametrize(
    "name", ["llama", "gpt2", "opt", "mixtral", "gpt_oss", "dbrx", "llama4_text", "jetmoe"]
)
def test_a_column_is_what_one_neuron_writes(name: str) -> None:
    model = tiny_model(name)
    ids = torch.tensor([model.layout.size - 1, 3, 70, 4])

    assert output_columns(model, ids).shape == (4, 32)
    torch.testing.assert_close(output_columns(model, ids.flip(0)).flip(0), output_columns(model, ids))
    assert torch.equal(
        output_columns(model, torch.arange(model.layout.size))[ids], output_columns(model, ids)
    )


def test_columns_of_neurons_that_write_elsewhere_are_refused() -> None:
    model = tiny_llama()
    model.module.config.hidden_size = 31

    with pytest.raises(UnsupportedModel, match="residual stream"):
        output_columns(model, torch.tensor([0]))
