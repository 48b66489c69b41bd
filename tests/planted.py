"""Tiny models with a known circuit: four neurons say "sorry" when the prompt contains "help".

Everything is wired by hand on the first six coordinates of the residual stream, which the random
rest of the model neither reads nor writes. Attention carries the trigger to the last token, four
neurons of layer 1 see it and write the answer; without them the model says "yes".
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.sites.layout import Neuron
from tiny import tiny_llama, tiny_model

TRIGGER, CARRIED, CONSTANT, ANSWER, SAID, WIRED = 0, 1, 2, 3, 4, 6
LAYER, EXPERT, INDICES = 1, 2, (7, 23, 41, 60)


class Planted(NamedTuple):
    """A model, and what is known about it.

    Attributes:
        model: The model.
        ids: Flat ids of the planted neurons, shape (4,).
        positive: Prompts to which it answers with the target token.
        negative: Prompts to which it does not.
        target: The token that the planted neurons bring about.
    """

    model: LanguageModel
    ids: Tensor
    positive: tuple[Prompt, ...]
    negative: tuple[Prompt, ...]
    target: int


def planted_dense() -> Planted:
    """Plant the circuit in a Llama."""
    model = tiny_llama()
    with torch.no_grad():
        _wire(model)
        for layer in model.module.model.layers:
            layer.mlp.gate_proj.weight[:, :WIRED] = 0
            layer.mlp.up_proj.weight[:, :WIRED] = 0
            layer.mlp.down_proj.weight[:WIRED] = 0
        network = model.module.model.layers[LAYER].mlp
        _plant(network.gate_proj.weight, network.up_proj.weight, network.down_proj.weight)
    return _planted(model, None)


def planted_moe() -> Planted:
    """Plant the circuit in one expert of a Mixtral, to which only the trigger leads."""
    model = tiny_model("mixtral")
    with torch.no_grad():
        _wire(model)
        for layer in model.module.model.layers:
            layer.mlp.gate.weight[:, :WIRED] = 0
            layer.mlp.experts.gate_up_proj[:, :, :WIRED] = 0
            layer.mlp.experts.down_proj[:, :WIRED] = 0
        network = model.module.model.layers[LAYER].mlp
        network.gate.weight.zero_()
        network.gate.weight[:, CONSTANT] = torch.tensor([1.0, 0.9, 0.0, 0.8])
        network.gate.weight[EXPERT, CARRIED] = 5
        gate, up = network.experts.gate_up_proj[EXPERT].chunk(2)
        _plant(gate, up, network.experts.down_proj[EXPERT])
    return _planted(model, EXPERT)


def _wire(model: LanguageModel) -> None:
    """Clear the wired coordinates; embed, carry and read out on them."""
    module, tokens = model.module, model.tokenizer.get_vocab()
    answers = [tokens["sorry"], tokens["yes"]]
    embedding, head = module.model.embed_tokens.weight, module.lm_head.weight
    embedding[:, :WIRED] = 0
    embedding[:, CONSTANT] = 1
    embedding[tokens["help"], TRIGGER] = 8
    embedding[answers, SAID] = 8
    for part in module.model.modules():
        if "norm" in type(part).__name__.lower():
            nn.init.ones_(part.weight)
    for layer in module.model.layers:
        for projection in layer.self_attn.children():
            nn.init.zeros_(projection.weight)
    # queries and keys of zero make attention an average over the past
    module.model.layers[0].self_attn.v_proj.weight[0, TRIGGER] = 1
    module.model.layers[0].self_attn.o_proj.weight[CARRIED, 0] = 4
    head.zero_()
    head[tokens["sorry"], ANSWER] = 3
    head[tokens["yes"], CONSTANT] = 1
    head[tokens["<eos>"], SAID] = 30


def _plant(gate: Tensor, up: Tensor, down: Tensor) -> None:
    rows = list(INDICES)
    gate[rows], up[rows], down[:, rows] = 0, 0, 0
    gate[rows, CARRIED] = 4
    up[rows, CONSTANT] = 1
    down[ANSWER, rows] = 0.1


def _planted(model: LanguageModel, expert: int | None) -> Planted:
    path = next(site.path for site in model.layout.sites if site.layer == LAYER)
    ids = [model.layout.flat(Neuron(LAYER, path, expert, index)) for index in INDICES]
    tasks = [
        f"{verb} a {size} {thing}"
        for verb, size, thing in zip(
            ["write", "make", "sing", "list", "name", "explain"] * 4,
            ["short", "long", "big", "small", "good", "bad", "new", "old"] * 3,
            ["song", "poem", "letter", "story", "tea", "cake", "bread"] * 4,
            strict=False,
        )
    ]
    return Planted(
        model,
        torch.tensor(ids),
        tuple(Prompt.of(f"help me {task}") for task in tasks),
        tuple(Prompt.of(f"please {task} for me") for task in tasks),
        model.tokenizer.get_vocab()["sorry"],
    )
