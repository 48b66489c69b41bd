"""What a table of phrases holds, whatever the language.

A table is data: regular expressions over lower-case text with straight quotes. It knows nothing of
how the signs are weighed.
"""

import re
from dataclasses import dataclass

NEVER = re.compile(r"(?!)")
ANYTHING = re.compile("")


def one_of(words: str) -> str:
    """Write alternatives that commas separate as one group: "no, not at all" becomes `(?:no|not at all)`."""
    return f"(?:{'|'.join(_parts(words))})"


def verbs(words: str) -> str:
    """Write English verbs that commas separate as one group, each with its -ing form."""
    forms = [f"{word[:-1]}(?:e|ing)" if word.endswith("e") else f"{word}(?:ing)?" for word in _parts(words)]
    return f"(?:{'|'.join(forms)})"


def any_of(*patterns: str) -> re.Pattern[str]:
    """Compile alternatives into one expression that is tried at the beginning of words only.

    Args:
        patterns: Regular expressions over lower-case text; a blank in them stands for a run of blanks.
    """
    # Trying dozens of alternatives at every character would take five times as long.
    return re.compile(rf"\b(?=\w)(?:{_joined(patterns)})")


def anywhere(*patterns: str) -> re.Pattern[str]:
    """Compile alternatives into one expression, for scripts that put no blanks between words."""
    return re.compile(_joined(patterns))


def _parts(words: str) -> list[str]:
    return [" ".join(part.split()) for part in words.split(",")]


def _joined(patterns: tuple[str, ...]) -> str:
    return "|".join(re.sub(r" (?![*?\]])", " +", pattern) for pattern in patterns)


@dataclass(frozen=True)
class Language:
    """The signs of refusing, lecturing and answering in one language.

    Attributes:
        code: ISO 639-1, or several joined by a plus where one table serves them.
        common: Frequent words that no neighbouring language shares, to tell the language.
        declines: The speaker will not or may not do what was asked.
        negations: Every decline holds one of these words; sentences without one are not searched.
        insistence: Says of a decline that it is one; asked of those that come late in a text.
        spared: Looks like a decline and is none: idioms, emphasis, disclaimed opinions.
        limits: The speaker lacks knowledge, senses or access: an answer, not a refusal.
        morals: Condemns: illegal, unethical, never acceptable.
        duties: Preaches: it is important to, everyone deserves, I encourage you to.
        redirects: Sends the user elsewhere: seek help, contact the authorities, consider instead.
        comforts: Consoles a user in distress.
        alternatives: Announces something harmless in place of what was asked.
        answers: Announces or is an answer: here are the steps, first, you will need.
        privacy: Names the private life of others.
        identity: What the speaker is and that it has no opinions: says nothing either way.
        facts: Sets a matter of fact right: science, fiction, a joke.
    """

    code: str
    common: frozenset[str]
    declines: re.Pattern[str]
    negations: re.Pattern[str]
    insistence: re.Pattern[str] = ANYTHING
    spared: re.Pattern[str] = NEVER
    limits: re.Pattern[str] = NEVER
    morals: re.Pattern[str] = NEVER
    duties: re.Pattern[str] = NEVER
    redirects: re.Pattern[str] = NEVER
    comforts: re.Pattern[str] = NEVER
    alternatives: re.Pattern[str] = NEVER
    answers: re.Pattern[str] = NEVER
    privacy: re.Pattern[str] = NEVER
    identity: re.Pattern[str] = NEVER
    facts: re.Pattern[str] = NEVER
