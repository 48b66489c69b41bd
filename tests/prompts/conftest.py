"""What the tests of prompts share: a writer of prompt files."""

import csv
import io
import json
from pathlib import Path

import pytest

from prompt_files import Rows, Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes rows to a file of the format its name says."""

    def file(name: str, rows: Rows) -> Path:
        path = tmp_path / name
        if path.suffix == ".jsonl":
            text = "".join(json.dumps(row) + "\n" for row in rows)
        else:
            buffer = io.StringIO()
            writer = csv.DictWriter(
                buffer, fieldnames=list(dict.fromkeys(key for row in rows for key in row))
            )
            writer.writeheader()
            writer.writerows(rows)
            text = buffer.getvalue()
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return file
