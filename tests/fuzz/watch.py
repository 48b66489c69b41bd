"""One case: whatever reads a damaged file must end in 5 s and 1 GiB, with a result or a `NeuroswitchError`."""

import random
import resource
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from neuroswitch.errors import NeuroswitchError

SECONDS, MEMORY = 5.0, 2**30


class Subject(Protocol):
    """What is fuzzed.

    `intact` makes a case that nothing is wrong with, in an empty folder; `damage` makes one and says what was
    done to it. `readers` are what reads it, by name. `check` is called with the result of a reader that
    accepted the case, and raises an AssertionError if the result is not what was signed.
    """

    name: str

    def intact(self, rng: random.Random, folder: Path) -> object: ...
    def damage(self, rng: random.Random, folder: Path) -> str: ...
    def readers(self, folder: Path) -> dict[str, Callable[[], Any]]: ...
    def check(self, reader: str, folder: Path, result: Any) -> None: ...


@dataclass
class Tally:
    """What happened: how many cases and calls, how they ended, and every fault by its kind."""

    cases: int = 0
    calls: int = 0
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=dict)
    slowest: float = 0.0

    def lines(self) -> list[str]:
        """Return everything in words, faults last."""
        refused = ", ".join(f"{name} {count}" for name, count in self.refused.most_common())
        found = [f"{self.cases} cases, {self.calls} calls: {self.accepted} accepted; refused: {refused}"]
        found.append(f"slowest call {self.slowest:.2f} s, faults {len(self.faults)}")
        return [
            *found,
            *(f"{len(cases)} x {kind}\n   first: {cases[0]}" for kind, cases in self.faults.items()),
        ]


class Hang(BaseException):
    """A reader that did not end in time."""


@contextmanager
def bounded() -> Iterator[None]:
    """Allow the process 1 GiB more than it has, and end what takes more than 5 s."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))

    def ring(*_: object) -> None:
        raise Hang

    handler = signal.signal(signal.SIGALRM, ring)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGALRM, handler)


def fuzz(
    subject: Subject, cases: int, *, first: int = 0, progress: Callable[[int], None] = lambda n: None
) -> Tally:
    """Run cases, each repeatable by its number: `fuzz(subject, 1, first=NUMBER)`."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="neuroswitch-fuzz-") as place:
        case = Path(place) / "case"
        case.mkdir()
        subject.intact(random.Random(0), case)
        # what is intact is accepted; and what is imported is imported before the clock starts
        for reader, read in subject.readers(case).items():
            subject.check(reader, case, read())
            shutil.rmtree(Path(place) / "out", ignore_errors=True)
    with bounded():
        for number in range(first, first + cases):
            with tempfile.TemporaryDirectory(prefix="neuroswitch-fuzz-") as place:
                _case(subject, number, Path(place), tally)
            tally.cases += 1
            progress(tally.cases)
    return tally


def _case(subject: Subject, number: int, place: Path, tally: Tally) -> None:
    case = place / "case"
    case.mkdir()
    done = subject.damage(random.Random(f"{subject.name} {number}"), case)
    for reader, read in subject.readers(case).items():
        tally.calls += 1
        what = f"case {number} ({done}), {reader}"
        began = time.monotonic()
        try:
            result = _in_time(read)
            subject.check(reader, case, result)
            tally.accepted += 1
        except NeuroswitchError as error:
            tally.refused[type(error).__name__] += 1
        except (Exception, Hang) as error:  # noqa: BLE001 - whatever it is, it is a fault
            tally.faults.setdefault(_kind(error, reader), []).append(what)
        finally:
            shutil.rmtree(place / "out", ignore_errors=True)
        tally.slowest = max(tally.slowest, time.monotonic() - began)


def _in_time(read: Callable[[], Any]) -> Any:
    """Return what a reader returns; one that took too long gets a second chance, as the machine may be busy."""
    try:
        with _alarm(SECONDS):
            return read()
    except Hang:
        began = time.process_time()
        with _alarm(4 * SECONDS):
            result = read()
        if time.process_time() - began > SECONDS:
            raise
        return result


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _kind(error: BaseException, reader: str) -> str:
    """Name a fault by its type and where in the library it happened."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [one for one in frames if "/neuroswitch/" in one.filename] or list(frames)
    last = inside[-1]
    place = f"{last.filename.rpartition('/neuroswitch/')[2]}:{last.lineno}"
    return f"{type(error).__name__} in {place}, {reader}: {str(error)[:120]!r}"
