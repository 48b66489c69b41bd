"""Read a model's tokenizer, with the chat template wherever the model's files keep it.

transformers reads a template from tokenizer_config.json and chat_template.jinja. Models that see keep it in
chat_template.json, for their processor; models of Mistral write chats by code of their own, mistral-common.
"""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils.hub import cached_file

from neuroswitch.errors import NeuroswitchError, Prerequisite
from neuroswitch.models.origin import Origin, own_errors
from neuroswitch.templates import has_template, wanted_parts

PROCESSOR_FILES = ("chat_template.json", "processor_config.json")
"""Where the template of a model's processor lies, and not that of its tokenizer."""

MISTRAL = "tekken.json"


def read_tokenizer(origin: Origin, *, trust_remote_code: bool) -> PreTrainedTokenizerBase:
    """Read the tokenizer of a model.

    Raises:
        Prerequisite: There is none, it needs something first, or a template is malformed.
        UnsupportedModel: transformers does not know it.
    """
    try:
        with own_errors(origin):
            tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
                origin.location, revision=origin.revision, trust_remote_code=trust_remote_code
            )
    except NeuroswitchError as error:
        if find_spec("mistral_common") is None and _only_mistral(origin):
            raise Prerequisite(
                f"the tokenizer of {origin.name} is in Mistral's own format",
                found=f"{MISTRAL} and no tokenizer.json, and mistral-common is not installed",
                do="pip install mistral-common, or use a copy of the model with tokenizer.json",
            ) from error
        raise
    if not has_template(tokenizer):
        if template := _processor_template(origin):
            tokenizer.chat_template = template
        elif _only_mistral(origin):
            tokenizer = _mistral(origin)
    _require_vocabulary(tokenizer, origin)
    return tokenizer


def require_template(tokenizer: PreTrainedTokenizerBase) -> None:
    """Check that what a user says arrives whole and once, where the tokenizer has a chat template.

    Raises:
        BadPrompts: The template rejects a message of a user.
        Prerequisite: It does not, or there are several templates without a default.
    """
    if has_template(tokenizer):
        wanted_parts(tokenizer)


def _mistral(origin: Origin) -> PreTrainedTokenizerBase:
    """Read tekken.json with mistral-common, where transformers has read it without its chat format."""
    with own_errors(origin):
        from transformers.tokenization_mistral_common import MistralCommonBackend

        found: PreTrainedTokenizerBase = MistralCommonBackend.from_pretrained(
            origin.location, revision=origin.revision or "main"
        )
    return found


def _only_mistral(origin: Origin) -> bool:
    return _file(origin, "tokenizer.json") is None and _file(origin, MISTRAL) is not None


def _processor_template(origin: Origin) -> Any:
    """Return the template of the model's processor: a text, or several by name; None where there is none."""
    for name in PROCESSOR_FILES:
        path = _file(origin, name)
        if path is None:
            continue
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            template = found.get("chat_template")
            if isinstance(template, list):
                template = {one["name"]: one["template"] for one in template}
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise _malformed(origin, name, f"{type(error).__name__}: {error}") from error
        named = template.values() if isinstance(template, dict) else [template]
        if template is not None and not all(isinstance(one, str) and one for one in named):
            raise _malformed(origin, name, repr(template)[:80])
        if template is not None:
            return template
    return None


def _malformed(origin: Origin, name: str, found: str) -> Prerequisite:
    return Prerequisite(
        f"{name} of {origin.name} is malformed",
        found=found,
        expected='{"chat_template": "..."}',
        do="fetch the file again, or write the template to chat_template.jinja beside it",
    )


def _file(origin: Origin, name: str) -> Path | None:
    """Return where a file of the model is on this machine; None where the model has none of that name."""
    found = cached_file(
        origin.location,
        name,
        revision=origin.revision,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)


def _require_vocabulary(tokenizer: PreTrainedTokenizerBase, origin: Origin) -> None:
    # where there are no files, transformers makes up a tokenizer without a vocabulary; mistral-common does not
    added = tokenizer.get_added_vocab() if hasattr(tokenizer, "get_added_vocab") else {}
    special = {*added, *tokenizer.all_special_tokens}
    if len(tokenizer.get_vocab().keys() - special) < 2:
        raise Prerequisite(
            f"{origin.name} has no tokenizer",
            found=f"a {type(tokenizer).__name__} without a vocabulary",
            do="put tokenizer.json and tokenizer_config.json beside config.json",
        )
