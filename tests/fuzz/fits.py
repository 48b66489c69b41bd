"""Damaged and forged fits of methods, read back for the model that they belong to."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mutators import SECRET, changed_bytes, changed_json, changed_kind, changed_tensors, changed_text

from neuroswitch.activations import layer_paths
from neuroswitch.methods import get_method
from neuroswitch.methods.caa import _add
from neuroswitch.methods.direction import projection
from neuroswitch.methods.fitted import FittedChange, identity
from neuroswitch.methods.prompt import _fitted
from neuroswitch.storage import signed
from tiny import tiny_llama

DESCRIPTION, TENSORS = "method.json", "method.safetensors"
IDS = torch.tensor([[1, 20, 30]])


class Fits:
    """An addition, a direction and a system prompt, fitted to a tiny model."""

    name = "fits"

    def __init__(self, workspace: Path) -> None:
        self.outside = workspace / "outside.txt"
        self.outside.write_text(SECRET)
        self.model = model = tiny_llama()
        generator = torch.Generator().manual_seed(0)
        width, paths = model.module.config.hidden_size, layer_paths(model)[:2]
        vectors = torch.randn(2, width, generator=generator)
        direction = torch.randn(width, generator=generator)
        made = (
            FittedChange("caa", "adds", identity(model), _add, {"vectors": vectors}, {"paths": list(paths)}),
            projection(model, direction / direction.norm(), "direction", "projects"),
            _fitted("be brief", identity(model)),
        )
        self.fits = {one.method: one for one in made}
        for method, one in self.fits.items():
            one.save(workspace / method)
        self.workspace = workspace

    def intact(self, rng: random.Random, folder: Path) -> str:
        method = rng.choice(sorted(self.fits))
        for path in (self.workspace / method).iterdir():
            shutil.copyfile(path, folder / path.name)
        (folder.parent / "method").write_text(method)
        return method

    def damage(self, rng: random.Random, folder: Path) -> str:
        method = self.intact(rng, folder)
        path = folder / rng.choice([DESCRIPTION, DESCRIPTION, TENSORS])
        how = rng.choice(["kind", "text", "bytes", "content", "content", "content", "content", "content"])
        if how == "kind":
            return f"{method} {path.name}: {changed_kind(rng, path, self.outside)}"
        changes = {"text": changed_text, "bytes": changed_bytes}
        content = changed_tensors if path.name == TENSORS else changed_json
        path.write_bytes(changes.get(how, content)(rng, path.read_bytes()))
        if how == "content" and rng.random() < 0.7:
            sign_again(folder)
            how = "forged"
        return f"{method} {path.name}: {how}"

    def readers(self, folder: Path) -> dict[str, Callable[[], Any]]:
        method = (folder.parent / "method").read_text()

        def use() -> None:
            fitted = get_method(method).load(folder, self.model)
            with fitted.at(0.5).applied(self.model), torch.inference_mode():
                assert self.model.module(input_ids=IDS).logits.isfinite().all()

        return {"load": lambda: get_method(method).load(folder, self.model), "load and apply": use}

    def check(self, reader: str, folder: Path, result: Any) -> None:
        if result is None:
            return
        said, original = json.loads((folder / DESCRIPTION).read_bytes()), self.fits[result.method]
        content = (folder / TENSORS).read_bytes()
        assert hashlib.sha256(content).hexdigest() == said["tensors_sha256"]
        assert said == signed({name: value for name, value in said.items() if name != "sha256"})
        assert SECRET not in result.description
        if (folder.parent / "forged").exists():
            return
        assert result.settings == original.settings and result.description == original.description
        assert all(torch.equal(values, original.tensors[name]) for name, values in result.tensors.items())


def sign_again(folder: Path) -> None:
    """Make all digests of a fit right again; nothing where that cannot be done."""
    path = folder / DESCRIPTION
    try:
        said = json.loads(path.read_bytes())
        said["tensors_sha256"] = hashlib.sha256((folder / TENSORS).read_bytes()).hexdigest()
        del said["sha256"]
        path.write_text(json.dumps(signed(said)))
        (folder.parent / "forged").touch()
    except (OSError, ValueError, KeyError, TypeError):
        return
