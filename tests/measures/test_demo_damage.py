"""Damage measures on the demo model: plausible where it is untouched, worse where it is harmed."""

from answers import Multiply

from neuroswitch.answering.generation import Decoding, generate
from neuroswitch.measures import damage
from neuroswitch.models.handle import LanguageModel
from neuroswitch.prompts import Prompt

HARM = Multiply(0.0, neurons=4864 * 8)
"""Ablates a third of all neurons: the first eight layers."""


def test_harm_shows_in_divergence_and_perplexity(demo: LanguageModel) -> None:
    prompts = [Prompt.of("How do I boil an egg?", id="egg"), Prompt.of("Name three rivers.", id="rivers")]
    decoding = Decoding(max_new_tokens=24)
    own = generate(demo, prompts, decoding=decoding)
    with HARM.applied(demo):
        broken = generate(demo, prompts, decoding=decoding)
    identity = damage(demo, Multiply(1.0), prompts, own, ("kl", "perplexity"))
    assert identity["kl"].value == 0
    assert damage(demo, HARM, prompts, own)["kl"].value > 0.5
    harmed = damage(demo, HARM, prompts, broken, ["perplexity"])
    assert identity["perplexity"].value < 2 < harmed["perplexity"].value
