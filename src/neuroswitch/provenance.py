"""What a reader needs to repeat a number: model, prompts, versions, command, date."""

import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

from neuroswitch.storage import JsonObject

LIBRARIES = ("neuroswitch", "torch", "transformers", "tokenizers", "peft", "safetensors", "numpy")


@dataclass(frozen=True)
class Found:
    """Under what conditions neurons were chosen; template and type of the weights are those of the model.

    Attributes:
        system: System prompt; None is the template's own.
        thinking: Thinking mode; None is the template's own.
        read: The tokens at which neurons were read, as text, with how often each occurred.
        prompts: Digest of each prompt on which neurons or their number were chosen, the same for every
            wording that `prompts.leaks` takes for the same prompt.
    """

    system: str | None
    thinking: bool | None
    read: dict[str, int]
    prompts: tuple[str, ...]


@dataclass(frozen=True)
class Provenance:
    """How a circuit was made.

    Attributes:
        model: Name, revision and digests of the model (`ModelIdentity` as a dict).
        prompts_sha256: Digest of the contrast set.
        contrast: Name of the contrast set.
        ranking: Name of the ranking.
        arguments: Arguments of the ranking and the selection.
        versions: Library -> version.
        date: UTC, ISO 8601.
        command: The command line of the process.
        found: Under what conditions; None where that was not recorded, as in circuits of earlier versions.
        parts: Of the circuits that this one was made of, for a union, an intersection or a difference.
    """

    model: dict[str, str | None]
    prompts_sha256: str
    contrast: str
    ranking: str
    arguments: JsonObject = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    date: str = ""
    command: str = ""
    found: Found | None = None
    parts: tuple["Provenance", ...] = ()

    def to_json(self) -> JsonObject:
        """Return the fields as plain JSON values; `found` and `parts` only where there are any."""
        return {key: value for key, value in asdict(self).items() if value or key not in ("found", "parts")}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def now() -> str:
    """Return the current time in UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def command_line() -> str:
    """Return the command of this process, without the interpreter."""
    return " ".join(sys.argv)
