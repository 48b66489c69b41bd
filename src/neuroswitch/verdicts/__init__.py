"""What an answer shows, told by rules over its text; imports nothing of the rest of the library."""

from neuroswitch.verdicts import formal as formal
from neuroswitch.verdicts import french as french
from neuroswitch.verdicts import refusal as refusal
from neuroswitch.verdicts.repetition import quality as quality
from neuroswitch.verdicts.verdict import Verdict as Verdict
