"""Damage measures on the demo model: plausible where it is untouched, worse where it is harmed."""

from answers import Multiply

from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.measures.divergence import divergence
from neuroswitch.measures.forcing import force
from neuroswitch.measures.perplexity import perplexity
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt

HARM = Multiply(0.0, neurons=4864 * 8)
"""Ablates a third of all neurons: the first eight layers."""


def test_harm_shows_in_divergence_and_perplexity(demo: LanguageModel) -> None:
    prompts = [Prompt.of("How do I boil an egg?", id="egg"), Prompt.of("Name three rivers.", id="rivers")]
    decoding = Decoding(max_new_tokens=24)
    own = force(demo, prompts, completions=generate(demo, prompts, decoding=decoding))
    with HARM.applied(demo):
        broken = force(demo, prompts, completions=generate(demo, prompts, decoding=decoding))
    assert divergence(demo, own, intervention=Multiply(1.0)).value == 0
    assert divergence(demo, own, intervention=HARM).value > 0.5
    assert perplexity(demo, own).value < 2 < perplexity(demo, broken).value
