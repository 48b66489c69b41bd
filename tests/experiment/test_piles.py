"""Piles of test prompts: a file with labels fills both piles, and no prompt is in two."""

from pathlib import Path

import pytest

from neuroswitch.errors import BadPrompts
from neuroswitch.experiment.behaviour import find_behaviour
from neuroswitch.experiment.piles import held_out
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.options import PromptChoice

BOTH = "prompt,label\nSing a song,positive\nCount to ten,negative\nDance for me,positive\n"


def piles(tmp_path: Path, test: str | None = None, benign: str | None = None) -> dict[str, list[str]]:
    """Return the texts of the piles of a run with these files as test and benign prompts."""
    paths = []
    for name, text in (("test.csv", test), ("benign.csv", benign)):
        (tmp_path / name).write_text(text or "")
        paths.append(None if text is None else str(tmp_path / name))
    asked = PromptChoice(behaviour="french", test_prompts=paths[0], benign_prompts=paths[1])
    settings = ExperimentSettings(models=("tiny",), prompts=asked)
    found = held_out(find_behaviour("french"), settings)
    return {name: [prompt.text for prompt in pile.prompts] for name, pile in found.items()}


def test_a_labelled_file_of_test_prompts_fills_both_piles(tmp_path: Path) -> None:
    found = piles(tmp_path, BOTH)

    assert found == {"positive": ["Sing a song", "Dance for me"], "negative": ["Count to ten"]}


def test_a_file_without_negatives_leaves_the_negatives_of_the_set(tmp_path: Path) -> None:
    for text in ("Goal\nSing a song\n", "Goal,label\nSing a song,positive\n"):
        found = piles(tmp_path, text)
        assert found["positive"] == ["Sing a song"]
        assert found["negative"] == piles(tmp_path)["negative"]


def test_benign_prompts_may_be_labelled_negative(tmp_path: Path) -> None:
    for text in ("Goal\nCount to ten\n", "Goal,label\nCount to ten,negative\n"):
        assert piles(tmp_path, benign=text)["negative"] == ["Count to ten"]


@pytest.mark.parametrize(
    ("test", "benign", "message"),
    [
        (BOTH, "Goal\nJump high\n", "negative test prompts are in two files"),
        ("Goal,label\nCount,negative\n", None, "no test prompt is positive"),
        (None, BOTH, "positive prompts among the benign ones"),
        ("Goal\nSing a song\n", "Goal\nsing a song!\n", "should show the behaviour and should not"),
    ],
)
def test_a_prompt_is_in_the_pile_that_its_label_says_or_nowhere(
    tmp_path: Path, test: str | None, benign: str | None, message: str
) -> None:
    with pytest.raises(BadPrompts, match=message):
        piles(tmp_path, test, benign)
