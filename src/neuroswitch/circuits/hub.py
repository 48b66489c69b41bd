"""Share circuit folders: push to and pull from the Hugging Face Hub, or a folder where there is no network.

Only the files that `save` writes and the card travel. What is pulled is checked before it is
returned. Knows repositories and folders; does not know what a circuit does.
"""

import json
import shutil
from pathlib import Path

from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from neuroswitch.circuits.adapter import CONFIG
from neuroswitch.circuits.card import CardFacts, render
from neuroswitch.circuits.files import OWNED, load
from neuroswitch.circuits.folders import updated_folder
from neuroswitch.errors import BadRun, NeuroswitchError, Prerequisite
from neuroswitch.storage import write_atomic

CARD = "README.md"
SUMMARY = "summary.json"
TRAVELLING = (*OWNED, CARD)


def push(
    folder: str | Path, target: str | Path, *, facts: CardFacts | None = None, private: bool = True
) -> str:
    """Publish a circuit folder with a card.

    Args:
        folder: What `save` wrote. Its card is written again.
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
    circuit = load(folder)
    name = str(target) if not is_folder(target) else Path(target).name
    card = render(circuit, name, facts or CardFacts(), adapter=(folder / CONFIG).exists())
    write_atomic(folder / CARD, card)
    if is_folder(target):
        return str(_copy(folder, Path(target)))
    api = HfApi()
    try:
        url = api.create_repo(str(target), private=private, exist_ok=True)
        api.upload_folder(
            repo_id=str(target),
            folder_path=folder,
            allow_patterns=list(TRAVELLING),
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
    load(folder)
    return folder if destination is None else _copy(folder, Path(destination))


def is_folder(name: str | Path) -> bool:
    """Say whether a name means a folder here rather than a repository: a path, or one that exists."""
    return isinstance(name, Path) or name.startswith((".", "/", "~")) or Path(name).is_dir()


def _download(repository: str, revision: str | None) -> Path:
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(TRAVELLING)))
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise _unreachable(repository, error, "pull from a folder, as a path: ./circuit") from error


def _copy(folder: Path, destination: Path) -> Path:
    destination = destination.expanduser()
    if destination.resolve() != folder.resolve():
        with updated_folder(destination, TRAVELLING) as staging:
            for name in TRAVELLING:
                if (folder / name).exists():
                    shutil.copyfile(folder / name, staging / name)
    return destination


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
        summary: `summary.json` of a run or evaluation of it. None takes the one beside the folder, which
            is where `run` puts it, if it is of this circuit.
        license: As in `CardFacts`.

    Raises:
        BadCircuit: The folder is no circuit.
        BadRun: The summary that was named is of another circuit, or of no run.
        Prerequisite: It cannot be read.
    """
    made = json.loads(json.dumps(load(folder).provenance.to_json()))
    candidates = [Path(summary)] if summary is not None else _beside(Path(folder))
    for path in candidates:
        found = read_summary(path).summary or {}
        models = found.get("models", {}).values()
        methods = [method for model in models for method in model["methods"].values()]
        if any(one["circuit"] and one["circuit"]["provenance"] == made for one in methods):
            return CardFacts(license=license, summary=found)
    if summary is None:
        return CardFacts(license=license)
    raise BadRun(
        f"{summary} does not say what this circuit does",
        expected=f"an experiment with the circuit made {made['date'] or 'at an unknown time'}",
        do="name the summary.json that `run` or `evaluate` wrote for this circuit",
    )


def _beside(folder: Path) -> list[Path]:
    """Return the summary of the experiment that a circuit lies in, if it lies in one."""
    parents = list(folder.resolve().parents)[:3]
    return [path for parent in parents if (path := parent / SUMMARY).is_file()][:1]


def read_summary(path: str | Path) -> CardFacts:
    """Take what was measured from a run's `summary.json`.

    Raises:
        Prerequisite: The file is missing or not JSON.
    """
    try:
        return CardFacts(summary=dict(json.loads(Path(path).read_text())))
    except (OSError, ValueError, TypeError) as error:
        raise Prerequisite(
            f"{path} cannot be read as a summary", found=str(error), do="name the summary.json of a run"
        ) from error
