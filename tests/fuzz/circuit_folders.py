"""Damaged and forged circuit folders, through every command and function that reads one."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from mutators import SECRET, changed_bytes, changed_json, changed_kind, changed_tensors, changed_text
from steered import saved_model, spread_circuit

from neuroswitch.circuits import Circuit, export, find_facts, own_prompts, pull, push
from neuroswitch.circuits.files import SIGNED, load_fingerprint
from neuroswitch.cli import console
from neuroswitch.cli.inspect import inspect_command
from neuroswitch.cli.sharing import export_command, pull_command, push_command
from neuroswitch.cli.verify import verify_command
from neuroswitch.integrations.serving import find_circuits
from neuroswitch.methods import get_method
from neuroswitch.models.handle import LanguageModel
from neuroswitch.storage import signed

DESCRIPTION, CARD = "circuit.json", "README.md"
EXPORTED = 10
"""One case in so many is also exported by the command, which reads the whole model each time."""


class CircuitFolders:
    """Circuit folders of a tiny model, one of them with a fingerprint and a card, one without evidence."""

    name = "circuit folders"

    def __init__(self, workspace: Path) -> None:
        self.outside = workspace / "outside.txt"
        self.outside.write_text(SECRET)
        self.base = workspace / "base"
        self.model = saved_model("llama", self.base)
        circuit = spread_circuit(self.model)
        circuit.save(workspace / "whole", model=self.model)
        push(workspace / "whole", workspace / "shelf")
        spread_circuit(self.model, 3, seed=1).save(workspace / "plain")
        self.sources = (workspace / "shelf", workspace / "shelf", workspace / "plain")
        self.originals = {path.name: Circuit.load(path) for path in self.sources}

    def intact(self, rng: random.Random, folder: Path) -> Path:
        source, self.exported = rng.choice(self.sources), True
        for path in source.iterdir():
            shutil.copyfile(path, folder / path.name)
        (folder.parent / "source").write_text(source.name)
        return source

    def damage(self, rng: random.Random, folder: Path) -> str:
        source = self.intact(rng, folder)
        self.exported = rng.randrange(EXPORTED) == 0
        name = rng.choice(
            [DESCRIPTION, DESCRIPTION, DESCRIPTION, *sorted(path.name for path in source.iterdir())]
        )
        path = folder / name
        how = rng.choice(["kind", "text", "bytes", "content", "content", "content", "content", "content"])
        if how == "kind":
            return f"{name}: {changed_kind(rng, path, self.outside)}"
        changes = {"text": changed_text, "bytes": changed_bytes}
        content = changed_tensors if name.endswith(".safetensors") else changed_json
        path.write_bytes(changes.get(how, content)(rng, path.read_bytes()))
        if how == "content" and rng.random() < 0.7:
            sign_again(folder)
            how = "forged"
        return f"{name}: {how}"

    def readers(self, folder: Path) -> dict[str, Callable[[], Any]]:
        out = folder.parent / "out"
        own = {
            "Circuit.load": lambda: Circuit.load(folder),
            "load for a model": lambda: Circuit.load(folder, self.model),
            "load_fingerprint": lambda: load_fingerprint(folder),
            "method cna": lambda: get_method("cna").load(folder, self.model),
            "own_prompts": lambda: own_prompts(folder),
            "find_facts": lambda: find_facts(folder),
            "find_circuits": lambda: find_circuits([folder]),
            "pull": lambda: pull(folder, out / "pulled"),
            "push": lambda: push(folder, out / "pushed"),
            "Circuit.pull": lambda: Circuit.pull(folder),
            "export": lambda: export(Circuit.load(folder), self.model, "lora", out / "lora"),
        }
        commands = {
            "inspect": lambda: inspect_command(folder),
            "inspect --model": lambda: inspect_command(folder, model="tiny", top=3),
            "verify": lambda: verify_command(folder, model="tiny"),
            "verify --json": lambda: verify_command(folder, model="tiny", weights_only=True, as_json=True),
            "export --to ia3": lambda: export_command(
                folder, model=str(self.base), to="ia3", output=out / "ia3"
            ),
            "pull --output": lambda: pull_command(str(folder), output=out / "pulled"),
            "push TARGET": lambda: push_command(folder, str(out / "pushed")),
        }
        if not self.exported:
            del commands["export --to ia3"]
        return own | {name: self._command(call) for name, call in commands.items()}

    def check(self, reader: str, folder: Path, result: Any) -> None:
        for path in (folder.parent / "out").rglob("*"):
            assert not path.is_symlink() and (path.is_dir() or SECRET.encode() not in path.read_bytes())
        if not isinstance(result, Circuit):
            return
        said = json.loads((folder / DESCRIPTION).read_bytes())
        for name, digest in said["files"].items():
            assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
        unsigned = {name for name in SIGNED if os.path.lexists(folder / name)} - said["files"].keys()
        assert not unsigned, unsigned
        assert said == signed({name: value for name, value in said.items() if name != "sha256"})
        if (folder.parent / "forged").exists():  # whoever signs anew may say anything that is consistent
            assert len(result) == said["neurons"]
            return
        original = self.originals[(folder.parent / "source").read_text()]
        assert result.layout == original.layout and result.provenance == original.provenance
        assert torch.equal(result.ids, original.ids) and torch.equal(result.doses, original.doses)
        assert all(
            torch.equal(values, original.evidence()[name]) for name, values in result.evidence().items()
        )

    def _command(self, call: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            with quietly(self.model):
                return call()

        return run


@contextmanager
def quietly(model: LanguageModel) -> Iterator[None]:
    """Let the commands of the block load `model`, whatever its name, and print to memory."""
    screen, screens = StringIO(), (console.console, console.errors)
    before = [one._file for one in screens]
    for one in screens:
        one.file = screen
    try:
        with (
            patch("neuroswitch.models.load_model", lambda *_, **__: model),
            patch("sys.stdout", screen),
            patch("sys.stderr", screen),
        ):
            yield
    finally:
        for one, file in zip(screens, before, strict=True):
            one._file = file  # None stands for whatever sys.stdout is by then


def sign_again(folder: Path) -> None:
    """Make all digests of a folder right again, as an attacker would; nothing where that cannot be done."""
    path = folder / DESCRIPTION
    try:
        said = json.loads(path.read_bytes())
        for name in said["files"]:
            said["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        del said["sha256"]
        path.write_text(json.dumps(signed(said)))
        (folder.parent / "forged").touch()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return
