"""Damaged prompt files, JSONL and CSV, read as contrast sets and as prompts without labels."""

import csv
import json
import random
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from mutators import SECRET, changed_bytes, changed_kind, changed_rows, changed_text

from neuroswitch.prompts import ContrastSet, Prompt, read_prompts
from sets import write_contrast


class PromptSets:
    """A contrast set, and its prompts without labels, both in both formats."""

    name = "prompt files"

    def __init__(self, workspace: Path) -> None:
        self.outside = workspace / "outside.txt"
        self.outside.write_text(SECRET)
        lines = write_contrast(workspace / "a.jsonl")
        rows = [json.loads(line) for line in lines.read_text().splitlines()]
        plain = [{"prompt": row["prompt"]} for row in rows]
        self.files = {
            f"{name}.{suffix}": write(found)
            for name, found in (("labelled", rows), ("plain", plain))
            for suffix, write in (("jsonl", _jsonl), ("csv", _csv))
        }

    def intact(self, rng: random.Random, folder: Path) -> Path:
        name = rng.choice(sorted(self.files))
        self.path = folder / name
        self.path.write_bytes(self.files[name])
        return self.path

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
        if self.path.stem == "plain":
            return {"read_prompts": lambda: read_prompts(self.path)}
        return {"ContrastSet.read": lambda: ContrastSet.read(self.path)}

    def check(self, reader: str, folder: Path, result: Any) -> None:
        prompts = result if reader == "read_prompts" else [one for pile in result.discovery for one in pile]
        assert prompts and all(isinstance(one, Prompt) and one.text.strip() and one.id for one in prompts)
        json.dumps([one.text for one in prompts], ensure_ascii=False).encode()  # can be written


def _jsonl(rows: Sequence[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _csv(rows: Sequence[dict[str, str]]) -> bytes:
    text = StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
