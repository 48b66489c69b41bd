"""The prompts that come with the library, read from its package data.

Contrast sets are `data/contrast/NAME.jsonl`: a new file is a new built-in set. The texts were
written for this library; none is taken from a benchmark.
"""

from importlib import resources
from pathlib import Path

from neuroswitch.errors import Prerequisite
from neuroswitch.prompts.prompt import Prompt
from neuroswitch.prompts.rows import Row, parse_rows, prompt_of


def builtin_names() -> list[str]:
    """List the contrast sets that come with the library."""
    files = (resources.files("neuroswitch") / "data" / "contrast").iterdir()
    return sorted(Path(file.name).stem for file in files if file.name.endswith(".jsonl"))


def builtin_rows(name: str) -> list[Row]:
    """Return the rows of a built-in contrast set.

    Raises:
        Prerequisite: There is no such set; the message lists those there are.
    """
    if name not in builtin_names():
        raise Prerequisite(
            f"there is no built-in contrast set called {name!r}",
            expected="one of " + ", ".join(builtin_names()),
            do="name one of them, or the path of a .jsonl or .csv file",
        )
    file = resources.files("neuroswitch") / "data" / "contrast" / f"{name}.jsonl"
    return parse_rows(file.read_text(encoding="utf-8"), file.name)


def diverse_prompts() -> tuple[Prompt, ...]:
    """Return ordinary prompts over many topics, forms and languages.

    For neurons that are active whatever is asked, and for benign checks.
    """
    file = resources.files("neuroswitch") / "data" / "diverse.jsonl"
    return tuple(prompt_of(row) for row in parse_rows(file.read_text(encoding="utf-8"), file.name))
