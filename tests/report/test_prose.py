"""Sentences say what the numbers say, and no more."""

from typing import Any

import example
import pytest

from neuroswitch.report import prose


def changed(**parts: Any) -> Any:
    """Return the summary of the example with some of its parts replaced."""
    return {**example.run()[0], **parts}


def with_p(p: float | None) -> Any:
    """Return the summary with another p-value."""
    return changed(tests={"steered": {"test": "McNemar, exact", "p": p}})


@pytest.mark.parametrize(
    ("p", "claim"),
    [
        (0.01, "lowers"),
        (0.05, "does not measurably change"),
        (0.9, "does not measurably change"),
        (None, "not tested"),
    ],
)
def test_the_answer_claims_no_more_than_its_test(p: float | None, claim: str) -> None:
    assert claim in prose.answer(with_p(p))


def test_the_answer_says_raises_when_the_rate_rises() -> None:
    summary = with_p(0.001)
    summary["baseline"], summary["steered"] = summary["steered"], summary["baseline"]
    assert " raises " in prose.answer(summary)


def test_other_multipliers_and_behaviours_are_named() -> None:
    summary = changed(behaviour="french")
    summary["circuit"]["multiplier"] = 2.0
    assert prose.answer(summary).startswith("Multiplying by 2 116 neurons")
    assert "the rate of “french”" in prose.answer(summary)
    assert "multiplied by 2" in prose.question(summary)


def rate(**values: Any) -> Any:
    """Return the example's baseline with some values replaced."""
    return {**example.run()[0]["baseline"], **values}


@pytest.mark.parametrize(
    ("parts", "caution"),
    [
        ({"warnings": ["the disk was nearly full"]}, "the disk was nearly full"),
        ({"baseline": rate(n=12)}, "Only 12 held-out prompts"),
        (
            {"steered": rate(labels={"degenerate": 32, "compliance": 32})},
            "50 % of the steered answers are degenerate",
        ),
        ({"steered": rate(quality=0.5)}, "quality falls by"),
        ({"random": rate(rate=0.2)}, "The random control lies outside"),
    ],
)
def test_weaknesses_are_found_and_said(parts: dict[str, Any], caution: str) -> None:
    said = " ".join(prose.cautions(changed(**parts), [])).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert caution in said


def test_a_sound_run_has_nothing_to_warn_of() -> None:
    quiet = rate(quality=1.0)
    assert (
        prose.cautions(changed(baseline=quiet, steered=rate(rate=0.1, quality=1.0), random=quiet), []) == []
    )


def test_unjudged_answers_are_counted_like_any_verdict() -> None:
    summary, rows = example.run()
    row = next(row for row in rows if row["condition"] == "steered" and row["label"] == "compliance")
    row["label"] = None
    labels = summary["steered"]["labels"]
    labels["compliance"] -= 1
    labels["unjudged"] = 1
    assert not [text for text in prose.cautions(summary, rows) if "add up" in text]


@pytest.mark.parametrize("behaviour", ["refusal", "french"])
def test_the_limits_name_how_long_answers_were(behaviour: str) -> None:
    assert any("cut off after 150 tokens" in limit for limit in prose.limits(changed(behaviour=behaviour)))
