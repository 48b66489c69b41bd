"""Long commands that are killed by SIGKILL in their middle, started again, and must end with the same bytes.

    python tests/kills.py FOLDER [KILLS] [COMMAND ...]

Prints a Markdown table. The middle is found on disk, not by a clock: a command that was not disturbed says how much
there is to write, the kills are spread evenly over that, and each is sent as soon as so much is on disk. Commands run
in forked children of one process that has imported everything and computes nothing itself.
"""

import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

import neuroswitch.discovery
import neuroswitch.experiment  # noqa: F401  imported before the fork, so that children start at once
from neuroswitch.circuits import Circuit
from neuroswitch.cli.app import main as command_line
from neuroswitch.models import load_model
from neuroswitch.provenance import Provenance
from sets import write_contrast
from tiny import tiny_llama

PATIENCE = 120
"""Seconds after which a command that neither ends nor reaches its target is a failure."""

UNSHARED = ("provenance.json", "report.html")
"""Files with the date of the first call in them."""

DETECTOR = "contains:cat|sea|night|big|the|a"
ASKED = ("--behaviour", "asking.jsonl", "--detector", DETECTOR)
ANSWERS = ("--max-new-tokens", "6", "--batch-size", "2")
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "--model", "model", *ASKED, *ANSWERS, "--ranking", "delta", "--size", "9"),
    "evaluate": ("evaluate", "circuit", "--model", "model", *ASKED, *ANSWERS, "--controls", "2"),
    "compare": (
        "compare", "--model", "model", *ASKED, *ANSWERS, "--ranking", "delta", "--size", "9", "--controls", "2",
        "--methods", "cna,caa,direction,random", "--strengths", "0,0.5,1",
    ),
    "compare-models": (
        "compare-models", "base", "model", *ASKED, *ANSWERS, "--ranking", "delta", "--size", "9", "--top", "5",
    ),
    "discover --stream": ("discover", "--stream", "--model", "deep", *ASKED, "--ranking", "delta", "--size", "9"),
}  # fmt: skip
"""Every long command, without its output folder."""


@dataclass(frozen=True)
class Killed:
    """What was done to one command.

    Attributes:
        whole: How much an undisturbed command writes, as `written` counts.
        at: How much was on disk at each kill.
        ended: How many commands ended before their kill.
        differing: Files that are not what an undisturbed command writes.
    """

    whole: int
    at: tuple[int, ...]
    ended: int
    differing: tuple[str, ...]


def prepare(folder: Path) -> None:
    """Write what the commands need: two models of one shape, one of many layers, prompts and a circuit."""
    for name, made in {
        "model": tiny_llama(initializer_range=0.3),
        "base": tiny_llama(seed=4, initializer_range=0.3),
        "deep": tiny_llama(num_hidden_layers=40),
    }.items():
        made.module.save_pretrained(folder / name, max_shard_size="50KB" if name == "deep" else "1GB")
        made.tokenizer.save_pretrained(folder / name)
    write_contrast(folder / "asking.jsonl")
    model = load_model(folder / "model")
    identity = {name: value for name, value in vars(model.identity).items() if name != "location"}
    chosen = torch.arange(0, model.layout.size, 20)
    provenance = Provenance(identity, "", "", "test")
    Circuit(layout=model.layout, ids=chosen, doses=torch.ones(len(chosen)), provenance=provenance).save(
        folder / "circuit"
    )


def written(output: Path) -> int:
    """Count what is on disk: rows, files of fitted methods, and of a stream finished layers and batches."""
    rows = sum(path.read_bytes().count(b"\n") for path in output.glob("*.jsonl"))
    files = sum(1 for path in output.rglob("methods/*/*") if not path.name.startswith("."))
    layers = len(list(output.glob("stream/statistics/*.safetensors")))
    batches = max((len(list(one.iterdir())) for one in output.glob("stream/hidden-*")), default=0)
    return rows + files + 20 * layers + batches


def start(folder: Path, arguments: Sequence[str]) -> int:
    """Fork a child that runs a command in a folder; return its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:  # whatever happens, a child never returns into the code of its parent
        os.chdir(folder)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        log = os.open(f"{folder / 'log.txt'}", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.dup2(log, 2)
        command_line(arguments)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:  # noqa: BLE001  the parent must not see it
        traceback.print_exc()
    os._exit(status)


def finished(child: int, output: Path, target: int | None) -> bool:
    """Wait until a command ends, or kill it as soon as so much is on disk; say whether it ended.

    Raises:
        RuntimeError: It failed, or did neither in time.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            if not os.WIFEXITED(status) or os.WEXITSTATUS(status):
                raise RuntimeError(f"a command for {output} failed with status {status}")
            return True
        if (
            target is not None and output.exists() and _written(output) >= target
        ) or time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            if time.monotonic() > deadline:
                raise RuntimeError(f"a command for {output} took more than {PATIENCE} s")
            return not os.WIFSIGNALED(status)
        time.sleep(0.0005)


def _written(output: Path) -> int:
    try:
        return written(output)
    except FileNotFoundError:  # moved while it was counted
        return 0


def kill(folder: Path, name: str, kills: int) -> Killed:
    """Run a command in peace, then another time with so many kills in its middle, and compare the folders."""
    stem = name.replace(" --", "-")
    alone, disturbed = folder / "alone" / stem, folder / "disturbed" / stem
    begin = COMMANDS[name]
    for output in (alone, disturbed):
        output.parent.mkdir(exist_ok=True)
    finished(start(folder, (*begin, "--output", str(alone))), alone, None)
    whole, at, ended = written(alone), [], 0
    command = (*begin, "--output", str(disturbed))
    for number in range(kills):
        target = max(whole * (number + 1) // (kills + 1), (at[-1] if at else 0) + 1)
        if finished(start(folder, command), disturbed, target):
            ended += 1
            break
        at.append(written(disturbed))
    finished(start(folder, command), disturbed, None)
    there, here = contents(disturbed), contents(alone)
    differing = [path for path in sorted({*there, *here}) if there.get(path) != here.get(path)]
    return Killed(whole, tuple(at), ended, tuple(differing))


def contents(output: Path) -> dict[str, bytes]:
    """Read the files that two equal commands share, a found circuit without its date and command."""
    found = {}
    for path in output.rglob("*"):
        name = path.relative_to(output).as_posix()
        if (
            not path.is_file()
            or path.name in UNSHARED
            or any(part.startswith(".") for part in Path(name).parts)
        ):
            continue
        found[name] = path.read_bytes()
        if name == "circuit.json":
            told = json.loads(found[name])
            told["provenance"] |= {"date": "", "command": ""}
            del told["sha256"]  # of the document with its date and command
            found[name] = json.dumps(told).encode()
    return found


def main(folder: Path, kills: int, names: Sequence[str]) -> int:
    """Kill every command so often and print what came of it; return 1 if any folder differs."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    child = os.fork()  # the parent never computes, so that forking it is safe
    if not child:
        prepare(folder)
        os._exit(0)
    os.waitpid(child, 0)
    lines = [
        "| command | kills | on disk at each kill | on disk at the end | files that differ |",
        "|---|---|---|---|---|",
    ]
    wrong = False
    for name in names:
        done = kill(folder, name, kills)
        wrong = wrong or bool(done.differing) or len(done.at) < kills
        at = ", ".join(map(str, done.at))
        lines.append(
            f"| `{name}` | {len(done.at)} | {at} | {done.whole} | {', '.join(done.differing) or 'none'} |"
        )
        sys.stdout.write(lines[-1] + "\n")
        sys.stdout.flush()
    (folder / "kills.md").write_text("\n".join(lines) + "\n")
    return int(wrong)


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    sys.exit(main(Path(sys.argv[1]).resolve(), count, sys.argv[3:] or list(COMMANDS)))
