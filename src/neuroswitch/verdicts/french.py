"""Is an answer in French? Decided by counting function words of French and of its neighbours.

Function words make up a third of running French. Those of the neighbours are counted as well, so that
Italian or Catalan is not taken for poor French. Whether the French is good is not judged.
"""

import re

from neuroswitch.verdicts.degenerate import degenerate
from neuroswitch.verdicts.speech import extract_speech
from neuroswitch.verdicts.verdict import Verdict

LEAST_WORDS = 3
"""The language of an answer with fewer words, such as a name or a number, is unknown."""

LEAST_SHARE = 0.15
"""Share of function words that a text in a language has at least."""

_FRENCH = "French"
_TABLES = {
    _FRENCH: """
        le la les un une des du de au aux et ou où mais donc car est sont était être ont avait avez a à dans
        en sur sous avec sans pour par chez vers entre pendant depuis afin ce cet cette ces ça cela ceci qui
        que quoi dont il elle ils elles on nous vous je tu me te se lui leur leurs son sa ses mon ma mes ton
        ta tes notre nos votre vos ne pas plus très bien aussi comme quand si tout toute tous toutes même
        peut pouvez peuvent faire fait voici voilà c' d' j' l' m' n' s' t' qu'
    """,
    "English": """
        the a an of and or but to in on at by for with from as is are was were be been has have had it its
        this that these those you your they their we our he she his her i my not can will would should which
        who what when if there here more some any do does how why also than then so into about
    """,
    "Spanish": """
        el la los las un una unos unas de del al y o pero es son era ser está están ha han en con sin por
        para su sus mi tu que qué quien como cuando si no más muy lo le les se me te nos este esta estos
        estas ese esa también puede pueden hay
    """,
    "Italian": """
        il lo la i gli le un uno una di del dello della dei delle al alla ai alle da dal dalla nel nella e o
        ma è sono era essere ha hanno in con su per tra fra che chi cui come quando se non più molto si mi
        ti ci vi questo questa questi queste anche può possono c' d' l'
    """,
    "Portuguese": """
        o a os as um uma uns umas de do da dos das ao à aos e ou mas é são era ser está estão tem em no na
        nos nas com sem por para pelo pela que quem como quando se não mais muito lhe me te este esta isso
        também pode podem você seu sua
    """,
    "Catalan": """
        el la els les un una uns unes de del dels al als i o però és són era ser està en amb sense per que
        qui com quan si no més molt es em et ens aquest aquesta aquests també pot hi ha d' l' s' n'
    """,
    "Romanian": """
        un o unui unei de la din în pe cu fără pentru și sau dar este sunt era fi are au ce care cine cum
        când dacă nu mai foarte se îmi îți acest această aceste poate al ale lui
    """,
    "German": """
        der die das den dem des ein eine einen einem einer und oder aber ist sind war sein hat haben in im
        an am auf mit ohne für von vom zu zum zur nach bei aus nicht sie er es ich du wir ihr man sich dass
        wenn wie auch kann können wird werden
    """,
    "Dutch": """
        de het een en of maar is zijn was wordt heeft hebben in op aan met zonder voor van naar bij uit niet
        ze hij ik je u we men zich dat die dit deze als hoe ook kan kunnen er om te
    """,
}
_FUNCTION_WORDS = {language: frozenset(words.split()) for language, words in _TABLES.items()}
_WORD = re.compile(r"\b(?:[cdjlmnst]|qu)'|[^\W\d_]+")
_LATIN = re.compile(r"[a-zà-öø-ÿœā-ſ]+")


def classify_french(response: str, prompt: str | None = None) -> Verdict | None:
    """Decide whether an answer is in French.

    Args:
        response: The answer; thinking and code in it are ignored.
        prompt: The request; its repetition at the beginning of the answer is ignored.

    Returns:
        A verdict with the label `french`, `other` or `degenerate`; None if the answer is too short.

    Examples:
        >>> classify_french("Les feuilles tombent parce que les jours sont plus courts.").label
        'french'
    """
    speech = extract_speech(response, prompt)
    if verdict := degenerate(speech):
        return verdict
    words = list(_WORD.finditer(speech.visible))
    if 2 * sum(_LATIN.match(word.group()) is not None for word in words) < len(words):
        return Verdict("other", None, "another script")
    if len(words) < LEAST_WORDS:
        return None
    counts = {
        language: sum(word.group() in table for word in words) for language, table in _FUNCTION_WORDS.items()
    }
    best = max(counts, key=lambda language: counts[language])
    reason = (
        f"{counts[best]} of {len(words)} words are function words of {best}, {counts[_FRENCH]} of {_FRENCH}"
    )
    if counts[best] < LEAST_SHARE * len(words):
        return Verdict("other", None, f"no language known here: {reason}")
    if best != _FRENCH:
        return Verdict("other", None, reason)
    places = [word.span() for word in words if word.group() in _FUNCTION_WORDS[_FRENCH]]
    return Verdict("french", (places[0][0], places[-1][1]), reason)
