"""The language of a text, by its letters and its function words; and whether a detector can read it.

Function words make up a third of running text, and neighbouring languages differ in them. Tables hold words
only: nothing here knows what a detector looks for.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection

FEWEST_WORDS = 20
"""Running text of as many words, nearly none of them a function word known here, is in an unknown language."""

FEWEST_HITS = 2
"""A language is recognized by as many different function words of more than one letter."""

LEAST_SHARE = 0.15
"""Share of function words that a text in a language has at least."""

UNKNOWN_SHARE = 0.06
"""Running text with a smaller share of function words of any one language is in none of them."""

RUNNING = 7
"""Words a line from which text is running text; lists of names have no function words in any language."""

SAMPLE = 4_000
"""Characters that are read, from the beginning."""

FUNCTION_WORDS = {
    language: frozenset(words.split())
    for language, words in {
        "French": """
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
            am me us him them no yes only just over up out always very now because don didn doesn isn aren wasn t s
            d ll m re ve won may must let get one two too
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
        "Swedish": """
            och att det som en ett är på för med av den till inte har jag kan om du de vi men så från eller när
            vid var vara här detta dig mig din ditt sig ska skulle över under där vad hur mot efter finns också
            man utan min mitt
        """,
        "Danish or Norwegian": """
            og at det som en et er på for med af av den til ikke har jeg kan om du de vi men så fra eller når
            ved var være her dette dig deg mig meg din sig seg skal ville over under der hvad hva hvordan mod
            mot efter etter findes finnes også man uden uten min
        """,
        "Polish": """
            i w na nie się z że do to jest jak o co ale po tak za od dla przez przy być są może tym tego ten ta
            które który która oraz lub czy mnie mogę ci cię jego jej ich aby pod bez nad też już
        """,
        "Czech": """
            a v na se je že s z do to o k si jsou jako ale po za od pro při být by nebo který která které tak
            jsem není mi ti vám pokud aby jeho její jejich ve ze bez nad také už co když tento toto mohu
        """,
        "Finnish": """
            ja on ei että se en voi hän ne joka jos kun niin mutta tai myös kuin ole ovat olla oli minä sinä
            minun sinun tämä tämän tässä sen sitä siitä sitten vain jo nyt mitä miten voin voit jotka sekä
            kanssa ennen jälkeen noin
        """,
        "Hungarian": """
            a az és hogy nem is egy ez ezt azt van de ha meg csak mint vagy már még el ki be fel le én te ő mi
            ti ők nekem neked ezek azok amely ami aki majd után között alatt kell lehet minden így ebben ehhez
            tudok arra
        """,
        "Turkish": """
            ve bir bu da de için ile ne o ben sen biz siz onlar ama ancak çok daha gibi kadar sonra önce olarak
            olan var yok değil mi mı mu mü ki şu her bunu buna bana size sana veya ya en
        """,
        "Russian": """
            и в не на я что с как это по но из у за то для от о к все так вы мы он она они бы же или если есть
            только при вам вас мне его ее их был быть может можно нет до во этот эта эти чтобы под после без
            также этом
        """,
        "Ukrainian": """
            і й в у не на я що з як це по але із за то для від про до все так ви ми він вона вони би же або якщо
            є тільки при вам вас мені його її їх був бути може можна немає ні цей ця ці щоб під після без також
            та цим
        """,
        "Slovak": """
            a v na sa je že s z do to o k si sú ako ale po za od pre pri byť by alebo ktorý ktorá ktoré tak som
            nie mi ti vám ak aby jeho jej ich vo zo bez nad tiež už čo keď tento toto môžem
        """,
        "Slovenian": """
            in v na se je da z s za ne ki pa so kot po od do ali ter pri bi sem ni to ta tem lahko kako kaj če
            vam vas jaz mi sva smo biti tudi še ker pred brez
        """,
        "Croatian, Bosnian or Serbian": """
            i u na se je da za ne s sa od su kao što po ili ali pri bi sam nije to taj te mogu kako ako vam vas
            mi smo biti također takođe još jer pre prije bez koji koja koje ovo
            и у на се је да за не са од су као што по или али при би сам није то тај те могу како ако вам вас
            ми смо бити такође још јер пре без који која које ово
        """,
        "Bulgarian or Macedonian": """
            и в на не се да за с от по като но или със са е съм това този тази тези което който която как ако
            ви вие ние може мога ще при до без към след още защото има беше бъде ги го ја во од дека што сум
            ова не можам како или
        """,
        "Belarusian": """
            і ў на не я што з як гэта па але за то для ад пра да усё так вы мы ён яна яны бы жа або калі ёсць
            толькі пры вам вас мне яго яе іх быў быць можа можна няма гэты каб пад пасля без таксама магу
        """,
        "Vietnamese": """
            và của là không tôi có thể cho được với các những này để một trong bạn người khi nhưng từ đã về như
            sẽ ở vì nếu cũng ra đó rất xin nên hoặc giúp việc
        """,
        "Indonesian or Malay": """
            dan yang di untuk dengan ini itu tidak dari saya pada adalah dalam anda akan bisa dapat juga atau
            ke kami kita mereka ada karena oleh sebagai tetapi tapi jika lebih sudah telah boleh tak awak kamu
            seperti maaf
        """,
        "Tagalog": """
            ang ng sa na mga at ay hindi ako ka ko mo para kung ito iyon siya nila kami tayo ni si o pero dahil
            upang may wala maaari po din rin lang isang nang bilang
        """,
        "Swahili": """
            na ya wa kwa ni za katika la hii hiyo huo huu hilo hayo mimi wewe yeye sisi siwezi naweza lakini au
            kama kuwa cha vya kwamba si hapa yako yangu hili kwenye pia sana ili
        """,
        "Afrikaans": """
            die en is nie van in ek jy het om te vir wat dit met op sy my jou ons hulle kan sal moet maar of as
            by aan so ook daar hierdie was deur
        """,
        "Galician": """
            o a os as un unha uns unhas de do da dos das ao á e ou mais pero non é son era ser está están ten en
            no na nos nas con sen por para que quen como cando se moi lle me che este esta isto tamén pode podo
            eu vostede seu súa
        """,
        "Basque": """
            eta ez da bat du dira dut hau hori ere baina izan ezin zure nire egin behar baino edo oso dituzu
            dezaket nola zer bezala gero honek
        """,
        "Lithuanian": """
            ir yra kad į iš su ne tai kaip bet ar aš jūs jis ji mes jie nuo po už dėl apie jums man gali galiu
            negaliu buvo būti šis ši tik jau prie per taip pat
        """,
        "Latvian": """
            un ir ka no ar uz par ne tas kā bet vai es jūs viņš viņa mēs viņi pēc lai jums man var varu nevaru
            bija būt šis šī tikai jau pie arī tā pat kas
        """,
        "Estonian": """
            ja on ei et see ma mina sa sina ta me te nad kui aga või ka oma selle seda mis kes nii siis veel
            pole saa saan saab olen oli olla kuidas pärast enne koos väga teie teile
        """,
        "Icelandic": """
            og að er ekki ég í á til með um það sem en þú við fyrir af hann hún þeir eru var vera get getur ef
            eða þetta þessi þér mér frá eftir svo líka hvernig því
        """,
        "Albanian": """
            dhe të në e i një për me nuk është që nga unë ti ju ai ajo ne ata por ose si kjo ky këtë mund kam ka
            janë do ishte më se pas edhe
        """,
        "Welsh": """
            a y yr yn i o ar ac nid yw mae ei eich fy am gan ond neu fel hyn hynny bod wedi gallaf allaf chi fi
            ni nhw sydd oedd rhaid gyda
        """,
        "Irish": """
            agus an na is ní tá ar i le go do a mé tú sé sí muid siad ach nó mar seo sin bhí bheith féidir liom
            leat ag ó faoi don
        """,
        "Esperanto": """
            kaj la de en estas ne mi vi li ŝi ĝi ni ili ke por kun al sed aŭ kiel tio tiu ĉi povas el pri se ĉu
            ankaŭ pli mia via
        """,
        "Latin": """
            et in est non ad cum ut ex sed quod qui quae si per ego tu ab aut atque nec sunt esse hoc haec enim
            autem etiam possum
        """,
        "Azerbaijani or Uzbek": """
            və bir bu üçün ilə deyil mən sən biz siz amma çox daha kimi sonra olan var yoxdur ki hər sizə mənə va bilan
            uchun emas men sen lekin juda yoki kabi keyin shu har sizga
        """,
        "Yoruba": """
            àti ni ti ń kò sí fún mo mi o ó ìwọ àwọn náà pé láti bí tí ṣe jẹ́ wọ́n kí yìí lè nínú
        """,
        "Zulu or Xhosa": """
            ukuthi futhi kodwa noma uma ngoba kanye lokho lokhu mina wena thina angikwazi ngiyaxolisa kwi ndiyaxolisa
            kuba okanye
        """,
        "Somali": """
            iyo oo waa in ka ku u la si ay uu aan ma waxaa waxa laakiin ama haddii markii kuu kale
        """,
        "Hausa": """
            da na a ba ta ya ne ce wannan don ga ko amma ina kuma wani domin su ku shi zan iya
        """,
        "Haitian Creole": """
            nan ak yo pou mwen ou li nou se pa ki sa yon gen ka men oswa tankou lè pral te
        """,
    }.items()
}

_WORD = re.compile(r"\b(?:[cdjlmnst]|qu)'|[^\W\d_]+")
# Scripts that several languages share are told apart by words; each other one stands for what is written in it.
_SHARED = frozenset({"LATIN", "CYRILLIC"})
_ONE_SCRIPT = {
    "GREEK": "Greek",
    "CJK": "Chinese",
    "HIRAGANA": "Japanese",
    "KATAKANA": "Japanese",
    "HANGUL": "Korean",
}


def words_of(text: str) -> list[re.Match[str]]:
    """Find the words of a normalized text; an elided article such as l' is a word."""
    return list(_WORD.finditer(text))


def hits(words: Collection[str]) -> dict[str, int]:
    """Count the function words of every language: language -> number."""
    counts = Counter(words)
    return {
        language: sum(counts[word] for word in counts.keys() & table)
        for language, table in FUNCTION_WORDS.items()
    }


def unreadable(text: str, readable: Collection[str]) -> str | None:
    """Say why a detector that reads some languages cannot judge a text.

    Args:
        text: What the model says, normalized; without code.
        readable: The languages that the detector reads.

    Returns:
        The reason in words. None if the text is in a readable language, or too short, too much of a list or
        of code to tell.
    """
    sample = text[:SAMPLE]
    script = _script(sample)
    if script is not None and script not in _SHARED:
        language = _ONE_SCRIPT.get(script)
        if language in readable:
            return None
        return f"in {language or f'{script.capitalize()} letters'}, which this detector cannot read"
    words = [match.group() for match in words_of(sample)]
    found = hits(words)
    known = max((found[language] for language in readable if language in found), default=0)
    other = max(FUNCTION_WORDS.keys() - set(readable), key=lambda language: (found[language], language))
    # A tie is left to the known language.
    enough = found[other] >= max(known + 1, LEAST_SHARE * len(words))
    if enough and sum(len(word) > 1 for word in FUNCTION_WORDS[other] & set(words)) >= FEWEST_HITS:
        return f"in {other}, which this detector cannot read"
    if _runs(sample, len(words)) and max(found.values()) < UNKNOWN_SHARE * len(words):
        return "in a language that this detector does not know"
    return None


def _script(text: str) -> str | None:
    """Return the script of most letters, by the first word of their Unicode names; None without letters."""
    if text.isascii():
        return "LATIN"
    scripts: Counter[str] = Counter()
    for letter, count in Counter(filter(str.isalpha, text)).items():
        scripts[unicodedata.name(letter, "unknown").partition(" ")[0]] += count
    return scripts.most_common(1)[0][0] if scripts else None


def _runs(text: str, words: int) -> bool:
    """Whether a text is long and in sentences."""
    lines = sum(1 for line in text.splitlines() if line.strip())
    return words >= FEWEST_WORDS and words >= RUNNING * lines
