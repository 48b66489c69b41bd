"""Datasets of the Hub, with a stand-in for the datasets library."""

import sys
from types import SimpleNamespace

import pytest

from neuroswitch.errors import BadPrompts, Prerequisite
from neuroswitch.prompts import ContrastSet
from prompt_files import Rows, Write, pairs


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for the datasets library; `tables` holds what the Hub has, `calls` what was asked."""
    stand_in = SimpleNamespace(tables={}, calls=[])

    def load_dataset(*names: object, **options: object) -> dict[str, Rows]:
        stand_in.calls.append((names, options))
        if not stand_in.tables:
            raise ConnectionError("Couldn't reach the Hub")
        return stand_in.tables

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return stand_in


def test_hub_rows_with_labels_of_their_own(hub: SimpleNamespace, write: Write) -> None:
    rows = pairs(8)
    hub.tables = {"train": rows}

    contrast = ContrastSet.from_hub("someone/pairs", revision="abc")

    assert hub.calls == [(("someone/pairs", None), {"revision": "abc"})]
    assert contrast.sha256 == ContrastSet.read(write("a.jsonl", rows)).sha256
    assert contrast.name == "someone/pairs"


def test_hub_splits_stand_for_labels(hub: SimpleNamespace) -> None:
    hub.tables = {
        "harmful": [{"Goal": f"Formal {number}"} for number in range(4)],
        "benign": [{"Goal": f"Casual {number}"} for number in range(4)],
        "other": [{"unusable": 0}],
    }

    contrast = ContrastSet.from_hub(
        "someone/behaviours", subset="behaviors", labels={"harmful": "positive", "benign": "negative"}
    )

    assert {p.text[:6] for piles in contrast.splits().values() for p in piles.positive} == {"Formal"}
    with pytest.raises(BadPrompts, match=r"no split called safe\n.*harmful, benign, other"):
        ContrastSet.from_hub("someone/behaviours", labels={"safe": "negative"})


def test_hub_errors_name_the_row_the_library_or_the_connection(
    hub: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Prerequisite, match=r"could not load the dataset someone/pairs\n.*reach the Hub"):
        ContrastSet.from_hub("someone/pairs")
    hub.tables = {"train": [*pairs(4), {"prompt": "C"}]}
    with pytest.raises(BadPrompts, match="someone/pairs, train row 9: no label"):
        ContrastSet.from_hub("someone/pairs")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(Prerequisite, match=r"neuroswitch\[datasets\]"):
        ContrastSet.from_hub("someone/pairs")
