"""A comparison that is killed and started again: one process that forks a child per attempt.

`compare_child.py FOLDER ROUNDS` compares toy methods on a tiny model: once in FOLDER/whole without being
disturbed, then in FOLDER/round-N, where children are killed by SIGKILL until one finishes. Prints one line of
JSON: what each round did. The parent never computes, so that forking it is safe.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import toy_methods
from neuroswitch import storage
from neuroswitch.answering import generation
from neuroswitch.answering.generation import Decoding
from neuroswitch.experiment import (
    CircuitChoice,
    ControlChoice,
    ExperimentSettings,
    PromptChoice,
    compare_settings,
    run_experiment,
)
from neuroswitch.measures import base, kl, perplexity

WORK = ("decoded", "read", "weighed", "fitted")


def settings_in(folder: Path) -> ExperimentSettings:
    """Return the settings, for the model and the prompts that lie in `folder`."""
    shared = ExperimentSettings(
        prompts=PromptChoice(behaviour=str(folder / "asking.jsonl"), detector="contains:cat|sea|night|big"),
        circuit=CircuitChoice(ranking="delta"),
        controls=ControlChoice(controls=2),
        decoding=Decoding(max_new_tokens=6, batch_size=3),
    )
    return compare_settings(str(folder / "model"), ("toy", "asking", "random"), (0.0, 1.0), base=shared)


def counted(owner: Any, name: str, log: int, word: str) -> None:
    """Let a function write a word to `log` whenever it is called."""
    original = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        os.write(log, word.encode() + b"\n")
        return original(*args, **kwargs)

    setattr(owner, name, wrapper)


def tear(after: int) -> None:
    """Die in the middle of a write: append half a row, after so many whole appends."""
    original, calls = storage.append_jsonl, 0

    def append(path: Path, rows: list[dict[str, Any]]) -> None:
        nonlocal calls
        calls += 1
        if calls > after and rows:
            original(path, rows[: len(rows) // 2])
            with path.open("ab") as file:
                file.write(json.dumps(rows[-1]).encode()[:40])
                file.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        original(path, rows)

    from neuroswitch.answering import completions

    completions.append_jsonl = append  # type: ignore[attr-defined]
    base.append_jsonl = append  # type: ignore[attr-defined]


def start(folder: Path, output: Path, before: Callable[[], None] = lambda: None) -> int:
    """Fork a child that compares in `output`; return its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:  # whatever happens, a child never returns into the code of its parent
        log = os.open(output.with_suffix(".log"), os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        counted(generation, "_decode", log, "decoded")
        counted(kl, "answer_logits", log, "read")
        counted(toy_methods.ToyMethod, "fit", log, "fitted")
        counted(perplexity, "nats_per_token", log, "weighed")
        before()
        with toy_methods.registered():
            run_experiment(settings_in(folder), output)
        status = 0
    except BaseException:  # noqa: BLE001  the parent must not see it
        traceback.print_exc()
    os._exit(status)


def finished(child: int, patience: float) -> bool:
    """Wait so many seconds, then kill; say whether the child finished first.

    Raises:
        RuntimeError: It failed.
    """
    deadline = time.monotonic() + patience
    found, status = os.waitpid(child, os.WNOHANG)
    while not found:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            found, status = os.waitpid(child, 0)
            break
        time.sleep(0.002)
        found, status = os.waitpid(child, os.WNOHANG)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError("a comparison failed")
    return os.WIFEXITED(status)


def work(output: Path) -> dict[str, int]:
    """Count what was computed in all attempts together."""
    words = output.with_suffix(".log").read_text().split()
    return {word: words.count(word) for word in WORK}


def main(folder: Path, kills: int) -> None:
    """Compare once in peace, then until so many children have been killed."""
    rng = random.Random(0)
    begun = time.monotonic()
    if not finished(start(folder, folder / "whole"), patience=60):
        raise RuntimeError("the undisturbed comparison did not finish")
    duration = time.monotonic() - begun
    rounds: list[dict[str, Any]] = []
    while sum(one["kills"] for one in rounds) < kills:
        output, killed, done = folder / f"round-{len(rounds)}", 0, False
        while not done:
            if killed % 2:
                appends = rng.randrange(12)
                child = start(folder, output, lambda appends=appends: tear(appends))  # type: ignore[misc]
                done = finished(child, patience=60)
            else:
                done = finished(start(folder, output), patience=rng.uniform(0, duration))
            killed += not done
        rounds.append({"name": output.name, "kills": killed, **work(output)})
    sys.stdout.write(json.dumps({"whole": work(folder / "whole"), "rounds": rounds}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
