"""The pages in a real browser: no complaint, no request, figures drawn, nothing cut off on a phone."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import summaries
from browser import Browser, browser, chromium

from neuroswitch.report import render_page

pytestmark = pytest.mark.slow

MADE = {"run": summaries.run, "comparison": summaries.comparison, "models": summaries.two_models}
PLOTS = {
    "run": ["rates-plot", "verdicts-plot", "layers-plot"],
    "comparison": [
        "pareto-plot",
        "matched-plot",
        "full-plot",
        "verdicts-plot",
        "behaviour-plot",
        "layers-plot",
    ],
    "models": ["rates-plot", "layers-plot", "verdicts-plot"],
}


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    """One tab for all tests here."""
    program = chromium()
    if program is None:
        missing = "Chromium is not installed (Debian, Ubuntu: apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    with browser(program) as opened:
        yield opened


@pytest.fixture(params=MADE)
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """One page of each kind."""
    path = tmp_path / f"{request.param}.html"
    path.write_text(render_page(*MADE[request.param]()))
    return path


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 360])
def test_a_page_is_quiet_drawn_and_fits(tab: Browser, page: Path, width: int, dark: bool) -> None:
    tab.show(width=width, dark=dark)
    tab.open(page)
    assert tab.complaints() == []
    assert tab.requests() == []
    assert tab.script("document.documentElement.scrollWidth") <= width
    background = tab.script("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") is not dark
    for name in PLOTS[page.stem]:
        marks = f"[...document.querySelectorAll('#{name} svg use, #{name} svg rect, #{name} svg circle')]"
        sizes = tab.script(
            f"{marks}.map(mark => mark.getBoundingClientRect()).map(box => box.width * box.height)"
        )
        assert sizes, f"nothing is drawn in {name}"
        assert sum(size > 1 for size in sizes) >= len(sizes) / 2


def test_answers_wait_for_a_click(tab: Browser, page: Path) -> None:
    tab.show(width=1200)
    tab.open(page)
    seen = "document.body.innerText.includes('First melt the butter')"
    assert tab.script(seen) is False
    if page.stem == "run":
        tab.script("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert tab.script(seen) is True


def test_a_page_prints(tab: Browser, page: Path) -> None:
    tab.show(width=1200, dark=True)
    tab.open(page)
    assert tab.pdf().startswith(b"%PDF")


def test_a_page_that_misbehaves_would_be_noticed(tab: Browser, tmp_path: Path) -> None:
    path = tmp_path / "bad.html"
    path.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.error('no'); missing()</script>")
    tab.open(path)
    assert tab.requests() == ["http://127.0.0.1:9/x.png"]
    assert len(tab.complaints()) >= 2


def test_the_page_itself_forbids_what_an_injected_text_would_try(tab: Browser, page: Path) -> None:
    evil = "<script>document.title = 'owned'</script><img src='http://127.0.0.1:9/x.png'>"
    page.write_text(page.read_text().replace("</main>", evil + "</main>"))
    tab.open(page)
    assert tab.script("document.title") != "owned"
    assert (
        tab.script("performance.getEntriesByType('resource').filter(one => one.transferSize > 0).length") == 0
    )
    assert any("Content Security Policy" in complaint for complaint in tab.complaints())
