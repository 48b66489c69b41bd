"""The table of architectures: it lists what the tests know, and the checks behind it hold."""

import re
from pathlib import Path

import pytest

from architecture_checks import NAMES, examine, refusal
from architectures import ARCHITECTURES, REFUSED
from wrappers import NOT_TEXT_ALONE, WRAPPERS

TABLE = Path(__file__).parents[1] / "docs" / "architectures.md"
# Checked in everyday work too: one dense, one with fused experts, one without attention
SOME = ["gpt2", "qwen3_moe", "rwkv"]
EVERY = [*ARCHITECTURES, *WRAPPERS]

# PEFT asks transformers for an attribute by its old name
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")


def test_the_table_lists_every_architecture_and_none_fails() -> None:
    rows = re.findall(r"^\| ([^|]+?) \|(.*)$", TABLE.read_text(), re.MULTILINE)
    listed = {name: cells for name, cells in rows if name not in ("model type", "---")}

    assert set(listed) == set(NAMES)
    assert [name for name in EVERY if re.search(r"\bNO\b|FAILED", listed[name])] == []
    assert len({name.partition("/")[0] for name in NAMES}) >= 115


@pytest.mark.parametrize("name", SOME)
def test_an_architecture_is_read_scaled_and_restored_exactly(name: str) -> None:
    assert examine(name).holds


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in EVERY if name not in SOME])
def test_every_other_architecture_too(name: str) -> None:
    assert examine(name).holds


@pytest.mark.parametrize("name", [*REFUSED, *NOT_TEXT_ALONE])
def test_what_cannot_be_read_is_refused_for_the_stated_reason(name: str) -> None:
    assert refusal(name)
