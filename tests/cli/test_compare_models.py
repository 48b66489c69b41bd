"""`neuroswitch compare-models`: every option reaches the study, and the page can be built again."""

import json
from pathlib import Path

from typer.testing import CliRunner

from neuroswitch.cli.app import app
from sets import write_contrast
from tiny import tiny_llama, tiny_tokenizer


def test_two_checkpoints_are_compared_and_the_page_is_rebuilt(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 1)):
        model = tiny_llama(seed=seed)
        model.module.save_pretrained(tmp_path / name)
        tokenizer = tiny_tokenizer(template=None) if name == "one" else model.tokenizer
        tokenizer.save_pretrained(tmp_path / name)
    behaviour = write_contrast(tmp_path / "asking.jsonl")
    output = tmp_path / "out"
    command = (
        f"compare-models {tmp_path / 'one'} {tmp_path / 'two'} --output {output} --behaviour {behaviour} "
        "--detector contains:(?s).* --size 0.05 --ranking delta --multiplier 2 --limit 2 --max-new-tokens 2 "
        "--batch-size 3 --seed 4 --controls 2 --template-from instruct --dtype float32 --device cpu"
    )
    shown = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    for said in ("top 5 %", "of 9, chance", "report.html", "Note:"):
        assert said in shown.output
    settings = json.loads((output / "settings.json").read_text())
    asked = {
        "template_from": "instruct",
        "ranking": "delta",
        "size": 0.05,
        "multiplier": 2.0,
        "limit": 2,
        "seed": 4,
    }
    assert {key: settings[key] for key in asked} == asked
    assert settings["decoding"] == {"max_new_tokens": 2, "batch_size": 3}
    assert json.loads((output / "summary.json").read_text())["same_tokens"]
    page = (output / "report.html").read_bytes()
    (output / "report.html").unlink()
    assert CliRunner().invoke(app, ["report", str(output)], catch_exceptions=False).exit_code == 0
    assert (output / "report.html").read_bytes() == page
