"""A neuron's direct contribution is what the log-probability loses, to first order, without its write."""

import torch

from neuroswitch.activations.output import log_probability_gradient, output_columns
from neuroswitch.activations.reading import read_tokens
from neuroswitch.chat import encode
from neuroswitch.discovery.contribution import Response, contributions
from sets import prompts
from tiny import tiny_llama, tiny_model


def _responses(model: object, lengths: tuple[int, ...]) -> list[Response]:
    asked = prompts("tell me")[: len(lengths)]
    return [
        Response(encode(model.tokenizer, prompt), list(range(20, 20 + length)))  # type: ignore[attr-defined]
        for prompt, length in zip(asked, lengths, strict=True)
    ]


def test_contributions_equal_the_formula_one_token_at_a_time() -> None:
    model = tiny_llama()
    (response,) = _responses(model, (3,))
    whole = [*response.prompt, *response.tokens]
    written = output_columns(model, torch.arange(model.layout.size))  # (N, H)
    expected = torch.zeros(model.layout.size)
    for step, target in enumerate(response.tokens):
        at = len(response.prompt) - 1 + step
        read = read_tokens(model, [whole], [[at]])
        gradient = log_probability_gradient(model, read.residual, torch.tensor([target]))[0]
        expected += read.neurons[0] * (written @ gradient) / len(response.tokens)
    found = contributions(model, [response])
    torch.testing.assert_close(found.mean.float(), expected, rtol=1e-4, atol=1e-7)


def test_batches_change_nothing() -> None:
    model = tiny_llama()
    responses = _responses(model, (2, 5, 1, 4))
    together = contributions(model, responses)
    alone = [contributions(model, [response]).mean for response in responses]
    torch.testing.assert_close(together.mean, torch.stack(alone).mean(0), rtol=1e-4, atol=1e-7)


def test_the_last_layer_is_exact_to_first_order() -> None:
    """In the last layer the direct path is the only one, so a small cut changes log p as predicted."""
    model = tiny_llama()
    (response,) = _responses(model, (1,))
    read = read_tokens(model, [response.prompt], [[len(response.prompt) - 1]])
    last = model.layout.span(len(model.layout.sites) - 1)
    neuron = last.start + int(read.neurons[0, last].abs().argmax())
    written = output_columns(model, torch.tensor([neuron]))[0]
    target = torch.tensor([response.tokens[0]])
    gradient = log_probability_gradient(model, read.residual, target)[0].double()
    cut = 1e-3 * read.neurons[0, neuron] * written
    head = model.module.lm_head

    def log_p(residual: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return head(model.final_norm(residual)).double().log_softmax(-1)[0, target[0]]  # type: ignore[misc]

    measured = log_p(read.residual) - log_p(read.residual - cut)
    torch.testing.assert_close(measured, (gradient * cut).sum(), rtol=0.05, atol=1e-7)


def test_experts_count_with_the_weight_their_router_gave_them() -> None:
    model = tiny_model("mixtral")
    found = contributions(model, _responses(model, (2, 2)))
    assert found.count == 2
    assert bool(found.mean.isfinite().all())
