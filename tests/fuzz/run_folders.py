"""Damaged folders of experiments, through the report, the readers of each file, and a continuation."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from circuit_folders import quietly
from experiments import tiny_settings
from mutators import (
    SECRET,
    changed_bytes,
    changed_json,
    changed_kind,
    changed_rows,
    changed_tensors,
    changed_text,
)

from neuroswitch.circuits import find_facts
from neuroswitch.cli.experiments import report_command
from neuroswitch.experiment import run_experiment
from neuroswitch.experiment.folder import read_facts, read_settings
from neuroswitch.models import load_model
from neuroswitch.records import read_answers, read_measured
from neuroswitch.summary import read_summary

CONTINUED = 20
"""One case in so many is also continued, which takes longest."""


class RunFolders:
    """The folder of a small experiment on a tiny model."""

    name = "run folders"

    def __init__(self, workspace: Path) -> None:
        self.outside = workspace / "outside.txt"
        self.outside.write_text(SECRET)
        self.settings = tiny_settings(workspace)
        self.source = workspace / "run"
        run_experiment(self.settings, self.source)
        self.model = load_model(self.settings.models[0])
        self.continued = False

    def intact(self, rng: random.Random, folder: Path) -> None:
        shutil.copytree(self.source, folder, dirs_exist_ok=True)
        self.continued = True

    def damage(self, rng: random.Random, folder: Path) -> str:
        self.intact(rng, folder)
        self.continued = rng.randrange(CONTINUED) == 0
        files = sorted(
            path for path in folder.rglob("*") if path.suffix in (".json", ".jsonl", ".safetensors")
        )
        top = [path for path in files if path.parent == folder]
        path = rng.choice(top if rng.random() < 0.8 else files)
        name, how = path.relative_to(folder), rng.choice(["kind", "text", "bytes", *["content"] * 5])
        if how == "kind":
            return f"{name}: {changed_kind(rng, path, self.outside)}"
        content = {".json": changed_json, ".jsonl": changed_rows, ".safetensors": changed_tensors}[
            path.suffix
        ]
        change = {"text": changed_text, "bytes": changed_bytes}.get(how, content)
        path.write_bytes(change(rng, path.read_bytes()))
        return f"{name}: {how}"

    def readers(self, folder: Path) -> dict[str, Callable[[], Any]]:
        readers: dict[str, Callable[[], Any]] = {
            "settings": lambda: read_settings(folder),
            "facts": lambda: read_facts(folder),
            "answers": lambda: list(read_answers(folder)),
            "measured": lambda: list(read_measured(folder)),
            "summary": lambda: read_summary(folder / "summary.json"),
            "find_facts": lambda: find_facts(folder / "methods" / "cna"),
            "report": lambda: self._report(folder),
        }
        if self.continued:
            readers["run again"] = lambda: self._continue(folder)
        return readers

    def check(self, reader: str, folder: Path, result: Any) -> None:
        for path in folder.rglob("*.html"):
            assert SECRET not in path.read_text()

    def _report(self, folder: Path) -> None:
        with quietly(self.model):
            report_command(folder)

    def _continue(self, folder: Path) -> None:
        with (
            patch("neuroswitch.experiment.models.load_model", lambda *_, **__: self.model),
            quietly(self.model),
        ):
            run_experiment(self.settings, folder)
