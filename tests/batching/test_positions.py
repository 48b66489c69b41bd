"""Models that have a position for so many tokens only: what does not fit is refused before anything runs."""

import pytest

import neuroswitch as ns
from neuroswitch.batching import position_limit
from neuroswitch.errors import BadOption, BadPrompts
from tiny import tiny_model, tiny_module


@pytest.mark.parametrize(
    ("name", "limit"),
    [("gpt2", 128), ("openai-gpt", 128), ("opt", 128), ("gptj", 128), ("gpt_bigcode", 128), ("mpt", 128)],
)
def test_the_limit_is_where_a_model_fails(name, limit):
    module = tiny_module(name, **({"max_seq_len": limit} if name == "mpt" else {}))
    assert position_limit(module) == limit
    import torch

    fitting = torch.ones(1, limit, dtype=torch.long) * 20
    module(input_ids=fitting)
    with pytest.raises(Exception):  # noqa: B017, PT011  each model fails in its own way
        module(input_ids=torch.cat([fitting, fitting[:, :1]], 1))


@pytest.mark.parametrize("name", ["llama", "gpt_neox", "bloom", "dbrx"])
def test_other_models_have_none(name):
    assert position_limit(tiny_module(name)) is None


def test_an_answer_that_does_not_fit_is_refused_with_the_length_that_fits():
    model = tiny_model("gpt2", n_positions=24)
    long = ns.Decoding(max_new_tokens=150)
    with pytest.raises(BadOption, match=r"at most 24 tokens(.|\n)*--max-new-tokens") as error:
        ns.generate(model, ["tell me a story"], decoding=long)
    fits = int(str(error.value).partition("--max-new-tokens ")[2].split()[0])
    for tokens in (fits, fits - 1):
        assert ns.generate(model, ["tell me a story"], decoding=ns.Decoding(max_new_tokens=tokens))
    with pytest.raises(BadOption):
        ns.generate(model, ["tell me a story"], decoding=ns.Decoding(max_new_tokens=fits + 1))
    with pytest.raises(BadPrompts, match="longer than the model can read"):
        ns.generate(model, ["tell me " * 20], decoding=ns.Decoding(max_new_tokens=1))
