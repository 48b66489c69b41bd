"""Is an answer in a formal or a casual register? Told by what marks either in English.

Contractions, slang, greetings, exclamation marks and emoji against letter formulas, connectives and
forms written out in full. Where the marks balance, or there are none, plain expository prose counts
as formal and prose that talks to its reader (I, you, we) as casual: deixis is what the measure of
formality of Heylighen and Dewaele (1999) rests on. Sees marks, not tone: a sarcastic letter is formal.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from neuroswitch.verdicts.refusal.garble import garbled
from neuroswitch.verdicts.refusal.text import listen
from neuroswitch.verdicts.verdict import Verdict

TALKING = 0.05
"""Share of words that point at speaker or reader from which unmarked prose is talk."""


class Mark(NamedTuple):
    """A mark of a register in a text: where it is and how much it says."""

    span: tuple[int, int]
    weight: float


def _any_of(alternatives: str) -> re.Pattern[str]:
    """Compile whole words and phrases, parted by semicolons."""
    return re.compile(rf"\b(?:{'|'.join(map(str.strip, alternatives.split(';')))})\b")


# What marks a register, and how much each find weighs; over lower-case text with straight quotes.
_CASUAL = {
    _any_of(
        r"""hey+; hiya?; yo; howdy; sup; yeah?h?; yep; yup; nope; nah; wow; whoa; oops; ugh; phew; lol;
        (?:ha){2,}h?; btw; omg; tbh; idk; imo; gonna; wanna; gotta; kinda; sorta; dunno; lemme; gimme;
        cuz; ya; y'all; guys?; dudes?; bro; buddy; buddies; mates?; pals?; folks; awesome; no worries;
        no biggie; no big deal; cheers; ciao; xoxo; catch (?:you|up|ya); see (?:you|ya); what's up;
        heads-up; shout-out; hang(?:ing)? out; check it out; totally; you know what; guess what; so yeah;
        my friend; tons of; a bunch of; loads of; pretty much; crazy; chill; vibes?; grab a;
        fingers crossed; can't wait; long time no see"""
    ): 2.0,
    re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]|[:;]-?[)(dp](?!\\w)|<3"): 2.0,
    re.compile(
        r"\b\w+n't\b|\b(?:i|you|we|they|he|she|it|that|there|here|what|who|how|let|where)'(?:m|re|ve|ll|s|d)\b"
    ): 1.0,
    re.compile(r"!+"): 1.0,
    _any_of(
        "really; just; kind of; sort of; a lot; super; cool; fun; nice; great; stuff; anyway; oh; ok(?:ay)?"
    ): 0.5,
}
_FORMAL = {
    _any_of(
        r"""dear (?:sir|madam|mr|ms|mrs|dr|prof\w*|members?|valued|esteemed|colleagues?|customers?|hiring);
        to whom it may concern; ladies and gentlemen; your excellency; distinguished; esteemed;
        (?:yours )?(?:sincerely|faithfully); yours truly; (?:kind|best|warm) regards; respectfully;
        cordially; hereby; herein; hereto; thereof; notwithstanding; pursuant to; in accordance with;
        shall; we regret; please (?:be advised|find|accept|do not hesitate); at your earliest convenience;
        i am writing; i trust; one (?:may|must|should|ought);
        sincere(?:st)? (?:apolog\w+|condolences|gratitude|thanks);
        (?:apologi[sz]e|regret) for any inconvenience"""
    ): 2.0,
    re.compile(r"\bdear \["): 2.0,
    _any_of(
        r"""furthermore; moreover; consequently; therefore; thus; hence; nevertheless; nonetheless;
        accordingly; whereas; thereby; additionally; in addition; with (?:regard|respect) to; regarding;
        concerning; prior to; subsequent(?:ly)?; in order to; upon; whom; as well as; referred to as;
        such as; kindly; it is (?:advisable|recommended|imperative|essential|important|crucial);
        please note; i hope this (?:e-?mail|letter|message) finds you well;
        (?:i|we) (?:would|should) (?:like|be); i am (?:pleased|delighted); valued; honou?red; commence;
        facilitate; utili[sz]e; significant(?:ly)?; various; individuals?; ensur(?:e|es|ing); essential"""
    ): 1.0,
    _any_of(
        r"""(?:do|does|did|is|are|was|were|has|have|will|would|should|could) not; cannot;
        (?:it|that|there|this) is; i am; i have; i will; you are; we are; we have; we will; they are"""
    ): 0.5,
}
_DEICTIC = _any_of("i; me; my; mine; you; your; yours; we; us; our; ours")
_WORD = re.compile(r"[^\W\d_]+")


def classify(response: str, prompt: str | None = None) -> Verdict | None:
    """Say whether an answer is formal or casual.

    Args:
        response: The answer, in English; thinking and code in it have no say.
        prompt: The request; its repetition at the beginning of the answer has no say.

    Returns:
        A verdict with the label `formal`, `casual` or `degenerate`; its span is the weightiest mark.
        None if there is nothing to judge.

    Example:
        >>> classify("Hey! Wanna grab a coffee later?").label
        'casual'
    """
    speech = listen(response, prompt)
    if speech.code is None and (found := garbled(speech.visible)):
        return Verdict("degenerate", *found)
    words = len(_WORD.findall(speech.visible))
    if not words:
        return None
    casual, formal = (list(_marks(speech.visible, table)) for table in (_CASUAL, _FORMAL))
    weights = sum(mark.weight for mark in casual), sum(mark.weight for mark in formal)
    reason = f"casual marks weigh {weights[0]:g}, formal ones {weights[1]:g}"
    if weights[0] == weights[1]:
        talk = len(_DEICTIC.findall(speech.visible)) / words
        label = "casual" if talk > TALKING else "formal"
        return Verdict(label, None, f"{reason}; {talk:.0%} of the words point at speaker or reader")
    label, marks = ("casual", casual) if weights[0] > weights[1] else ("formal", formal)
    return Verdict(label, max(marks, key=lambda mark: mark.weight).span, reason)


def _marks(text: str, table: dict[re.Pattern[str], float]) -> Iterator[Mark]:
    for pattern, weight in table.items():
        for match in pattern.finditer(text):
            yield Mark(match.span(), weight)
