"""A model of nobody's: a folder with Python code of its own, whose names and sizes no table knows."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from tiny import tiny_tokenizer

PATTERN = "brain.stack.{layer}.shrink"
WIDTH, DIM, LAYERS, TOKENS = 40, 24, 3, 128

CODE = """
import torch
from torch import nn
from transformers import GenerationMixin, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutput


class OddConfig(PreTrainedConfig):
    model_type = "odd"

    def __init__(self, breadth=40, dim=24, depth=3, vocab_size=128, **more):
        self.breadth, self.dim, self.depth = breadth, dim, depth
        super().__init__(vocab_size=vocab_size, **more)
        self.vocab_size, self.num_hidden_layers = vocab_size, depth  # generate() asks for both


class Step(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.widen = nn.Linear(config.dim, config.breadth)
        self.shrink = nn.Linear(config.breadth, config.dim)

    def forward(self, x, seen):
        mixed = (x * seen).cumsum(1) / seen.cumsum(1).clamp(min=1)
        return x + self.shrink(torch.tanh(self.widen(mixed)))


class Brain(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.dim)
        self.stack = nn.ModuleList(Step(config) for _ in range(config.depth))

    def forward(self, input_ids, attention_mask=None, use_cache=None):
        seen = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        x = self.words(input_ids)
        for step in self.stack:
            x = step(x, seen[..., None].to(x.dtype))
        return BaseModelOutput(last_hidden_state=x)


class OddForCausalLM(PreTrainedModel, GenerationMixin):
    config_class = OddConfig

    def __init__(self, config):
        super().__init__(config)
        self.brain = Brain(config)
        self.speak = nn.Linear(config.dim, config.vocab_size, bias=False)
        self.post_init()

    def forward(self, input_ids, attention_mask=None, use_cache=None, logits_to_keep=0, **more):
        x = self.brain(input_ids, attention_mask=attention_mask)[0]
        return CausalLMOutput(logits=self.speak(x[:, -logits_to_keep:] if logits_to_keep else x))

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **more):
        return {"input_ids": input_ids, "attention_mask": attention_mask}
"""


def write_odd_model(folder: Path) -> Path:
    """Write configuration, code, weights and tokenizer of the model."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "odd_code.py").write_text(CODE)
    config = {
        "model_type": "odd",
        "architectures": ["OddForCausalLM"],
        "auto_map": {"AutoConfig": "odd_code.OddConfig", "AutoModelForCausalLM": "odd_code.OddForCausalLM"},
        "breadth": WIDTH,
        "dim": DIM,
        "depth": LAYERS,
        "vocab_size": TOKENS,
        "eos_token_id": 2,
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    weights = {"brain.words.weight": torch.randn(TOKENS, DIM), "speak.weight": torch.randn(TOKENS, DIM)}
    for layer in range(LAYERS):
        for name, (wide, out) in {"widen": (DIM, WIDTH), "shrink": (WIDTH, DIM)}.items():
            linear = nn.Linear(wide, out)
            weights[f"brain.stack.{layer}.{name}.weight"] = linear.weight.detach() * 3
            weights[f"brain.stack.{layer}.{name}.bias"] = linear.bias.detach()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    tiny_tokenizer().save_pretrained(folder)
    return folder
