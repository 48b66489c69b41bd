"""What a reader needs to repeat a number: model, prompts, versions, command, date."""

import platform
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version

from neuroswitch.storage import JsonObject

LIBRARIES = ("neuroswitch", "torch", "transformers", "tokenizers", "peft", "safetensors", "numpy")


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
    """

    model: dict[str, str | None]
    prompts_sha256: str
    contrast: str
    ranking: str
    arguments: JsonObject = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    date: str = ""
    command: str = ""

    def to_json(self) -> JsonObject:
        """Return the fields as plain JSON values."""
        return asdict(self)


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
