"""Colours can be told apart from what they stand on, in light and in dark."""

import re
from importlib import resources

import pytest

STYLE = resources.files("neuroswitch.report").joinpath("templates/style.css").read_text()
TEXT, MARKS = 4.5, 3.0  # WCAG 2.2, AA: 1.4.3 for text, 1.4.11 for what must be seen to understand a figure


def colours(scheme: str) -> dict[str, str]:
    """Return the variables of a colour scheme."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, flags=re.S)[:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    return found | (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", dark)) if scheme == "dark" else {})


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme: str) -> None:
    seen = colours(scheme)
    on_page = (
        "text",
        "soft",
        "baseline",
        "steered",
        "random",
        "amplified",
        *(f"m{index}" for index in range(1, 11)),
    )
    pairs = [(name, "page") for name in on_page]
    pairs += [(f"on-{name}", name) for name in ("refusal", "partial", "compliance", "degenerate")]
    pairs += [("text", "raised"), ("text", "mark"), ("text", "caution-page"), ("caution", "caution-page")]
    poor = {pair: contrast(seen[pair[0]], seen[pair[1]]) for pair in pairs}
    assert not {pair: ratio for pair, ratio in poor.items() if ratio < TEXT}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_neighbouring_verdicts_can_be_told_apart(scheme: str) -> None:
    # Segments are separated by a gap in the page's colour and labelled; each still has to stand out from it.
    seen = colours(scheme)
    assert contrast(seen["refusal"], seen["compliance"]) > 1.5
    assert all(
        contrast(seen[name], seen["page"]) > 1.5
        for name in ("refusal", "partial", "compliance", "degenerate")
    )


def test_dark_changes_every_colour_of_light() -> None:
    light, dark = colours("light"), colours("dark")
    same = {name for name in light if light[name] == dark[name]}
    assert same <= {"on-partial", "on-compliance", "on-degenerate", "on-refusal"}


def test_paper_is_light_whatever_the_screen_is() -> None:
    assert "@media screen and (prefers-color-scheme: dark)" in STYLE
    assert STYLE.count("prefers-color-scheme") == 1
