"""What an answer shows, decided by rules over its text. Imports nothing of the rest of the library.

Each of `refusal`, `french` and `formal` offers one function from an answer to a `Verdict`.
"""

from neuroswitch.verdicts import formal as formal
from neuroswitch.verdicts import french as french
from neuroswitch.verdicts import refusal as refusal
from neuroswitch.verdicts.degenerate import quality as quality
from neuroswitch.verdicts.verdict import Verdict as Verdict
