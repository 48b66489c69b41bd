"""Where a model comes from (Hub id, folder, GGUF file, demo model), and errors of transformers made readable."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError

from neuroswitch.errors import NeuroswitchError, Prerequisite, UnsupportedModel
from neuroswitch.models.demo import REPOSITORY, find_demo
from neuroswitch.models.gguf import converted
from neuroswitch.models.options import LoadOptions, chosen_dtype
from neuroswitch.progress import Progress


class Origin(NamedTuple):
    """What transformers loads, and the name by which the user knows it."""

    location: str
    name: str
    source: str
    revision: str | None


def find_origin(source: str, options: LoadOptions, progress: Progress) -> Origin:
    """Find where a source is, and refuse folders that hold no model, or a pickled one.

    Raises:
        Prerequisite: There is no such model here, or it cannot be loaded safely.
    """
    if source == "demo":
        copy = find_demo(progress)
        return Origin(str(copy.folder), REPOSITORY, copy.source, copy.revision)
    path = Path(source).expanduser()
    if path.suffix.lower() == ".gguf" and path.is_file():
        folder = converted(path, chosen_dtype(options), progress)
        return Origin(str(folder), source, f"GGUF file {path.name}", None)
    if path.is_dir():
        _require_model(path)
        return Origin(str(path), source, "folder", None)
    if path.suffix.lower() == ".gguf" or source.startswith((".", "/", "~")) or source.count("/") != 1:
        raise Prerequisite(
            f"there is no model {source!r}",
            expected="a folder, a .gguf file, a Hub id such as 'Qwen/Qwen3-8B', or 'demo'",
            do="check the path",
        )
    return Origin(source, source, "Hub", options.revision)


def _require_model(folder: Path) -> None:
    if (folder / "config.json").is_file():
        if any(folder.glob("*.safetensors")) or not any(folder.glob("*.bin")):
            return
        raise Prerequisite(
            f"the weights in {folder} are pickled, and unpickling runs code",
            found=", ".join(sorted(path.name for path in folder.glob("*.bin"))),
            expected="model.safetensors",
            do="if you trust them, convert them: from_pretrained(...).save_pretrained(...)",
        )
    if (folder / "adapter_config.json").is_file():
        raise Prerequisite(
            f"{folder} is a circuit or another adapter, not a model",
            do="name the model it was made for, and apply the circuit to it; "
            "an adapter of another kind must be merged into its model first",
        )
    raise Prerequisite(f"{folder} is not a model folder", found="no config.json in it")


@contextmanager
def own_errors(origin: Origin) -> Iterator[None]:
    """Raise errors of transformers as errors of this library."""
    try:
        yield
    except NeuroswitchError:
        raise
    except ValueError as error:
        if "trust_remote_code" in str(error):
            raise Prerequisite(
                f"{origin.name} comes with Python code of its own",
                do="read that code; if you trust it, pass --trust-remote-code "
                "(trust_remote_code=True in LoadOptions)",
            ) from error
        raise UnsupportedModel(f"transformers cannot load {origin.name}", found=_summary(error)) from error
    except (AssertionError, AttributeError, LookupError, TypeError) as error:
        raise UnsupportedModel(
            f"transformers cannot load {origin.name}",
            found=_summary(error),
            do="check that config.json and the tokenizer's files are complete, and made for this transformers",
        ) from error
    except (OSError, ImportError, RuntimeError, SafetensorError) as error:
        raise Prerequisite(
            f"could not load {origin.name}",
            found=_summary(error),
            do="check the name, the connection and that the files are complete and in safetensors; "
            "a gated model needs `hf auth login`",
        ) from error


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
