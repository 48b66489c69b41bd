"""Share circuit folders: push to and pull from the Hugging Face Hub, or a folder where there is no network.

Only the files that `Circuit.save` writes and the card are copied. What is pulled is checked before it is used.
"""

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError
from pydantic import TypeAdapter, ValidationError

from neuroswitch.circuits.card import CardFacts, render_card
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.circuits.exports.ia3 import CONFIG
from neuroswitch.circuits.files import DESCRIPTION, OWNED, publish_circuit, read_circuit
from neuroswitch.circuits.publishing import public_name, published
from neuroswitch.errors import BadCircuit, BadOption, BadRun, NeuroswitchError, Prerequisite
from neuroswitch.provenance import Provenance
from neuroswitch.storage import require_new, updated_folder, write_atomic
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
        folder: What `Circuit.save` wrote; it stays as it is. What is published names the model as others find it,
            and holds no path of this machine.
        target: Hub repository ("name/circuit"), or a folder, as a path: "./circuit", "/disk/circuit".
        facts: Licence and measurements that the card shall state.
        private: Create a new repository as private; an existing one keeps its visibility.

    Returns:
        Where it is now: a URL or a path.

    Raises:
        BadCircuit: The folder is no circuit.
        BadOption: The target is the folder itself.
        Prerequisite: The Hub cannot be reached or refuses; the folder cannot be written.
    """
    folder = Path(folder).expanduser()
    if is_folder(target) and Path(target).expanduser().resolve() == folder.resolve():
        raise BadOption(
            "a circuit cannot be pushed to its own folder", found=str(target), do="name another folder"
        )
    name = str(target) if not is_folder(target) else Path(target).name
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "circuit"
        circuit = publish_circuit(folder, staged)
        card = render_card(circuit, name, facts or CardFacts(), adapter=(staged / CONFIG).exists())
        write_atomic(staged / CARD, card)
        if is_folder(target):
            return str(_copy(staged, Path(target)))
        return _upload(staged, str(target), private=private)


def _upload(folder: Path, target: str, *, private: bool) -> str:
    api = HfApi()
    try:
        url = api.create_repo(target, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=target,
            folder_path=folder,
            allow_patterns=list(COPIED),
            commit_message="Add circuit",
        )
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise _unreachable(target, error, "push to a folder instead, as a path: ./circuit") from error
    return str(url)


def pull(source: str | Path, destination: str | Path | None = None, *, revision: str | None = None) -> Path:
    """Fetch a circuit folder and check it.

    Args:
        source: Hub repository, or a folder, as a path.
        destination: Where to put it; a circuit that is there is replaced. None leaves it in the Hub's cache, or
            where it is.
        revision: Commit, tag or branch on the Hub.

    Returns:
        The folder.

    Raises:
        Prerequisite: It cannot be reached.
        BadCircuit: It is no circuit, or damaged.
    """
    folder = Path(source).expanduser() if is_folder(source) else _download(str(source), revision)
    read_circuit(folder)
    return folder if destination is None else _copy(folder, Path(destination))


def pull_here(source: str | Path, *, revision: str | None = None) -> Path:
    """Fetch a circuit into a folder of its own name in the current folder, and check it; see `pull`.

    Raises:
        Prerequisite: Something else is there already, or the source cannot be reached.
        BadCircuit: The source is no circuit, or damaged.
    """
    found = pull(source, revision=revision)
    name = Path(source).expanduser().resolve().name if is_folder(source) else Path(source).name
    destination = Path(name or "circuit")
    if destination.exists() and destination.resolve() != found.resolve():
        there, new = destination / DESCRIPTION, found / DESCRIPTION
        if there.is_file() and there.read_bytes() == new.read_bytes():
            read_circuit(destination)
            return destination
        require_new(destination)
    return _copy(found, destination)


def base_note(circuit: Circuit) -> str:
    """Say which model a circuit needs, and what to do where that has no public name."""
    made = circuit.provenance.model
    if name := public_name(made):
        return f"Its model is {name}."
    digest = f", weights {made['weights_sha256']}" if made.get("weights_sha256") else ""
    return (
        f"Its model, {made.get('name')} ({made.get('model_type')}{digest}), has no public name, so libraries cannot "
        "fetch it from the adapter alone. Load your own copy and give it by name: --model FOLDER here, "
        "Circuit.load(circuit, model) in Python, PeftModel.from_pretrained(model, circuit) in PEFT. A copy of "
        "another model is refused here, and not by PEFT."
    )


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
    made = read_circuit(folder).provenance
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
            expected=f"an experiment with the circuit made {made.date or 'at an unknown time'}",
            do="name the summary.json that `run` or `evaluate` wrote for this circuit",
        )
    return CardFacts(license=license, summary=found)


def _holds(summary: Summary, provenance: Provenance) -> bool:
    """Return whether an experiment has a circuit with this provenance, local paths left out."""
    wanted = _comparable(provenance)
    methods = [method for model in summary.models.values() for method in model.methods.values()]
    found = (one.circuit.provenance for one in methods if one.circuit is not None)
    with suppress(ValidationError):  # a summary whose circuits were described otherwise is of none of ours
        return any(_comparable(TypeAdapter(Provenance).validate_python(one)) == wanted for one in found)
    return False


def _comparable(provenance: Provenance) -> object:
    return json.loads(json.dumps(published(provenance).to_json()))
