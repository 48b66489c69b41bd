"""Every example that a reader meets: Python is run, command lines are parsed.

The demo model is a tiny one here, found where the real one is kept, so the examples run as they are printed.
"""

import doctest
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import neuroswitch as ns
from doc_examples import LANGUAGES, ROOT, Docstring, blocks, commands, docstrings, links
from neuroswitch.cli import app as cli
from neuroswitch.detectors import DETECTORS
from tiny_demo import demo_folder, save_refusing_model

REFERENCE = "docs/reference/index.md"
BLOCKS = [block for block in blocks() if block.language == "python"]
EXAMPLES = docstrings()
OTHER_PROGRAMS = {"inspect", "vllm", "pip", ".venv/bin/pre-commit"}
"""Programs that are not ours: how they are called is not checked."""
RUN_ELSEWHERE = {"docs/extending.md": "tests/test_extending.py, installed as another package"}
WITHOUT_EXAMPLE = {"Completion", "NeuroswitchError"}


@dataclass(frozen=True)
class Page:
    """What a page of examples takes as given, and the files that it leaves."""

    given: Callable[[], object] = lambda: None
    leaves: tuple[str, ...] = ()
    slow: bool = False


def circuit_of_a_run() -> None:
    model, contrast = ns.load_model("demo"), ns.ContrastSet.builtin("refusal")
    ns.find_circuit(model, contrast, ranking="delta", size=5).save("runs/demo/methods/cna", model=model)


def two_checkpoints() -> None:
    save_refusing_model(Path("BASE"), seed=1)
    save_refusing_model(Path("INSTRUCT"), seed=2)


PAGES = {
    "README.md": Page(leaves=("refusal-circuit/circuit.json",)),
    "docs/compare-models.md": Page(two_checkpoints, ("runs/pair/report.html",), slow=True),
    "docs/exports.md": Page(
        circuit_of_a_run, ("refusal-off/adapter_config.json", "refusal-off-ia3/adapter_config.json")
    ),
    "docs/refusal-detection.md": Page(),
    REFERENCE: Page(),
}


@pytest.fixture(scope="module")
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache folder that has a tiny model for the demo model."""
    cache = tmp_path_factory.mktemp("cache")
    save_refusing_model(demo_folder(cache))
    return cache


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tiny_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEUROSWITCH_CACHE", str(tiny_cache))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _own_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the detectors that an example registers."""
    monkeypatch.setattr(DETECTORS, "_table", dict(DETECTORS._table))


def run_page(page: str) -> dict[str, object]:
    """Run the blocks of a page, one after the other in one namespace; return its names."""
    names: dict[str, object] = {"__name__": "example"}
    for block in BLOCKS:
        if block.page == page:
            padded = "\n" * block.line + block.text  # so that a traceback names the line of the page
            exec(compile(padded, page, "exec"), names)  # noqa: S102  our own page
    return names


def test_every_page_with_python_is_run() -> None:
    assert {block.page for block in BLOCKS} == set(PAGES) | set(RUN_ELSEWHERE)


@pytest.mark.parametrize(
    "page", [pytest.param(one, marks=[pytest.mark.slow] if PAGES[one].slow else []) for one in PAGES]
)
def test_the_python_of_a_page_runs(page: str) -> None:
    PAGES[page].given()

    run_page(page)

    assert [name for name in PAGES[page].leaves if not Path(name).exists()] == []


@pytest.fixture(scope="module")
def stage(tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, object]]:
    """Return the names that the examples of docstrings use, as the reference introduces them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEUROSWITCH_CACHE", str(tiny_cache))
        patch.chdir(tmp_path_factory.mktemp("stage"))
        yield run_page(REFERENCE)


@pytest.mark.usefixtures("_own_detectors")
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.owner.removeprefix("neuroswitch."))
def test_the_example_of_a_docstring_gives_what_it_says(
    example: Docstring, stage: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(example.module)
    names = {**vars(module), **stage}
    test = doctest.DocTestParser().get_doctest(
        example.text, names, example.owner, module.__file__, example.line
    )

    failed = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test).failed

    assert not failed, capsys.readouterr().out


def test_public_names_have_an_example_and_a_place_in_the_reference() -> None:
    shown = "".join(f"{one.owner}." for one in EXAMPLES)
    things = {name: getattr(ns, name) for name in ns.__all__ if name != "__version__"}
    without = {name for name, one in things.items() if f"{one.__module__}.{one.__qualname__}." not in shown}
    assert without == WITHOUT_EXAMPLE

    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs/reference").glob("*.md"))
    listed = set(re.findall(r"^::: neuroswitch\.(\w+)$", pages, re.MULTILINE))
    assert set(ns.__all__) - listed == {"__version__", "NeuroswitchError"}  # errors have a page of their own


def test_every_name_in_the_reference_exists() -> None:
    named = [
        name
        for page in sorted((ROOT / "docs/reference").glob("*.md"))
        for name in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    for name in named:
        package, _, last = name.rpartition(".")
        assert hasattr(import_module(package), last), name


def test_every_link_to_a_file_leads_to_one() -> None:
    assert [(page, str(target)) for page, target in links() if not target.exists()] == []


def test_every_block_says_what_language_it_is() -> None:
    assert [block[:3] for block in blocks() if block.language not in LANGUAGES] == []


@pytest.mark.parametrize(("where", "line"), commands(), ids=lambda one: one.replace("/", "|")[:60])
def test_a_command_line_is_one_that_exists(where: str, line: str) -> None:
    words = shlex.split(line.replace("...", " "), comments=True)
    called = next((i for i, word in enumerate(words) if word == "neuroswitch"), None)
    if called is not None and words[called - 1 : called] in ([], ["-m"], ["--module"]):
        check_ours(words[called + 1 :])
    elif words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), where
    elif words[:2] == ["python", "-m"]:
        assert find_spec(words[2]), where
    elif Path(words[0]).name == "python":
        assert (ROOT / words[1]).is_file(), where
    else:
        assert words[0] in OTHER_PROGRAMS, where


def check_ours(words: list[str]) -> None:
    """Parse a command line of ours; a command that is only named has no arguments to check."""
    app = cli.make_app()
    if len(words) > 1:
        app.parse_args(words, exit_on_error=False, print_error=False)
    elif words and not words[0].startswith("-"):
        assert words[0] in {cli.name_of(one) for group in cli.COMMANDS.values() for one in group}


def test_the_commands_of_the_readme_are_targets_of_the_makefile() -> None:
    targets = re.findall(r"^make (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(targets) == {"demo", "test"}
