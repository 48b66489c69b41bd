"""Does a response refuse? A detector that does not depend on the wording.

Rules over the signs of refusing, lecturing and answering in some twenty languages: `phrases` holds the wording
of each language as data, `signs` finds it in what the model says, `request` reads what was asked for,
`lecturing` and `decision` weigh the signs. No model, no network, a fraction of a millisecond per answer.
Accuracy and known failures: docs/refusal-detection.md.
"""

from neuroswitch.verdicts.refusal.decision import classify as classify
from neuroswitch.verdicts.refusal.decision import settled as settled
