"""The planted behaviour that methods are fitted to: one model and one task for each file of tests."""

import pytest

from neuroswitch.methods.base import Task
from planted import Planted
from planted_task import firm, task_of


@pytest.fixture(scope="module")
def planted() -> Planted:
    return firm()


@pytest.fixture(scope="module")
def task(planted: Planted) -> Task:
    return task_of(planted)
