"""What a comparison is about, written once: the model's identity, the prompts, who judges.

With it, the settings, the rows and the descriptions of the methods, every number of the report can be
computed again without the model.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neuroswitch.chat import encode, read_token
from neuroswitch.errors import BadRun
from neuroswitch.experiment.behaviour import Behaviour
from neuroswitch.experiment.comparison.files import FACTS
from neuroswitch.experiment.comparison.settings import CompareSettings
from neuroswitch.models import LanguageModel
from neuroswitch.prompts import Prompt
from neuroswitch.storage import digest, write_json


def write_facts(
    folder: Path,
    model: LanguageModel,
    behaviour: Behaviour,
    settings: CompareSettings,
    piles: Mapping[str, Sequence[Prompt]],
) -> None:
    """Write the facts, or compare them with those that are there; a pile may be new.

    Raises:
        BadRun: The model or the prompts are not those that the folder was begun with.
    """
    contrast = behaviour.contrast
    token = read_token(
        model.tokenizer, encode(model.tokenizer, contrast.discovery.positive[0], settings.chat)
    )
    facts: dict[str, Any] = {
        "behaviour": behaviour.name,
        "sensitive": behaviour.sensitive,
        "detector": behaviour.detector.name,
        "model": asdict(model.identity),
        "contrast": contrast.name,
        "contrast_sha256": contrast.sha256,
        "discovery": [len(pile) for pile in contrast.discovery],
        "validation": [len(pile) for pile in contrast.validation],
        "token_read": f"{token.text!r}, the last of the prompt",
        "piles": {name: [len(pile), digest([one.id for one in pile])] for name, pile in piles.items()},
    }
    path = folder / FACTS
    if path.exists():
        before = json.loads(path.read_text())
        now = json.loads(json.dumps(facts))
        now["piles"] = {**before["piles"], **now["piles"]}
        facts["piles"] = now["piles"]
        changed = [key for key in now if key != "piles" and before.get(key) != now[key]]
        changed += [f"{key} prompts" for key, was in before["piles"].items() if now["piles"][key] != was]
        if changed:
            raise BadRun(
                f"{folder} was begun with another model or other prompts",
                found="differences in " + ", ".join(changed),
                do="name another output folder, or restore what it was begun with",
            )
    write_json(path, facts)
