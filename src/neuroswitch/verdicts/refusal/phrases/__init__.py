"""The phrases of each language, and how the language of a text is recognized."""

import re

from neuroswitch.verdicts.refusal.phrases.chinese import CHINESE
from neuroswitch.verdicts.refusal.phrases.czech import CZECH
from neuroswitch.verdicts.refusal.phrases.dutch import DUTCH
from neuroswitch.verdicts.refusal.phrases.english import ENGLISH
from neuroswitch.verdicts.refusal.phrases.finnish import FINNISH
from neuroswitch.verdicts.refusal.phrases.french import FRENCH
from neuroswitch.verdicts.refusal.phrases.german import GERMAN
from neuroswitch.verdicts.refusal.phrases.greek import GREEK
from neuroswitch.verdicts.refusal.phrases.hungarian import HUNGARIAN
from neuroswitch.verdicts.refusal.phrases.italian import ITALIAN
from neuroswitch.verdicts.refusal.phrases.japanese import JAPANESE
from neuroswitch.verdicts.refusal.phrases.korean import KOREAN
from neuroswitch.verdicts.refusal.phrases.language import Language
from neuroswitch.verdicts.refusal.phrases.polish import POLISH
from neuroswitch.verdicts.refusal.phrases.portuguese import PORTUGUESE
from neuroswitch.verdicts.refusal.phrases.romanian import ROMANIAN
from neuroswitch.verdicts.refusal.phrases.russian import RUSSIAN
from neuroswitch.verdicts.refusal.phrases.scandinavian import DANISH_NORWEGIAN, SWEDISH
from neuroswitch.verdicts.refusal.phrases.spanish import SPANISH
from neuroswitch.verdicts.refusal.phrases.turkish import TURKISH
from neuroswitch.verdicts.refusal.phrases.ukrainian import UKRAINIAN

__all__ = ["ENGLISH", "LANGUAGES", "READABLE", "Language", "languages_of"]

LANGUAGES = (
    ENGLISH,
    GERMAN,
    DUTCH,
    SWEDISH,
    DANISH_NORWEGIAN,
    FRENCH,
    SPANISH,
    ITALIAN,
    PORTUGUESE,
    ROMANIAN,
    POLISH,
    CZECH,
    RUSSIAN,
    UKRAINIAN,
    FINNISH,
    HUNGARIAN,
    TURKISH,
    GREEK,
    CHINESE,
    JAPANESE,
    KOREAN,
)

READABLE = frozenset(
    "English,German,Dutch,Swedish,Danish or Norwegian,French,Spanish,Italian,Portuguese,Romanian,Polish,Czech,"
    "Russian,Ukrainian,Finnish,Hungarian,Turkish,Greek,Chinese,Japanese,Korean".split(",")
)
"""The same languages, as `verdicts.languages` calls them."""

_SAMPLE = 400
_SHARE = 0.1
_LEAD = 2
# No other language shares so many frequent words with English.
_CERTAIN = 8
_LETTERS = (
    (re.compile(r"[\u3040-\u30ff]"), JAPANESE),
    (re.compile(r"[\u4e00-\u9fff]"), CHINESE),
    (re.compile(r"[\uac00-\ud7af]"), KOREAN),
    (re.compile(r"[\u0370-\u03ff]"), GREEK),
)
_VOTING = tuple(language for language in LANGUAGES if language.common)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def languages_of(text: str) -> tuple[Language, ...]:
    """Return the languages that a lower-case text may be in, by its letters or its most frequent words.

    Returns:
        The likeliest first; all of them if none has a clear lead. Without any sign, English is first.
    """
    sample = text.strip()[:_SAMPLE]
    if not sample.isascii():
        for letters, language in _LETTERS:
            if len(letters.findall(sample)) > _SHARE * len(sample):
                return (language,)
    words = set(_WORD.findall(sample))
    if len(words & ENGLISH.common) >= _CERTAIN:
        return (ENGLISH,)
    votes = [(len(words & language.common), language) for language in _VOTING]
    votes.sort(key=lambda vote: -vote[0])
    ranked = tuple(language for _, language in votes)
    return ranked[:1] if votes[0][0] - votes[1][0] >= _LEAD else ranked
