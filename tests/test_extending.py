"""The examples of docs/extending.md, installed as another package and used by their names."""

import os
import re
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "extending.md"

USE = """
from dataclasses import replace

import torch

import neuroswitch as ns
from neuroswitch.methods import get_method
from neuroswitch.progress import silent
from planted_task import firm, task_of
from steered import circuit_of

planted = firm()
model, task = planted.model, replace(task_of(planted), ranking="absolute_effect")
circuit = get_method("ten").fit(model, task, progress=silent).circuit
assert len(circuit) == 10 and circuit.provenance.ranking == "absolute_effect"

asked = list(planted.positive[:2])
answers = ns.generate(model, asked, decoding=ns.Decoding(max_new_tokens=4))
found = ns.measure(answers, ns.detector("shouting"), ("behaviour", "length"))
assert found["behaviour"].value == 0.0
assert found["length"].value == sum(one.tokens for one in answers) / 2
cost = ns.damage(model, ns.Scaling(circuit, 1.0), asked, answers, ("my_measure",))
assert cost["my_measure"].n == 2

small = circuit_of(model, [3, 5], doses=[1.0, -2.0])
written = ns.export(small, model, "numbers", OUT)
assert (written / "numbers.json").read_text().split() == ["{", '"3":', "0.0,", '"5":', "3.0", "}"]
"""


def test_the_examples_work_from_another_package(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "my_parts.py").write_text("\n\n".join(blocks), encoding="utf-8")
    about = tmp_path / "my_package-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[neuroswitch]\nmy-package = my_parts\n")
    paths = [tmp_path, TESTS.parent / "src", TESTS, TESTS / "circuits", TESTS / "methods"]
    code = f"from pathlib import Path\nOUT = Path({str(tmp_path / 'out')!r})\n{USE}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "NEUROSWITCH_PLUGINS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
