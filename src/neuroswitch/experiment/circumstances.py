"""What the answers of one model depend on, besides prompts and methods, as digests and short texts.

`facts.json` holds one record of it for each model, made when the model is loaded. Two records are equal exactly where
the model would give the same answers, up to the rounding of another machine.
"""

import json
import platform
from collections.abc import Mapping
from hashlib import sha256
from inspect import getsourcefile, isroutine
from pathlib import Path

import torch

from neuroswitch import verdicts
from neuroswitch.chat import encode
from neuroswitch.circuits import DESCRIPTION, Circuit
from neuroswitch.detectors import Detector
from neuroswitch.experiment.settings import ExperimentSettings
from neuroswitch.models import LanguageModel, exact_digest
from neuroswitch.prompts import Prompt
from neuroswitch.provenance import versions
from neuroswitch.storage import digest
from neuroswitch.summary import Part

NUMBERS_CHANGE = ("neuroswitch", "torch", "transformers", "tokenizers")
"""Libraries of which another minor version may change a number: a folder is not continued with it."""

VERDICTS = Path(verdicts.__file__).parent
"""The rules of the detectors that come with the library."""

CHUNK = 2**22


class Circumstances(Part):
    """What the answers of one model depend on, besides what `ModelIdentity` holds.

    Attributes:
        weights: Digest of every value of the weights; None where they are not in this process, or are sharded.
        quantised: How the weights are quantised; None where they are not.
        code: Class of the model where its code came with it, which changes with that code; else None.
        device: Kind of device: cpu, cuda, mps; meta where a server has the weights.
        tokenizer: Digest of the tokenizer: vocabulary, rules, special tokens.
        generation: Digest of the model's generation settings, among them the tokens that end an answer.
        rendered: One whole prompt as the model gets it, in text.
    """

    weights: str | None
    quantised: str | None
    code: str | None
    device: str
    tokenizer: str
    generation: str
    rendered: str


def circumstances(model: LanguageModel, settings: ExperimentSettings, first: Prompt) -> Circumstances:
    """Return what the answers of a model depend on.

    Args:
        model: The model, untouched.
        settings: The experiment's: they say how prompts are put to the model.
        first: The prompt that is rendered.
    """
    module, kind = model.module, type(model.module)
    generation = module.generation_config
    ids = encode(model.tokenizer, first, settings.chat)
    return Circumstances(
        weights=exact_digest(module),
        quantised=_quantised(model),
        code=f"{kind.__module__}.{kind.__qualname__}" if "transformers_modules" in kind.__module__ else None,
        device=module.device.type,
        tokenizer=tokenizer_digest(model),
        generation=_settings_digest(generation.to_diff_dict() if generation else {}),
        rendered=str(model.tokenizer.decode(ids)),
    )


def _settings_digest(told: Mapping[str, object]) -> str:
    """Return the digest of generation settings, without what says by whom they were written."""
    kept = {
        name: one for name, one in told.items() if name not in ("transformers_version", "_from_model_config")
    }
    return digest(json.loads(json.dumps(kept, default=str)))


def _quantised(model: LanguageModel) -> str | None:
    stored = getattr(model.module.config, "quantization_config", None)
    if stored is None:
        return None
    told = stored if isinstance(stored, dict) else stored.to_dict()
    return json.dumps(told, sort_keys=True, default=str)


def tokenizer_digest(model: LanguageModel) -> str:
    """Return the digest of a tokenizer: of all its rules where it is a fast one, else of its vocabulary."""
    tokenizer = model.tokenizer
    backend = getattr(tokenizer, "backend_tokenizer", None)
    rules = tokenizer.get_vocab() if backend is None else json.loads(backend.to_str())
    # padding and truncation are set anew for every call
    told = {name: value for name, value in rules.items() if name not in ("padding", "truncation")}
    return digest([told, {name: str(one) for name, one in sorted(tokenizer.special_tokens_map.items())}])


def detector_digest(detector: Detector) -> str:
    """Return the digest of a detector: its name, the labels that count, and the code of its rules."""
    rules = detector.classify
    try:
        source = getsourcefile(rules if isroutine(rules) else type(rules))
    except TypeError:
        source = None
    path = Path(source) if source else None
    if path is not None and VERDICTS in path.parents:
        path = VERDICTS  # the rules of one detector lie in several files
    code = files_digest(path, of="*.py") if path is not None and path.exists() else None
    return digest([detector.name, sorted(detector.shows), code])


def files_digest(path: Path, *, of: str = "*") -> str:
    """Return the digest of what a file or folder holds, wherever it lies.

    Of a circuit folder it is the digest of neurons, doses and layout: the same circuit found again has the same.

    Args:
        path: File or folder.
        of: Which files of a folder count.

    Raises:
        BadCircuit: The folder holds a damaged circuit.
    """
    if (path / DESCRIPTION).is_file():
        return circuit_digest(Circuit.load(path))
    files = [path] if path.is_file() else sorted(one for one in path.rglob(of) if one.is_file())
    return digest([["" if one == path else one.relative_to(path).as_posix(), _file(one)] for one in files])


def circuit_digest(circuit: Circuit) -> str:
    """Return the digest of what a circuit does: neurons, doses and layout."""
    return digest([circuit.ids.tolist(), circuit.doses.tolist(), circuit.layout.to_json()])


def _file(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def source_digests(settings: ExperimentSettings) -> dict[str, str]:
    """Return the digest of every file or folder that a method is read from, by the method's name.

    One that is not there is left out: what was copied into the folder of the experiment is used.

    Raises:
        BadCircuit: A folder holds a damaged circuit.
    """
    named = {
        name: Path(name.partition(":")[2]).expanduser() for name in settings.methods if _names_file(name)
    }
    return {name: files_digest(path) for name, path in named.items() if path.exists()}


def _names_file(method: str) -> bool:
    """Say whether the text after the colon may name a file; for others it is a text, a seed or a ranking."""
    kind, _, argument = method.partition(":")
    return bool(argument) and kind not in ("prompt", "random", "cna", "cna-tuned")


def exam_digest(settings: ExperimentSettings) -> str | None:
    """Return the digest of the files with MMLU questions; None where there are none."""
    exam = settings.exam
    files = [Path(one) for one in (exam.mmlu, exam.mmlu_dev) if one and one != "hub"]
    return digest([files_digest(one) for one in files]) if files else None


def surroundings() -> dict[str, str]:
    """Return versions of libraries and the machine of this process, as far as numbers may depend on them."""
    device = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} threads"
    )
    return {**versions(), "machine": f"{platform.machine()}, {device}"}


def minor(version: str) -> str:
    """Return a version without its patch level.

    Examples:
        >>> minor("2.13.1+cpu")
        '2.13'
    """
    return ".".join(version.partition("+")[0].split(".")[:2])
