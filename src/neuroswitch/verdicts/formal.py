"""Is an answer formal or casual? Decided by weighing marks of either register in English.

Contractions, slang, greetings, exclamation marks and emoji against letter formulas, connectives and
forms written out in full. If the marks balance, prose is casual if it often points at speaker or reader (I,
you, we) and formal otherwise, as in the measure of formality of Heylighen and Dewaele (1999). Tone is not
judged: a sarcastic letter is formal.
"""

import re

from neuroswitch.verdicts.degenerate import degenerate
from neuroswitch.verdicts.languages import unreadable
from neuroswitch.verdicts.speech import extract_speech
from neuroswitch.verdicts.verdict import Verdict

TALKING = 0.05
"""Share of words that point at speaker or reader above which prose without marks is casual."""


def _any_of(alternatives: str) -> re.Pattern[str]:
    """Compile whole words and phrases, separated by semicolons."""
    return re.compile(rf"\b(?:{'|'.join(map(str.strip, alternatives.split(';')))})\b")


# Marks of a register, in normalized text, and the weight of each occurrence.
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


def classify_register(response: str, prompt: str | None = None) -> Verdict | None:
    """Decide whether an answer is formal or casual.

    Args:
        response: The answer, in English; thinking and code in it are ignored.
        prompt: The request; its repetition at the beginning of the answer is ignored.

    Returns:
        A verdict with the label `formal`, `casual` or `degenerate`, with the heaviest mark as its span;
        None if the answer has no words, and a verdict without a label if it is not in English.

    Examples:
        >>> classify_register("Hey! Wanna grab a coffee later?").label
        'casual'
    """
    speech = extract_speech(response, prompt)
    if verdict := degenerate(speech):
        return verdict
    words = len(_WORD.findall(speech.visible))
    if not words:
        return None
    if reason := unreadable(speech.visible, {"English"}):
        return Verdict(None, None, reason)
    casual, formal = (
        [(weight, match) for pattern, weight in table.items() for match in pattern.finditer(speech.visible)]
        for table in (_CASUAL, _FORMAL)
    )
    weights = sum(weight for weight, _ in casual), sum(weight for weight, _ in formal)
    reason = f"casual marks weigh {weights[0]:g}, formal ones {weights[1]:g}"
    if weights[0] == weights[1]:
        talk = len(_DEICTIC.findall(speech.visible)) / words
        label = "casual" if talk > TALKING else "formal"
        return Verdict(label, None, f"{reason}; {talk:.0%} of the words point at speaker or reader")
    label, marks = ("casual", casual) if weights[0] > weights[1] else ("formal", formal)
    return Verdict(label, max(marks, key=lambda mark: mark[0])[1].span(), reason)
