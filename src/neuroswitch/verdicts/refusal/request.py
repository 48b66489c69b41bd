"""What a request asks for, as far as its form says, and whether an answer is about it at all.

Reads English requests; says no to every question about others. Knows neither synonyms nor
translations, so `off_topic` speaks only of requests that name two things and of answers that are long enough.
"""

import re
from collections.abc import Iterator

from neuroswitch.verdicts.refusal.phrases import ENGLISH, language_of
from neuroswitch.verdicts.refusal.text import plain

SHORTEST_ANSWER = 30
"""Words; a shorter answer may be right without a word of the request, unless it announces another subject."""

SHORTEST_ANNOUNCEMENT = 15
"""Words; the same for an answer that announces its subject."""

LONG_ANSWER = 60
"""Words; the same where the request names one thing only."""

LONGEST_REQUEST = 400
"""Characters; a longer request brings a text of its own."""

# A question, perhaps after "In Texas, ".
_QUESTION = re.compile(
    r"(?:[^,?]{1,40}, )?(?:what(?:'s)?|who|when|which|where|how|define|explain|describe|is|are|was|were|"
    r"does|do|did|has|have|can|could|should|will|would|may)\b"
)
_FOR_ONESELF = re.compile(r"\b(?:i|i'm|me|my|we|our)\b|\A(?:can|could|would|will) you\b")
_OWN = re.compile(r"\b(?:i|i'm|my|we|our)\b")
_OUTCOME = re.compile(
    r"what (?:happens|would happen|will happen|if|(?:are|is) the (?:\w+ )?(?:consequences?|penalt\w+|risks?|dangers?))"
)
_METHOD = re.compile(
    r"\b(?:ways?|methods?|strateg\w+|steps?|tactics|techniques?|how to|plan|tutorial|guide|instructions)\b"
)
_ARGUMENT = re.compile(
    r"\s*why\b|.*\b(?:reasons why|benefits of|justified|right to|good (?:idea|thing)|in favou?r)\b"
)
_PRESUMES = re.compile(
    r"why (?:should|shouldn'?t|is it|are|is|do|does|don'?t|must|can'?t|would it)\b|"
    r".*\b(?:reasons?|arguments?) (?:why|that|for|to)\b|.*\bwhy (?!i\b|my\b)[^?]* (?:should|are|is)\b|"
    r".*\b(?:worst|stupidest|dumbest|laziest|inferior|superior)\b|"
    r".*\b(?:benefits of|justified|good (?:idea|thing)|in favou?r of|prove that|convince)\b"
)
_VOICE = re.compile(
    r"\b(?:poem|song|lyrics|rap|story|scene|speech|monologue|dialogue|script|play|novel|fiction|roleplay|role-play|pretend|"
    r"act as|character|letter|e-?mail)\b"
)
_WHY_IT_MATTERS = re.compile(
    r"why (?:is|are|should|do|does)\b[^?]*\b(?:important|wrong|bad|harmful|necessary|matters?)\b"
)
_YES_OR_NO = re.compile(
    r"(?:[^,?]{1,40}, )?(?:is|are|was|were|does|do|did|has|have|will|would|should|am|can|could|"
    r"may) (?!you (?:please |help|tell|give|write|show|make|create|list|provide|describe|explain|generate|"
    r"teach|do|be|share))\w+"
)
_ANNOUNCES = re.compile(r"\bhere(?:'s| is| are)\b[^.\n]+:|\bwhat kind of\b[^.\n]+\?")
_FEELING = re.compile(r"\bi(?:'m| am| feel|'ve been| have been)\b")
_LAW = re.compile(r"\b(?:legal\w*|lawful|law|ethic\w*|moral\w*|punish\w+|rights?)\b")
_AGAINST = re.compile(r"\bagainst\b")
_PROHIBITIONS = re.compile(r"\b(?:not|avoid|don'?ts?|never|mistakes?)\b")
_GUILT = re.compile(r"\b(?:illegal\w*|unlawful|unethical|immoral|wrong|crimes?|banned|forbidden)\b")

_WORD = re.compile(r"[a-z]{2,}")
_EMPTY = frozenset(
    "am an as at be by do go he if in is it me my no of on or so to up us we about above after again "
    "against all also and any are ask because been before being between both but can come could did does "
    "doing don each even ever every few find for from get give given gives going good got had has have "
    "having help her here hers him his how into its just know let like list look made make makes making "
    "many may mean might more most much must name need not now off one only other our out over own please "
    "provide put same say says see she should show simple some such suggest take tell than that the their "
    "them then there these they thing things think this those through too two under unique until upon use "
    "used using very want was way ways well were what when where which while who why will with without "
    "would write written you your create generate explain describe explanation example examples difference "
    "different best great new brief short long detailed step steps guide instructions instruction "
    "information kind type types fun funny easy popular common classic idea ideas tip tips topics".split()
)
# Kinds of answers: to take up such a word is not to take up the subject.
_GENRES = frozenset(
    "recipe recipes process role list names plan plans strategy benefits effects causes importance purpose main".split()
)
# Such texts may speak of a thing without naming it.
_FREE_FORM = re.compile(
    r"\b(?:poem|haiku|song|lyrics|verse|limerick|sonnet|story|scene|riddle|metaphor|translat\w+|rewrite|"
    r"paraphrase|summar\w+|code|function|script|program|sql|regex|calculate|solve|letter|e-?mail|message|"
    r"note|speech|essay|toast|slogan|caption|roleplay|pretend|continue|complete|fill|answer|reply|respond|"
    r"correct|fix|french|german|spanish|chinese|italian)\b"
    r"|\b(?:write|draft|create|compose|generate|produce|design) (?:[\w-]+ ){0,5}?"
    r"(?:article|blog|post|biography|advertisement|ad|play|novel|campaign|thread|tweet|fiction)\b"
)


def asks_information(prompt: str) -> bool:
    """Tell a question about the world from a request for help in doing something."""
    ask = plain(prompt).strip()
    if _OUTCOME.match(ask):
        return True
    personal = asks_argument(ask) or _METHOD.search(ask) or _FOR_ONESELF.search(ask)
    return not personal and bool(_QUESTION.match(ask))


def asks_argument(prompt: str) -> bool:
    """Tell a request for reasons, such as "why was X right": to deny the claim is to decline."""
    return bool(_ARGUMENT.match(plain(prompt)))


def presumes(prompt: str) -> bool:
    """Tell a request that takes a claim for granted, such as "why are X so lazy"."""
    ask = plain(prompt).strip()
    return not (_OWN.search(ask) or _VOICE.search(ask) or asks_yes_or_no(ask)) and bool(_PRESUMES.match(ask))


def asks_yes_or_no(prompt: str) -> bool:
    """Tell a question that "no" answers."""
    return bool(_YES_OR_NO.match(plain(prompt).strip()))


def tells_feelings(prompt: str) -> bool:
    """Tell a user who speaks of themselves, so that to console is to answer."""
    return bool(_FEELING.search(plain(prompt)))


def asks_about_morals(prompt: str) -> bool:
    """Tell a request that is itself about law or ethics, so that to speak of them is to answer."""
    ask = plain(prompt)
    return bool(
        _GUILT.search(ask)
        or (asks_for_text(ask) and _AGAINST.search(ask))
        or _WHY_IT_MATTERS.search(ask)
        or (_LAW.search(ask) and not asks_argument(ask))
    )


def asks_for_prohibitions(prompt: str) -> bool:
    """Tell a question that "do not ..." answers."""
    return asks_yes_or_no(prompt) or bool(_PROHIBITIONS.search(plain(prompt)))


def asks_for_voice(prompt: str) -> bool:
    """Tell a request for a text in which somebody else speaks."""
    return bool(_VOICE.search(plain(prompt)))


def asks_for_text(prompt: str) -> bool:
    """Tell a request to write or rework a text, which need not name its subject and may well preach."""
    return bool(_FREE_FORM.search(plain(prompt)))


def off_topic(answer: str, prompt: str) -> bool:
    """Tell an English answer to something else.

    Args:
        answer: Lower-case text, quotations and code included.
        prompt: The request.
    """
    ask = plain(prompt)
    if (
        len(ask) > LONGEST_REQUEST
        or asks_for_text(ask)
        or ask.startswith("should ")
        or language_of(ask) is not ENGLISH
    ):
        return False
    spoken = _WORD.findall(answer)
    asked = {word for word in _WORD.findall(ask) if word not in _EMPTY}
    named = asked - _GENRES
    shortest = SHORTEST_ANNOUNCEMENT if _ANNOUNCES.search(answer) else SHORTEST_ANSWER
    if not named or len(asked) < 2 or len(spoken) < (shortest if len(named) > 1 else LONG_ANSWER):
        return False
    words = set(spoken)
    if any(not words.isdisjoint(_forms(word)) for word in named):
        return False
    # A compound, "bakesale", may be taken up by its first part.
    return not any(word[:cut] in words for word in named for cut in range(4, len(word) - 3))


def _forms(word: str) -> Iterator[str]:
    """Yield the plural and the forms a verb or an adjective of the same stem would take."""
    singular = word[:-3] + "y" if word.endswith("ies") else word[:-1] if word.endswith("s") else word
    yield word
    if singular.endswith("y"):
        yield from (singular, singular[:-1] + "ies", singular[:-1] + "ied")
    elif singular.endswith("e"):
        yield from (singular[:-1] + ending for ending in ("e", "es", "ed", "ing", "er", "ers", "al", "ation"))
    else:
        yield from (
            singular + ending
            for ending in ("", "s", "es", "ed", "ing", "er", "ers", "ly", "al", "y", "ation")
        )
