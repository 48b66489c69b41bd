"""Export a circuit of every tiny architecture as weights and as LoRA, and compare with the hook.

Prints a row for each that is not exact; a form may be refused, but must never give other logits.

    python benchmarks/exports.py
"""

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "circuits")]

import torch  # noqa: E402
from peft import PeftModel  # noqa: E402
from steered import circuit_of, hooked_logits, log_probability_gap, logits, saved_model  # noqa: E402

from architectures import ARCHITECTURES  # noqa: E402
from neuroswitch.circuits import export  # noqa: E402
from neuroswitch.errors import NeuroswitchError  # noqa: E402
from neuroswitch.models import LanguageModel, load_model  # noqa: E402
from wrappers import WRAPPERS  # noqa: E402

MULTIPLIER = 1.7
ROUNDING = 1e-4
NEURONS = 20


def chosen(model: LanguageModel, form: str) -> list[int]:
    """Draw neurons; those of experts only where the form can hold them, or there are no others."""
    kinds = {site.kind for site in model.layout.sites}
    pool = [
        torch.arange(model.layout.span(place).start, model.layout.span(place).stop)
        for place, site in enumerate(model.layout.sites)
        if form == "weights" or site.kind == "dense" or kinds == {"experts"}
    ]
    every = torch.cat(pool)
    return every[torch.randperm(len(every), generator=torch.Generator().manual_seed(0))[:NEURONS]].tolist()


def compared(name: str, form: str, folder: Path) -> str:
    """Export, load with nothing of ours but the loader, and say how far the logits are from the hook's."""
    base = folder / "base"
    model = load_model(base)
    circuit = circuit_of(model, chosen(model, form))
    expected = hooked_logits(model, circuit, 1 - MULTIPLIER)
    try:
        written = export(circuit, base, form, folder / form, strength=1 - MULTIPLIER)
    except NeuroswitchError as error:
        return f"refused: {error.what}"
    module = load_model(written if form == "weights" else base).module
    found = logits(module if form == "weights" else PeftModel.from_pretrained(module, written).eval())
    gap = log_probability_gap(found, expected)
    return "exact" if gap < ROUNDING else f"WRONG: log-probabilities differ by {gap:.1e}"


def main() -> int:
    """Compare all."""
    print("| model type | form | result |\n|---|---|---|")
    counts: dict[str, int] = {}
    for name in sorted({**ARCHITECTURES, **WRAPPERS}):
        with tempfile.TemporaryDirectory() as place:
            try:
                saved_model(name, Path(place) / "base")
            except NeuroswitchError as error:
                print(f"| {name} | - | refused: {error.what} |", flush=True)
                continue
            for form in ("weights", "lora"):
                result = compared(name, form, Path(place))
                counts[result.partition(":")[0]] = counts.get(result.partition(":")[0], 0) + 1
                if result != "exact":
                    print(f"| {name} | {form} | {result} |", flush=True)
    print("\n" + ", ".join(f"{count} {result}" for result, count in sorted(counts.items())))
    return 1 if "WRONG" in counts else 0


if __name__ == "__main__":
    sys.exit(main())
