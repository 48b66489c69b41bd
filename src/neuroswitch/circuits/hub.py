"""Share circuit folders: push to and pull from the Hugging Face Hub, or a folder where there is no network.

Only the files that `Circuit.save` writes and the card are copied. What is pulled is checked before it is used.
"""

import json
import os
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from neuroswitch.circuits.card import CardFacts, render_card
from neuroswitch.circuits.exports.ia3 import CONFIG
from neuroswitch.circuits.files import OWNED, read_circuit
from neuroswitch.errors import BadCircuit, BadRun, NeuroswitchError, Prerequisite
from neuroswitch.storage import JsonObject, updated_folder, write_atomic
from neuroswitch.summary import SUMMARY, Summary, read_summary
from neuroswitch.tensor_files import LARGEST_TENSORS
from neuroswitch.untrusted import read_inside

CARD = "README.md"
COPIED = (*OWNED, CARD)
LARGEST_CARD = 2**20


def push(
    folder: str | Path, target: str | Path, *, facts: CardFacts | None = None, private: bool = True
) -> str:
    """Publish a circuit folder with a card.

    Args:
        folder: What `Circuit.save` wrote. Its card is written again.
        target: Hub repository ("name/circuit"), or a folder, as a path: "./circuit", "/disk/circuit".
        facts: Licence and measurements that the card shall state.
        private: Create a new repository as private; an existing one keeps its visibility.

    Returns:
        Where it is now: a URL or a path.

    Raises:
        BadCircuit: The folder is no circuit.
        Prerequisite: The Hub cannot be reached or refuses; the folder cannot be written.
    """
    folder = Path(folder)
    circuit = read_circuit(folder)
    name = str(target) if not is_folder(target) else Path(target).name
    card = render_card(circuit, name, facts or CardFacts(), adapter=(folder / CONFIG).exists())
    write_atomic(folder / CARD, card)
    if is_folder(target):
        return str(_copy(folder, Path(target)))
    api = HfApi()
    try:
        url = api.create_repo(str(target), private=private, exist_ok=True)
        api.upload_folder(
            repo_id=str(target),
            folder_path=folder,
            allow_patterns=list(COPIED),
            commit_message="Add circuit",
        )
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise _unreachable(str(target), error, "push to a folder instead, as a path: ./circuit") from error
    return str(url)


def pull(source: str | Path, destination: str | Path | None = None, *, revision: str | None = None) -> Path:
    """Fetch a circuit folder and check it.

    Args:
        source: Hub repository, or a folder, as a path.
        destination: Where to put it. None leaves it in the Hub's cache, or where it is.
        revision: Commit, tag or branch on the Hub.

    Returns:
        The folder.

    Raises:
        Prerequisite: It cannot be reached.
        BadCircuit: It is no circuit, or damaged.
    """
    folder = Path(source) if is_folder(source) else _download(str(source), revision)
    read_circuit(folder)
    return folder if destination is None else _copy(folder, Path(destination))


def is_folder(name: str | Path) -> bool:
    """Return whether a name is that of a folder and not of a Hub repository: a path, or a folder that exists."""
    return isinstance(name, Path) or name.startswith((".", "/", "~")) or Path(name).is_dir()


def _download(repository: str, revision: str | None) -> Path:
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(COPIED)))
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise _unreachable(repository, error, "pull from a folder, as a path: ./circuit") from error


def _copy(folder: Path, destination: Path) -> Path:
    destination = destination.expanduser()
    if destination.resolve() != folder.resolve():
        with updated_folder(destination, COPIED) as staging:
            for name in COPIED:
                if os.path.lexists(folder / name):
                    write_atomic(staging / name, _content(folder, name))
            read_circuit(staging)  # what was copied is what is checked, whatever happened to the source
    return destination


def _content(folder: Path, name: str) -> bytes:
    try:
        return read_inside(folder, name, LARGEST_CARD if name == CARD else LARGEST_TENSORS)
    except OSError as error:
        raise BadCircuit(
            f"{folder / name} is not copied", found=str(error), do="ask its author for a folder of files"
        ) from error


def _unreachable(repository: str, error: Exception, instead: str) -> NeuroswitchError:
    return Prerequisite(
        f"the Hub repository {repository!r} cannot be reached",
        found=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}",
        do=f"check the name, the connection and `hf auth login`; or {instead}",
    )


def find_facts(folder: str | Path, summary: str | Path | None = None, *, license: str = "other") -> CardFacts:
    """Find what a circuit's card can state.

    Args:
        folder: The circuit.
        summary: `summary.json` of an experiment with it. None takes that of the experiment in whose folder the
            circuit is, if there is one.
        license: As in `CardFacts`.

    Raises:
        BadCircuit: The folder is no circuit.
        BadRun: The summary is damaged, or of another circuit.
    """
    made = json.loads(json.dumps(read_circuit(folder).provenance.to_json()))
    if summary is None:
        near = [parent / SUMMARY for parent in list(Path(folder).resolve().parents)[:3]]
        try:
            found = next((read_summary(path) for path in near if path.is_file()), None)
        except BadRun:  # a file of this name that is no summary of ours
            found = None
        return CardFacts(license=license, summary=found if found and _holds(found, made) else None)
    found = read_summary(Path(summary))
    if not _holds(found, made):
        raise BadRun(
            f"{summary} is of no experiment with this circuit",
            expected=f"an experiment with the circuit made {made['date'] or 'at an unknown time'}",
            do="name the summary.json that `run` or `evaluate` wrote for this circuit",
        )
    return CardFacts(license=license, summary=found)


def _holds(summary: Summary, provenance: JsonObject) -> bool:
    """Return whether an experiment has a circuit with this provenance."""
    methods = [method for model in summary.models.values() for method in model.methods.values()]
    return any(one.circuit is not None and one.circuit.provenance == provenance for one in methods)
