"""What must hold of every architecture, measured on its tiny model: one row of docs/architectures.md each."""

import copy
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PeftModel
from torch import Tensor

from architectures import ARCHITECTURES, REFUSED
from naive import naive_answer
from neuroswitch.activations.changes import scaled_neurons
from neuroswitch.activations.reading import Activations, read_last_token
from neuroswitch.answering.generation import STAGE, Decoding, end_tokens, generate_tokens
from neuroswitch.batching.prefix import compute_prefix
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.errors import UnsupportedModel
from neuroswitch.models.handle import LanguageModel
from neuroswitch.provenance import Provenance
from neuroswitch.sites.experts import experts_at
from neuroswitch.sites.finding import find_sites
from neuroswitch.sites.modules import plain_weight
from neuroswitch.sites.probe import probe
from tiny import tiny_model, tiny_module
from wrappers import NOT_TEXT_ALONE, WRAPPERS

PROMPTS = [[5, 6, 7, 8, 9, 10, 11], [20, 21], [33, 34, 35, 36]]
TEMPLATE = [40, 41, 42, 43, 44]
CHATS = [[*TEMPLATE, *prompt] for prompt in PROMPTS]
TOLERANCE = 1e-4
FLOAT32_INSIDE = frozenset({"inkling2_text", "xglm"})
"""Their own code makes float32 tensors or constants, so there is no float64 model: float32 is compared with."""


@dataclass(frozen=True)
class Row:
    """What was found; errors are relative to the largest value.

    Attributes:
        name: Model type, and variant.
        sites: Paths within a layer.
        experts: Number of experts, 0 without.
        neurons: Of the tiny model.
        read: Error of the neurons, read in a padded batch, against one prompt at a time through the
            whole model in float64, and of experts against what their container puts out.
        batch: Error of a batch against its prompts one by one, and of one whose shared beginning was computed once.
        identity: A multiplier of 1 changes no bit.
        scaled: Error of scaled logits against weights that were scaled by hand; None where layers share them.
        restored: After an exception logits and weights are bit for bit what they were.
        saved: A circuit is the same after being saved and read back.
        answers: Greedy answers in a batch, in stages and from a shared beginning are those of one prompt at a
            time without a cache; None where they are refused, because `generate` counts other positions.
        adapter: PEFT reads the folder of a circuit of dense sites as IA3, and its logits are those of the
            hook bit for bit; None where every neuron is an expert's.
    """

    name: str
    sites: tuple[str, ...]
    experts: int
    neurons: int
    read: float
    batch: float
    identity: bool
    scaled: float | None
    restored: bool
    saved: bool
    answers: bool | None
    adapter: bool | None

    @property
    def holds(self) -> bool:
        """Whether everything is as it must be."""
        exact = max(self.read, self.batch, self.scaled or 0.0) < TOLERANCE
        marks = (self.identity, self.restored, self.saved, self.answers, self.adapter)
        return exact and False not in marks


def examine(name: str) -> Row:
    """Check one entry of `ARCHITECTURES` or `WRAPPERS`."""
    model = tiny_model(name)
    read = read_last_token(model, PROMPTS)
    alone = torch.cat([read_last_token(model, [prompt]).neurons for prompt in PROMPTS])
    ids = torch.randperm(model.layout.size, generator=torch.Generator().manual_seed(0))[:24].sort().values
    relative = [site.path.removeprefix(f"{model.layers_path}.{site.layer}.") for site in model.layout.sites]
    return Row(
        name=name,
        sites=tuple(dict.fromkeys(relative)),
        experts=max((site.experts for site in model.layout.sites if site.kind == "experts"), default=0),
        neurons=model.layout.size,
        read=max(_dense_error(name, model, read), _experts_error(model, read)),
        batch=max(_error(read.neurons, alone), _prefix_error(model)),
        identity=_identity(model, ids),
        scaled=_scaled_error(name, model, ids),
        restored=_restored(model, ids),
        saved=_saved(model, ids),
        answers=_answers(name),
        adapter=_adapter(name, model),
    )


def refusal(name: str) -> str:
    """Return why a model type of `REFUSED` or `NOT_TEXT_ALONE` is refused, which must be what is expected."""
    module = tiny_module(name)
    try:
        probe(module, find_sites(module))
    except UnsupportedModel as error:
        assert {**REFUSED, **NOT_TEXT_ALONE}[name][1] in str(error)
        return error.what
    raise AssertionError(f"{name} is not refused")


@torch.no_grad()
def _dense_error(name: str, model: LanguageModel, read: Activations) -> float:
    """Read the input of every projection in a float64 copy, one prompt at a time, LM head and all."""
    wide = copy.deepcopy(model.module)
    if name not in FLOAT32_INSIDE:
        wide = wide.double()
        if any(site.kind == "experts" for site in model.layout.sites):
            wide.set_experts_implementation("eager")  # the grouped product has no float64
    seen: dict[str, Tensor] = {}
    for site in model.layout.sites:
        if site.kind == "dense":
            wide.get_submodule(site.path).register_forward_pre_hook(
                lambda module, arguments, path=site.path: seen.__setitem__(
                    path, arguments[0].reshape(-1, arguments[0].shape[-1])[-1]
                )
            )
    worst = 0.0
    for row, prompt in enumerate(PROMPTS):
        wide(input_ids=torch.tensor([prompt]), use_cache=False)
        for position, site in enumerate(model.layout.sites):
            if site.kind == "dense":
                found = read.neurons[row, model.layout.span(position)]
                worst = max(worst, _error(found, seen[site.path]))
    return worst


@torch.no_grad()
def _experts_error(model: LanguageModel, read: Activations) -> float:
    """Put the neurons that were read through the down projection, and compare with the container's output."""
    calls: dict[str, tuple[tuple[Tensor, ...], Tensor]] = {}
    hooks = [
        model.module.get_submodule(site.path).register_forward_hook(
            lambda module, arguments, named, output, path=site.path: calls.__setitem__(
                path, ((*arguments, *named.values()), output.clone())
            ),
            with_kwargs=True,
        )
        for site in model.layout.sites
        if site.kind == "experts"
    ]
    worst = 0.0
    for row, prompt in enumerate(PROMPTS if hooks else []):
        model.module(input_ids=torch.tensor([prompt]), use_cache=False)
        last = torch.tensor([len(prompt) - 1])
        for position, site in enumerate(model.layout.sites):
            if site.kind == "experts":
                arguments, output = calls[site.path]
                experts = experts_at(model.module.get_submodule(site.path))
                routing, inputs = experts.routed(arguments, last)
                neurons = read.neurons[row, model.layout.span(position)].view(site.experts, site.width)
                total = getattr(experts.module, "bias", None)
                total = torch.zeros(inputs.shape[-1]) if not isinstance(total, Tensor) else total.clone()
                for k, expert in enumerate(routing.experts[0].tolist()):
                    if expert < site.experts:
                        written = experts.finished((neurons[expert] @ experts.written[expert])[None], expert)[
                            0
                        ]
                    else:
                        written = inputs[0, k]
                    total += routing.weights[0, k] * written
                worst = max(worst, _error(total, experts.of_rows(output, last)[0]))
    for hook in hooks:
        hook.remove()
    return worst


def _prefix_error(model: LanguageModel) -> float:
    """Compute the beginning that prompts share once, and compare with prompts that are read whole, one by one."""
    shared = read_last_token(model, CHATS, compute_prefix(model, CHATS)).neurons
    return _error(shared, torch.cat([read_last_token(model, [chat]).neurons for chat in CHATS]))


def _answers(name: str) -> bool | None:
    """Answer prompts of several lengths in one batch, with a stage that ends in the middle."""
    # where attention chooses few tokens, random scores tie, and with a cache they tie differently
    sparse = "index_topk" in ARCHITECTURES.get(name, {})
    model = tiny_model(name, **({"index_topk": 64} if sparse else {}))
    chats = [*CHATS, *PROMPTS[1:]]
    try:
        for group in (CHATS, chats):
            found = generate_tokens(model, group, Decoding(max_new_tokens=STAGE + 3))
            if found != [naive_answer(model, row, STAGE + 3, end_tokens(model)) for row in group]:
                return False
    except UnsupportedModel as error:
        assert "does not continue a text" in str(error)
        return None
    return True


def _identity(model: LanguageModel, ids: Tensor) -> bool:
    before = _logits(model)
    with scaled_neurons(model, ids, torch.ones(len(ids))):
        return torch.equal(_logits(model), before)


@torch.no_grad()
def _scaled_error(name: str, model: LanguageModel, ids: Tensor) -> float | None:
    """Compare with a copy whose weights were scaled by hand."""
    if any(site.tied_to for site in model.layout.sites):
        return None
    twin = tiny_module(name)
    for position, local in model.layout.by_position(ids):
        site = model.layout.sites[position]
        module = twin.get_submodule(site.path)
        if site.kind == "dense":
            weight = plain_weight(module)
            assert weight is not None
            weight[:, local] *= 1.7
        else:
            written = experts_at(module).written
            for one in local.tolist():
                written[one // site.width, one % site.width] *= 1.7
    with scaled_neurons(model, ids, torch.full((len(ids),), 1.7)):
        found = _logits(model)
    return _error(found, _logits_of(twin))


def _restored(model: LanguageModel, ids: Tensor) -> bool:
    before = _logits(model)
    weights = {key: value.clone() for key, value in model.module.state_dict().items()}
    try:
        with scaled_neurons(model, ids, torch.zeros(len(ids))):
            changed = not torch.equal(_logits(model), before)
            raise InterruptedError
    except InterruptedError:
        pass
    after = model.module.state_dict()
    same = all(torch.equal(after[key], value) for key, value in weights.items())
    return changed and same and torch.equal(_logits(model), before)


def _saved(model: LanguageModel, ids: Tensor) -> bool:
    circuit = _circuit(model, ids)
    with tempfile.TemporaryDirectory() as folder:
        circuit.save(Path(folder) / "circuit")
        again = Circuit.load(Path(folder) / "circuit", model)
    return again.neurons() == circuit.neurons() and torch.equal(again.scores, circuit.scores)


def _adapter(name: str, model: LanguageModel) -> bool | None:
    """Give the folder of a circuit to PEFT and nothing else: the model, made again, must be steered by it."""
    spans = [model.layout.span(k) for k, site in enumerate(model.layout.sites) if site.kind == "dense"]
    if not spans:
        return None
    dense = torch.cat([torch.arange(span.start, span.stop) for span in spans])
    ids = dense[torch.randperm(len(dense), generator=torch.Generator().manual_seed(0))[:24]].sort().values
    plain = _logits(model)
    with scaled_neurons(model, ids, torch.full((len(ids),), 1.7)):
        hooked = _logits(model)
    with tempfile.TemporaryDirectory() as folder:
        _circuit(model, ids).save(Path(folder) / "circuit", strength=-0.7)
        adapted = PeftModel.from_pretrained(tiny_module(name), Path(folder) / "circuit").eval()
    # not to the bit: Jamba wrapped by PEFT was seen to differ by 1e-6, which is rounding
    return _error(_logits_of(adapted), hooked) < TOLERANCE < _error(plain, hooked)


def _circuit(model: LanguageModel, ids: Tensor) -> Circuit:
    identity = {"name": "tiny", "model_type": model.identity.model_type}
    identity["config_sha256"] = model.identity.config_sha256
    provenance = Provenance(model=identity, prompts_sha256="0" * 64, contrast="none", ranking="none")
    values = torch.linspace(-1, 1, len(ids))
    return Circuit(
        layout=model.layout,
        ids=ids,
        doses=torch.ones(len(ids)),
        scores=values,
        positive_mean=values,
        negative_mean=values,
        provenance=provenance,
    )


def _logits(model: LanguageModel) -> Tensor:
    return _logits_of(model.module)


@torch.no_grad()
def _logits_of(module: torch.nn.Module) -> Tensor:
    logits: Tensor = module(input_ids=torch.tensor([PROMPTS[0]]), use_cache=False).logits[0, -1]
    return logits


def _error(found: Tensor, expected: Tensor) -> float:
    scale = float(expected.abs().max()) + 1e-12
    return float((found.double() - expected.double()).abs().max()) / scale


NAMES = (*ARCHITECTURES, *WRAPPERS, *REFUSED, *NOT_TEXT_ALONE)
