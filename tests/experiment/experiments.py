"""Experiments on tiny models: settings for them, and how to look into their folders."""

from dataclasses import replace
from pathlib import Path

from neuroswitch.answering.generation import Decoding
from neuroswitch.experiment import CircuitChoice, ControlChoice, ExperimentSettings, PromptChoice
from neuroswitch.storage import read_jsonl
from neuroswitch.summary import Cell, Summary
from sets import write_contrast
from tiny import tiny_llama

ALWAYS, NEVER = "contains:(?s).*", "contains:zebra"


def tiny_settings(folder: Path, *, detector: str = ALWAYS, **more: object) -> ExperimentSettings:
    """Save a tiny model and a contrast set, and return settings that use them."""
    model = tiny_llama()
    model.module.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    base = ExperimentSettings(
        models=(str(folder / "model"),),
        prompts=PromptChoice(behaviour=str(write_contrast(folder / "asking.jsonl")), detector=detector),
        circuit=CircuitChoice(size=0.05),
        controls=ControlChoice(controls=2),
        decoding=Decoding(max_new_tokens=4, batch_size=3),
    )
    return replace(base, **more)


def cell_of(summary: Summary, method: str, strength: float = 0.0, model: str | None = None) -> Cell:
    """Return one row of a summary."""
    role = model or next(iter(summary.models))
    return next(
        cell for cell in summary.cells if (cell.model, cell.method, cell.strength) == (role, method, strength)
    )


def shown(folder: Path, condition: str, pile: str = "positive") -> dict[str, bool]:
    """Return prompt -> whether the answer shows the behaviour, from the rows."""
    rows = read_jsonl(folder / "results.jsonl")
    return {
        row["prompt_id"]: row["label"] == "present"
        for row in rows
        if (row["condition"], row["pile"]) == (condition, pile)
    }


def contents(folder: Path) -> dict[str, bytes]:
    """Read the files that equal experiments share byte by byte."""
    names = ("results.jsonl", "measured.jsonl", "summary.json")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
