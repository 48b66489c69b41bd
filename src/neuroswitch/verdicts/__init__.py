"""What an answer shows, decided by rules over its text. Imports nothing of the rest of the library.

Each of `refusal`, `french` and `formal` offers one function from an answer to a `Verdict`.
"""

from neuroswitch.verdicts import formal as formal
from neuroswitch.verdicts import french as french
from neuroswitch.verdicts import refusal as refusal
from neuroswitch.verdicts.degenerate import UNFINISHED as UNFINISHED
from neuroswitch.verdicts.degenerate import quality as quality
from neuroswitch.verdicts.thoughts import Thoughts as Thoughts
from neuroswitch.verdicts.thoughts import find_thoughts as find_thoughts
from neuroswitch.verdicts.thoughts import leading_thoughts as leading_thoughts
from neuroswitch.verdicts.thoughts import opening_mark as opening_mark
from neuroswitch.verdicts.verdict import Verdict as Verdict
