"""Prompts: contrast sets, test prompts, and the checks that keep them apart."""

from neuroswitch.prompts.builtin import builtin_names as builtin_names
from neuroswitch.prompts.builtin import diverse_prompts as diverse_prompts
from neuroswitch.prompts.contrast import ContrastSet as ContrastSet
from neuroswitch.prompts.contrast import Piles as Piles
from neuroswitch.prompts.contrast import check_held_out as check_held_out
from neuroswitch.prompts.hub import hub_rows as hub_rows
from neuroswitch.prompts.prompt import Message as Message
from neuroswitch.prompts.prompt import Prompt as Prompt
from neuroswitch.prompts.rows import Row as Row
from neuroswitch.prompts.rows import prompt_of as prompt_of
from neuroswitch.prompts.rows import read_prompts as read_prompts
from neuroswitch.prompts.rows import read_rows as read_rows
