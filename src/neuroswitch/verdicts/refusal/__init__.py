"""Does a response refuse? A detector that wording does not fool.

Rules over the signs of refusing, lecturing and answering in some twenty languages: `unwrap` undoes disguised
letters, `text` hears what the
model says in its own voice, `phrases` holds the wording of each language as data, `signs` finds it, and
`decision` weighs it. No model, no network, a fraction of a millisecond per answer. Figures and known
failures: docs/refusal-detection.md.
"""

from neuroswitch.verdicts.refusal.decision import classify
from neuroswitch.verdicts.refusal.settling import settled

__all__ = ["classify", "settled"]
