"""Mixtures of experts as transformers 5 builds them: fused parameters, one container a layer.

One class for each layout of the parameters: to which experts a token was sent, what an expert's
neurons are for it, and which slice of the weights a neuron writes with. A new layout is one class and
one entry in `LAYOUTS`.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.nn import functional

from neuroswitch.errors import UnsupportedModel
from neuroswitch.sites.sharding import local_part, own_share


@dataclass(frozen=True, eq=False)
class Routing:
    """The decision of a router for some tokens.

    Attributes:
        experts: Chosen experts, shape (tokens, chosen); ids from the number of experts upwards
            have no neurons (LongCat's identity experts).
        weights: Factor of each expert's output in the layer's sum, shape (tokens, chosen); 1 where
            the router scales the expert's input instead (Llama 4).
    """

    experts: Int64[Tensor, "tokens chosen"]
    weights: Float[Tensor, "tokens chosen"]


Routed = tuple[Routing, Float[Tensor, "tokens chosen hidden"]]
"""Where some tokens were sent, and the inputs of the chosen experts."""


class Experts(ABC):
    """Access to a container of experts."""

    def __init__(self, module: nn.Module) -> None:
        self.module: Any = module

    @staticmethod
    @abstractmethod
    def describes(module: nn.Module) -> bool:
        """Return whether a module has this layout."""

    @property
    @abstractmethod
    def written(self) -> Float[Tensor, "experts width hidden"]:
        """Return what each neuron writes, as a view of the parameter."""

    @property
    def outgoing(self) -> Float[Tensor, "experts share hidden"]:
        """Return this process's share of `written`; writing to it changes the model."""
        return local_part(self.written)

    @property
    def count(self) -> int:
        """Return the number of experts that have neurons."""
        return len(self.written)

    @property
    def width(self) -> int:
        """Return the number of neurons of each expert, those of other processes included."""
        return self.written.shape[1]

    def place(
        self, neurons: Int64[Tensor, " n"]
    ) -> tuple[Bool[Tensor, " n"], tuple[Int64[Tensor, " here"], Int64[Tensor, " here"]]]:
        """Return which neurons (expert * width + index) this process holds, and their places in `outgoing`."""
        own = own_share(torch.arange(self.width), self.outgoing.shape[1], self.module)
        expert, index = neurons // self.width, neurons % self.width
        here = torch.isin(index, own)
        return here, (expert[here], index[here] - own[0])

    @abstractmethod
    def neurons(self, inputs: Float[Tensor, "n hidden"], expert: int) -> Float[Tensor, "n share"]:
        """Compute one expert's neurons, or this process's share of them."""

    @abstractmethod
    def routed(self, arguments: tuple[Tensor, ...], rows: Int64[Tensor, " tokens"]) -> Routed:
        """Return from the container's arguments the routing of some rows, and the experts' inputs."""

    def output(
        self, routing: Routing, inputs: Float[Tensor, "tokens chosen hidden"]
    ) -> Float[Tensor, "tokens hidden"]:
        """Compute the container's output from the neurons."""
        written = torch.zeros_like(inputs)
        values, outgoing = self.activations(routing, inputs), self.outgoing
        for expert, token, choice in self._dispatched(routing):
            written[token, choice] = self.finished(values[token, choice] @ outgoing[expert], expert)
        identity = (routing.experts >= self.count)[..., None]
        written = torch.where(identity, inputs, written)
        return (written * routing.weights[..., None]).sum(1).to(inputs.dtype)

    def finished(self, written: Float[Tensor, "n hidden"], expert: int) -> Float[Tensor, "n hidden"]:
        """Apply to an expert's output the bias and the norm that follow its weights."""
        return written

    def of_rows(self, output: Tensor, rows: Int64[Tensor, " tokens"]) -> Float[Tensor, "tokens hidden"]:
        """Return some tokens of the container's own output."""
        return output.reshape(-1, output.shape[-1])[rows.to(output.device)]

    def activations(
        self, routing: Routing, inputs: Float[Tensor, "tokens chosen hidden"]
    ) -> Float[Tensor, "tokens chosen share"]:
        """Compute the neurons of the chosen experts; zero for experts without neurons."""
        values = inputs.new_zeros(*routing.experts.shape, self.outgoing.shape[1])
        for expert, token, choice in self._dispatched(routing):
            values[token, choice] = self.neurons(inputs[token, choice], expert)
        return values

    def _dispatched(self, routing: Routing) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the chosen experts that have neurons, with the (token, choice) places that chose them."""
        for expert in sorted(set(routing.experts.flatten().tolist())):
            if expert < self.count:
                yield expert, *torch.where(routing.experts == expert)


class _FusedExperts(Experts):
    """`gate_up_proj` or `up_proj`, and `down_proj`, each one 3-D parameter: almost every model."""

    @staticmethod
    def describes(module: nn.Module) -> bool:
        return _has_fused(module) and _arguments(module) >= 3  # tokens, chosen experts, their weights

    @property
    def written(self) -> Tensor:
        down: Tensor = self.module.down_proj
        return down if self._transposed else down.transpose(1, 2)

    def neurons(self, inputs: Tensor, expert: int) -> Tensor:
        name = "gate_up_proj" if hasattr(self.module, "gate_up_proj") else "up_proj"
        weight = local_part(getattr(self.module, name))[expert]
        bias = getattr(self.module, f"{name}_bias", None)
        up = functional.linear(inputs, weight.T if self._transposed else weight)
        up = up if bias is None else up + bias[expert]
        if name == "up_proj":
            return self.module.act_fn(up)  # type: ignore[no-any-return]
        if hasattr(self.module, "_apply_gate"):
            return self.module._apply_gate(up)  # type: ignore[no-any-return]
        gate, up = up.chunk(2, dim=-1)
        return self.module.act_fn(gate) * up  # type: ignore[no-any-return]

    def finished(self, written: Tensor, expert: int) -> Tensor:
        bias = getattr(self.module, "down_proj_bias", None)  # GPT-OSS
        written = written if bias is None else written + bias[expert]
        norm = getattr(self.module, "post_expert_norm", None)
        return written if norm is None else norm(written)

    def routed(self, arguments: tuple[Tensor, ...], rows: Tensor) -> Routed:
        hidden, experts, weights = arguments[:3]
        routing = Routing(experts[rows], weights[rows])
        return routing, _for_each(hidden, rows, experts.shape[-1])

    @property
    def _transposed(self) -> bool:
        """Return whether weights are (in, out), from the module's own attribute or from the shapes."""
        if hasattr(self.module, "is_transposed"):
            return bool(self.module.is_transposed)
        up = getattr(self.module, "gate_up_proj", getattr(self.module, "up_proj", None))
        return bool(up.shape[2] != self.module.down_proj.shape[1])  # type: ignore[union-attr]


class _ScoredInputExperts(_FusedExperts):
    """Llama 4: every expert computes every token; the router's score, mostly 0, scales the input."""

    @staticmethod
    def describes(module: nn.Module) -> bool:
        return _has_fused(module) and _arguments(module) == 1  # tokens

    def routed(self, arguments: tuple[Tensor, ...], rows: Tensor) -> Routed:
        hidden = arguments[0]
        by_expert = hidden.reshape(self.count, -1, hidden.shape[-1])[:, rows].transpose(0, 1)
        chosen = by_expert.abs().amax(-1)  # (tokens, experts), 0 where not chosen
        most = max(int((chosen > 0).sum(-1).max()), 1)
        experts = chosen.topk(most, dim=-1).indices
        inputs = by_expert.gather(1, experts[..., None].expand(-1, -1, hidden.shape[-1]))
        return Routing(experts, torch.ones_like(inputs[..., 0])), inputs

    def of_rows(self, output: Tensor, rows: Tensor) -> Tensor:
        # the container returns the outputs of its experts as consecutive rows
        return output.view(self.count, -1, output.shape[-1]).sum(0)[rows.to(output.device)]


class _SharedExperts(_FusedExperts):
    """Inkling's shared experts: every token goes to all of them, weighted by the router.

    The weight multiplies the neurons before the projection, so a neuron is read without it.
    """

    @staticmethod
    def describes(module: nn.Module) -> bool:
        return _has_fused(module) and _arguments(module) == 2  # tokens, one weight for each expert

    def neurons(self, inputs: Tensor, expert: int) -> Tensor:
        gate = functional.linear(inputs, local_part(self.module.gate_proj)[expert])
        up = functional.linear(inputs, local_part(self.module.up_proj)[expert])
        return self.module.act_fn(gate) * up  # type: ignore[no-any-return]

    def routed(self, arguments: tuple[Tensor, ...], rows: Tensor) -> Routed:
        hidden, weights = arguments[:2]
        inputs = _for_each(hidden, rows, self.count)
        every = torch.arange(self.count, device=inputs.device).expand(len(inputs), -1)
        return Routing(every, weights.reshape(-1, self.count)[rows]), inputs


class _FlatExperts(Experts):
    """DBRX: `w1`, `v1` and `w2` of all experts stacked as rows of 2-D parameters of a child."""

    @staticmethod
    def describes(module: nn.Module) -> bool:
        child = getattr(module, "mlp", None)
        return isinstance(child, nn.Module) and all(hasattr(child, name) for name in ("w1", "v1", "w2"))

    @property
    def written(self) -> Tensor:
        return self._by_expert("w2")

    def neurons(self, inputs: Tensor, expert: int) -> Tensor:
        gate = functional.linear(inputs, self._by_expert("w1")[expert])
        up = functional.linear(inputs, self._by_expert("v1")[expert])
        return self.module.mlp.activation_fn(gate) * up  # type: ignore[no-any-return]

    routed = _FusedExperts.routed

    def _by_expert(self, name: str) -> Tensor:
        flat: Tensor = getattr(self.module.mlp, name)
        return flat.view(self.module.num_experts, -1, flat.shape[-1])


class _ParallelExperts(Experts):
    """JetMoE: `input_linear` and `output_linear` modules with 3-D weights, tokens sorted by expert."""

    @staticmethod
    def describes(module: nn.Module) -> bool:
        linear = [getattr(module, name, None) for name in ("input_linear", "output_linear", "router")]
        return all(isinstance(child, nn.Module) for child in linear) and hasattr(linear[1], "num_experts")

    @property
    def written(self) -> Tensor:
        weight: Tensor = self.module.output_linear.weight
        return weight.transpose(1, 2)

    def neurons(self, inputs: Tensor, expert: int) -> Tensor:
        gate, up = functional.linear(inputs, self.module.input_linear.weight[expert]).chunk(2, dim=-1)
        return self.module.activation(gate) * up  # type: ignore[no-any-return]

    def output(self, routing: Routing, inputs: Tensor) -> Tensor:
        return super().output(routing, inputs) + self.module.bias  # type: ignore[no-any-return]

    def routed(self, arguments: tuple[Tensor, ...], rows: Tensor) -> Routed:
        # the router is run once more: it decides token by token
        inputs = _for_each(arguments[0], rows, self.module.router.top_k)
        logits = self.module.router.layer(inputs[:, 0]).float()
        values, experts = logits.topk(self.module.router.top_k, dim=-1)
        return Routing(experts, values.softmax(-1).type_as(inputs)), inputs


LAYOUTS = (_FusedExperts, _ScoredInputExperts, _SharedExperts, _FlatExperts, _ParallelExperts)


def _for_each(hidden: Tensor, rows: Tensor, choices: int) -> Float[Tensor, "tokens chosen hidden"]:
    """Return some tokens, repeated for each chosen expert."""
    return hidden.reshape(-1, hidden.shape[-1])[rows][:, None].expand(-1, choices, -1)


def experts_of(module: nn.Module) -> Experts | None:
    """Return access to a container of experts, or None if the module is none.

    Raises:
        UnsupportedModel: Its parameters are quantised, so that a slice is not a neuron's weights,
            or some experts are in other processes.
    """
    layout = next((layout for layout in LAYOUTS if layout.describes(module)), None)
    if layout is None:
        return None
    stacks = [stack for stack in module.parameters() if stack.dim() == 3]
    packed = [stack for stack in stacks if type(stack) not in (Tensor, nn.Parameter, DTensor)]
    if packed:
        # a quantised tensor may pretend to be a float, and lose what is written into a view of it
        raise _quantized(module, f"parameters of type {type(packed[0]).__name__}")
    experts = layout(module)
    weight = experts.written
    if len(experts.outgoing) != experts.count:
        raise UnsupportedModel(
            f"the experts of {type(module).__name__} are spread over processes",
            found=f"{len(experts.outgoing)} of {experts.count} experts",
            do="load the model without expert parallelism; tensor parallelism splits each expert",
        )
    if not weight.is_floating_point() or weight.itemsize < 2:
        raise _quantized(module, f"parameters of type {weight.dtype}")
    return experts


def _quantized(module: nn.Module, found: str) -> UnsupportedModel:
    return UnsupportedModel(
        f"the experts of {type(module).__name__} are quantised",
        found=found,
        expected="float32, bfloat16 or float16 parameters",
        do="load the model with dequantize=True",
    )


def experts_at(module: nn.Module) -> Experts:
    """Return access to a module that the layout says is a container of experts.

    Raises:
        UnsupportedModel: It is none, or a quantised one.
    """
    experts = experts_of(module)
    if experts is None:
        raise UnsupportedModel(f"{type(module).__name__} is not a container of experts")
    return experts


def _arguments(module: nn.Module) -> int:
    """Count the arguments of a container; tensor parallelism and accelerate replace the bound method."""
    return len(inspect.signature(type(module).forward).parameters) - 1  # self


def _has_fused(module: nn.Module) -> bool:
    parameters = module._parameters
    down = parameters.get("down_proj")
    up = parameters.get("gate_up_proj", parameters.get("up_proj"))
    return down is not None and up is not None and down.dim() == 3
