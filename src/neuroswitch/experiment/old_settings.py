"""What a run is asked to do: all that shapes its numbers, and nothing else."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neuroswitch.answering import Decoding
from neuroswitch.chat import ChatFormat
from neuroswitch.discovery import DEFAULT
from neuroswitch.errors import BadRun
from neuroswitch.models import LoadOptions
from neuroswitch.storage import write_json

SETTINGS = "settings.json"


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Settings of `neuroswitch run`.

    Attributes:
        model: Hub id, folder, GGUF file or `demo`.
        loading: Revision, dtype, device and so on.
        behaviour: Built-in contrast set, or a file.
        detector: Who says whether an answer shows the behaviour; None takes the behaviour's own.
        test_prompts: A file with other positive test prompts than those of the contrast set.
        limit: Use only so many test prompts of each pile; None uses all.
        ranking: How neurons are scored.
        size: Below 1 a fraction of all neurons, else a count.
        multiplier: What the circuit's neurons are multiplied by; 0 ablates.
        controls: How many random circuits are tried beside it.
        seed: Seed of the first of them; the others count up.
        decoding: Length of the answers and batch size.
        until_settled: Break answers off once their verdict can no longer change; there is no quality then.
        chat: System prompt and thinking mode.
    """

    model: str = "demo"
    loading: LoadOptions = LoadOptions()
    behaviour: str = "refusal"
    detector: str | None = None
    test_prompts: str | None = None
    limit: int | None = None
    ranking: str = DEFAULT
    size: float = 0.001
    multiplier: float = 0.0
    controls: int = 1
    seed: int = 0
    decoding: Decoding = Decoding()
    until_settled: bool = False
    chat: ChatFormat = ChatFormat()

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        return asdict(self)


def claim_folder(folder: Path, settings: dict[str, Any]) -> None:
    """Take a folder for a run, or go on with one that was started with the same settings.

    A folder in which nothing has been computed yet, because the model was refused for example, may
    be taken with other settings.

    Args:
        folder: Created if missing.
        settings: As JSON values; kept in the folder.

    Raises:
        BadRun: The folder holds a run with other settings.
    """
    path = folder / SETTINGS
    if path.exists() and any(other.name != SETTINGS for other in folder.iterdir()):
        _compare(path, settings)
    else:
        write_json(path, settings)


def _compare(path: Path, settings: dict[str, Any]) -> None:
    try:
        before = json.loads(path.read_text())
    except ValueError as error:
        raise BadRun(f"{path} is damaged", found=str(error), do="name another output folder") from error
    now = json.loads(json.dumps(settings))
    if differing := sorted(key for key in {**before, **now} if before.get(key) != now.get(key)):
        raise BadRun(
            f"{path.parent} holds a run with other settings",
            found=", ".join(f"{key} = {before.get(key)!r}" for key in differing),
            expected=", ".join(f"{key} = {now.get(key)!r}" for key in differing),
            do="name another output folder, or repeat the settings of this one to go on with it",
        )
