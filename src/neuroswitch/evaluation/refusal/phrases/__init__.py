"""The phrases of each language, and how the language of a text is told."""

import re

from neuroswitch.evaluation.refusal.phrases.chinese import CHINESE
from neuroswitch.evaluation.refusal.phrases.czech import CZECH
from neuroswitch.evaluation.refusal.phrases.dutch import DUTCH
from neuroswitch.evaluation.refusal.phrases.english import ENGLISH
from neuroswitch.evaluation.refusal.phrases.finnish import FINNISH
from neuroswitch.evaluation.refusal.phrases.french import FRENCH
from neuroswitch.evaluation.refusal.phrases.german import GERMAN
from neuroswitch.evaluation.refusal.phrases.greek import GREEK
from neuroswitch.evaluation.refusal.phrases.hungarian import HUNGARIAN
from neuroswitch.evaluation.refusal.phrases.italian import ITALIAN
from neuroswitch.evaluation.refusal.phrases.japanese import JAPANESE
from neuroswitch.evaluation.refusal.phrases.korean import KOREAN
from neuroswitch.evaluation.refusal.phrases.language import Language
from neuroswitch.evaluation.refusal.phrases.polish import POLISH
from neuroswitch.evaluation.refusal.phrases.portuguese import PORTUGUESE
from neuroswitch.evaluation.refusal.phrases.romanian import ROMANIAN
from neuroswitch.evaluation.refusal.phrases.russian import RUSSIAN
from neuroswitch.evaluation.refusal.phrases.scandinavian import DANISH_NORWEGIAN, SWEDISH
from neuroswitch.evaluation.refusal.phrases.spanish import SPANISH
from neuroswitch.evaluation.refusal.phrases.turkish import TURKISH
from neuroswitch.evaluation.refusal.phrases.ukrainian import UKRAINIAN

__all__ = ["ENGLISH", "LANGUAGES", "Language", "language_of", "languages_of"]

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


def language_of(text: str) -> Language:
    """Tell the language of lower-case text; English where nothing speaks for another."""
    return languages_of(text)[0]


def languages_of(text: str) -> tuple[Language, ...]:
    """Tell the languages a lower-case text may be in: by its letters, else by its most frequent words.

    Returns:
        The likeliest first; all of them where none has a clear lead.
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
