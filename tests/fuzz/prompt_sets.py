"""Damaged prompt files, JSONL and CSV, read as contrast sets and as prompts without labels."""

import csv
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mutators import SECRET, changed_bytes, changed_kind, changed_rows, changed_text

from neuroswitch.prompts import ContrastSet, Prompt, read_prompts
from sets import write_contrast


class PromptSets:
    """One contrast set in both formats."""

    name = "prompt files"

    def __init__(self, workspace: Path) -> None:
        self.outside = workspace / "outside.txt"
        self.outside.write_text(SECRET)
        lines = write_contrast(workspace / "a.jsonl")
        rows = [json.loads(line) for line in lines.read_text().splitlines()]
        with (workspace / "a.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        self.files = {name: (workspace / name).read_bytes() for name in ("a.jsonl", "a.csv")}

    def intact(self, rng: random.Random, folder: Path) -> Path:
        name = rng.choice(sorted(self.files))
        (folder / name).write_bytes(self.files[name])
        return folder / name

    def damage(self, rng: random.Random, folder: Path) -> str:
        path = self.intact(rng, folder)
        how = rng.choice(["kind", "text", "bytes", "rows", "rows", "rows", "rows"])
        if how == "kind":
            # a link to a file of prompts is fine: the user named it
            return f"{path.name}: {changed_kind(rng, path, self.outside)}"
        change = {"text": changed_text, "bytes": changed_bytes, "rows": changed_rows}[how]
        path.write_bytes(change(rng, path.read_bytes()))
        return f"{path.name}: {how}"

    def readers(self, folder: Path) -> dict[str, Callable[[], Any]]:
        path = folder / (
            "a.jsonl" if (folder / "a.jsonl").is_symlink() or (folder / "a.jsonl").exists() else "a.csv"
        )
        return {
            "ContrastSet.read": lambda: ContrastSet.read(path),
            "read_prompts": lambda: read_prompts(path),
        }

    def check(self, reader: str, folder: Path, result: Any) -> None:
        prompts = result if reader == "read_prompts" else [one for pile in result.discovery for one in pile]
        assert prompts and all(isinstance(one, Prompt) and one.text.strip() and one.id for one in prompts)
        json.dumps([one.text for one in prompts], ensure_ascii=False).encode()  # can be written
