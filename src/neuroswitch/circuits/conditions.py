"""Under what conditions a circuit was found, compared with those under which it is used.

Values of provenance and identities in, sentences out; knows no model. A circuit of another model is refused by
`check_model`; what is compared here changes how far its numbers hold, and is said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from neuroswitch.errors import BadPrompts
from neuroswitch.options import ChatFormat
from neuroswitch.prompts import Prompt, content_digest
from neuroswitch.provenance import Found, Provenance
from neuroswitch.sites import NeuronLayout
from neuroswitch.storage import digest

UNION = "|"
HOW = "how"
"""Name of the argument in a circuit's provenance that says in words how it was chosen."""

SHOWN = 5
"""Prompts named in an error."""


def found_with(piles: Iterable[Sequence[Prompt]], chat: ChatFormat, read: Mapping[str, int]) -> Found:
    """Return the record of how neurons were chosen.

    Args:
        piles: The prompts that the choice depends on.
        chat: System prompt and thinking mode.
        read: The tokens at which neurons were read, with how often each occurred.
    """
    digests = sorted({content_digest(prompt) for pile in piles for prompt in pile})
    return Found(chat.system, chat.thinking, dict(read), tuple(digests))


def with_prompts(found: Found | None, prompts: Iterable[Prompt]) -> Found | None:
    """Return a record with further prompts on which something was chosen."""
    if found is None:
        return None
    further = {content_digest(prompt) for prompt in prompts}
    return Found(found.system, found.thinking, found.read, tuple(sorted({*found.prompts, *further})))


def differences(made: Provenance, model: Mapping[str, object], chat: ChatFormat) -> list[str]:
    """Say how a circuit is used otherwise than it was found.

    Args:
        made: Provenance of the circuit.
        model: Identity of the model it is used on, as a dict.
        chat: How prompts are put to it.

    Returns:
        A sentence without its subject for each difference, such as "was found in float32, and is used in
        bfloat16". For a circuit that does not record how it was found, one that says so.
    """
    return list(dict.fromkeys(_differences(made, model, chat)))


def _differences(made: Provenance, model: Mapping[str, object], chat: ChatFormat) -> Iterator[str]:
    if made.found is None and made.parts:
        for part in made.parts:
            yield from _differences(part, model, chat)
        return
    for key, words in (("template_sha256", "with the chat template {}"), ("dtype", "in {}")):
        before, now = made.model.get(key), model.get(key)
        if before and now and before != now:
            yield f"was found {words.format(before[:8])}, and is used {words.format(str(now)[:8])}"
    if made.found is None:
        yield (
            "does not record how it was found: whether system prompt and thinking mode were the same then, and "
            "whether the test prompts are held out, is not known"
        )
        return
    if made.found.system != chat.system:
        yield f"was found {_system(made.found.system)}, and is used {_system(chat.system)}"
    if made.found.thinking != chat.thinking:
        yield f"was found {_thinking(made.found.thinking)}, and is used {_thinking(chat.thinking)}"


def _system(text: str | None) -> str:
    return "without a system prompt" if text is None else f"with the system prompt {text!r}"


def _thinking(mode: bool | None) -> str:
    if mode is None:
        return "in the thinking mode of the template"
    return "with thinking" if mode else "without thinking"


def same_model(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Say whether two identities, as dicts, are of one model; the digests of the weights count where both are known."""
    known = one.get("weights_sha256") and other.get("weights_sha256")
    keys = ("model_type", "config_sha256", *(["weights_sha256"] if known else []))
    return all(one.get(key) == other.get(key) for key in keys)


def units_advice(made: NeuronLayout, given: NeuronLayout) -> str | None:
    """Return what to do where a circuit and a model differ in the units that they were made with; None for the same.

    Args:
        made: Neuron axis of the circuit.
        given: That of the model.
    """
    if made.units == given.units:
        return None
    return (
        f"the circuit's axis has {made.words}, the model was loaded with {given.words}: load the model with "
        f"--units {made.units} (units={made.units!r} in Python)"
    )


def joined(one: Provenance, other: Provenance) -> Provenance:
    """Return the provenance of the union of two circuits: that of both, where they were found in different ways."""
    if _way(one) == _way(other):
        return one
    parts = [part for made in (one, other) for part in (made.parts if _is_union(made) else (made,))]
    ways = " and ".join(dict.fromkeys(f"{part.ranking!r} on {part.contrast!r}" for part in parts))
    same = one.prompts_sha256 == other.prompts_sha256
    return replace(
        one,
        prompts_sha256=one.prompts_sha256 if same else digest([part.prompts_sha256 for part in parts]),
        contrast=" | ".join(dict.fromkeys(part.contrast for part in parts)),
        ranking=" | ".join(dict.fromkeys(part.ranking for part in parts)),
        arguments={"operation": UNION, HOW: f"the neurons of several circuits together: the rankings {ways}"},
        found=None,
        parts=tuple(parts),
    )


def restricted(one: Provenance, other: Provenance, operation: str) -> Provenance:
    """Return the provenance of those neurons of a circuit that another one has ("&"), or does not have ("-")."""
    which = "which are also in" if operation == "&" else "which are not in"
    told = one.arguments.get(HOW, f"chosen by the ranking {one.ranking!r} on {one.contrast!r}")
    how = f"{told}; only those {which} the circuit of the ranking {other.ranking!r} on {other.contrast!r}"
    return replace(one, arguments={**one.arguments, "operation": operation, HOW: how}, parts=(one, other))


def _is_union(made: Provenance) -> bool:
    return bool(made.parts) and made.arguments.get("operation") == UNION


def _way(made: Provenance) -> tuple[object, ...]:
    """Return what must be equal for two circuits to be found in one way: not how many neurons were kept, or when."""
    fixed = {key: value for key, value in made.arguments.items() if key not in ("size", "universal_left_out")}
    return (made.model, made.prompts_sha256, made.ranking, fixed, made.found, made.parts)


def known_prompts(made: Provenance) -> set[str]:
    """Return the digests of all prompts on which a circuit, or a part of it, was found."""
    own = set() if made.found is None else set(made.found.prompts)
    return own.union(*map(known_prompts, made.parts))


def require_unseen(made: Provenance, name: str, prompts: Iterable[Prompt]) -> None:
    """Refuse test prompts on which a circuit was found, whatever the file with them is called.

    Args:
        made: Provenance of the circuit.
        name: What the circuit is called in the message.
        prompts: The test prompts.

    Raises:
        BadPrompts: Some of them are among those on which the circuit's neurons were chosen.
    """
    known = known_prompts(made)
    seen = [prompt for prompt in prompts if content_digest(prompt) in known]
    if not seen:
        return
    shown = [f"{prompt.place}: {prompt.text[:60]!r}" for prompt in seen[:SHOWN]]
    if len(seen) > SHOWN:
        shown.append(f"and {len(seen) - SHOWN} more")
    raise BadPrompts(
        f"test prompts are not held out: {name} was found on them",
        found="\n            ".join(shown),
        expected=f"none of the {len(known)} prompts on which it was found, in {made.contrast!r}",
        do="remove them from the test prompts, or name the contrast set that the circuit was found with: "
        "its test prompts are others",
    )
