"""The planted behaviour as a task for methods: fit on it, tune on it, and see it end."""

import torch
from torch import Tensor

from neuroswitch.answering.generation import Decoding
from neuroswitch.methods.base import Task
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import ContrastSet, Piles
from planted import CONSTANT, Planted, planted_dense


def firm() -> Planted:
    """Plant the circuit in a model that says "yes" unless "sorry" is much likelier.

    A difference of means is not the planted coordinate alone, so one direction leaves a part of it.
    """
    planted = planted_dense()
    with torch.no_grad():
        planted.model.module.lm_head.weight[planted.model.tokenizer.get_vocab()["yes"], CONSTANT] = 8
    return planted


def unsure() -> Planted:
    """Plant the circuit in a model that says the same with less certainty: its answers have gradients."""
    planted = planted_dense()
    with torch.no_grad():
        planted.model.module.lm_head.weight.mul_(0.2)
    return planted


def task_of(planted: Planted) -> Task:
    """Divide the planted prompts into three splits."""
    splits = [
        Piles(planted.positive[chosen], planted.negative[chosen])
        for chosen in (slice(0, 12), slice(12, 18), slice(18, 24))
    ]
    contrast = ContrastSet("planted", discovery=splits[0], validation=splits[1], test=splits[2])
    return Task(
        contrast=contrast,
        shows=lambda answer, prompt: "sorry" in answer,
        decoding=Decoding(max_new_tokens=4, batch_size=8),
        size=4,
        ranking="delta",
        most_kl=1.0,  # a planted behaviour is a large part of what so small a model does
    )


def logits(model: LanguageModel) -> Tensor:
    """Return the logits of a prompt with the trigger."""
    tokens = model.tokenizer("please help me write a poem", return_tensors="pt").input_ids
    with torch.no_grad():
        return model.module(tokens, use_cache=False).logits
