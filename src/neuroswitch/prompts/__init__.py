"""Prompts: contrast sets, test prompts, and the checks that no prompt is in both."""

from neuroswitch.prompts.contrast import ContrastSet as ContrastSet
from neuroswitch.prompts.contrast import Piles as Piles
from neuroswitch.prompts.contrast import check_held_out as check_held_out
from neuroswitch.prompts.held_out import read_prompts as read_prompts
from neuroswitch.prompts.held_out import read_test_file as read_test_file
from neuroswitch.prompts.leaks import content_digest as content_digest
from neuroswitch.prompts.leaks import leaks as leaks
from neuroswitch.prompts.leaks import refuse_duplicates as refuse_duplicates
from neuroswitch.prompts.leaks import refuse_one_id as refuse_one_id
from neuroswitch.prompts.prompt import Message as Message
from neuroswitch.prompts.prompt import Prompt as Prompt
from neuroswitch.prompts.rows import Row as Row
from neuroswitch.prompts.rows import prompt_of as prompt_of
from neuroswitch.prompts.rows import read_rows as read_rows
from neuroswitch.prompts.sources import builtin_names as builtin_names
from neuroswitch.prompts.sources import diverse_prompts as diverse_prompts
from neuroswitch.prompts.sources import hub_rows as hub_rows
