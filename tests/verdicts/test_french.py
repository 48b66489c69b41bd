"""The French detector: running French against its neighbours, English, other scripts, code and noise."""

import pytest

from neuroswitch.verdicts.french import classify_french as classify

FRENCH = [
    "Pour cuire un œuf à la coque, plongez-le dans l'eau bouillante pendant trois minutes.",
    "Les feuilles changent de couleur parce que les jours raccourcissent.",
    "Bien sûr ! Voici quelques idées pour un dimanche pluvieux :\n1. Lire un livre\n2. Faire un gâteau",
    "Sure, here it is in French: les abeilles récoltent le nectar des fleurs et en font du miel.",
    "L\u2019eau de mer est salée car les rivières y apportent des sels.",
    "Le pain lève grâce à la levure.",
    "Voici le code :\n```python\nfor x in the_list:\n    print(x, 'is in it')\n```\nIl affiche chaque mot.",
    "<think>So I will write it in French for the user.</think>Le phare guide les bateaux vers le port.",
]
OTHER = [
    "To boil an egg, put it into boiling water for three minutes.",
    "The French word for bread is « pain », and the word for water is « eau ».",
    "In French you would say: c'est la vie. It means that this is how life goes.",
    "Las hojas cambian de color porque los días son más cortos.",
    "Le foglie cambiano colore perché le giornate si accorciano e fa più freddo.",
    "As folhas mudam de cor porque os dias são mais curtos.",
    "Les fulles canvien de color perquè els dies són més curts i fa més fred.",
    "Frunzele își schimbă culoarea pentru că zilele sunt mai scurte și este mai frig.",
    "Die Blätter ändern ihre Farbe, weil die Tage kürzer werden.",
    "De bladeren veranderen van kleur omdat de dagen korter worden.",
    "Liście zmieniają kolor, ponieważ dni stają się krótsze.",
    "树叶变色是因为白天变短了。",
    "Листья меняют цвет, потому что дни становятся короче.",
    "葉の色が変わるのは日が短くなるからです。",
]


@pytest.mark.parametrize("text", FRENCH)
def test_french_answers_are_french_and_the_span_lies_in_them(text: str) -> None:
    verdict = classify(text)

    assert verdict is not None
    assert verdict.label == "french"
    assert verdict.span is not None
    assert 0 <= verdict.span[0] < verdict.span[1] <= len(text)


@pytest.mark.parametrize("text", OTHER)
def test_answers_in_other_languages_are_not(text: str) -> None:
    verdict = classify(text)

    assert verdict is not None
    assert (verdict.label, verdict.span) == ("other", None)


@pytest.mark.parametrize("text", FRENCH[:3] + OTHER[:1])
def test_case_and_line_breaks_make_no_difference(text: str) -> None:
    plain, loud, broken = (classify(form) for form in (text, text.upper(), text.replace(" ", "\n")))

    assert plain is not None and loud is not None and broken is not None
    assert plain.label == loud.label == broken.label


def test_thinking_in_french_is_no_answer_in_french() -> None:
    verdict = classify(
        "<think>Il faut que je réponde dans la langue de la question.</think>It is the best way to do it."
    )

    assert verdict is not None
    assert verdict.label == "other"


def test_a_repeated_french_question_is_no_french_answer() -> None:
    question = "Quelle est la différence entre un lac et un étang dans les montagnes ?"
    text = f"{question} It is the size of the water."

    repeated, alone = classify(text, question), classify(text)

    assert repeated is not None and alone is not None
    assert (repeated.label, alone.label) == ("other", "french")


@pytest.mark.parametrize("text", ["Paris.", "42", "Oui !", "```python\nprint(1)\n```"])
def test_too_little_to_tell_is_no_verdict(text: str) -> None:
    assert classify(text) is None


@pytest.mark.parametrize(
    "text", ["", "   ", "...", "le le le le le le le le le le le le", "la mer et la mer et " * 20]
)
def test_loops_and_silence_are_degenerate(text: str) -> None:
    verdict = classify(text)

    assert verdict is not None
    assert verdict.label == "degenerate"


def test_the_reason_counts_the_words() -> None:
    verdict = classify("Le chat dort sur la table.")

    assert verdict is not None
    assert verdict.reason.startswith("3 of 6 words are function words of French")
