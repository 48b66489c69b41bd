"""Answers to prompts: from transformers in this process, vLLM, or any OpenAI-compatible endpoint."""

from neuroswitch.answering.completions import AnswerLog as AnswerLog
from neuroswitch.answering.dialogue import Dialogue as Dialogue
from neuroswitch.answering.dialogue import ask_both as ask_both
from neuroswitch.answering.endpoint import Client as Client
from neuroswitch.answering.endpoint import Endpoint as Endpoint
from neuroswitch.answering.endpoint import ask_all as ask_all
from neuroswitch.answering.engines import AnswerSettings as AnswerSettings
from neuroswitch.answering.engines import Engine as Engine
from neuroswitch.answering.engines import ServerEngine as ServerEngine
from neuroswitch.answering.engines import TransformersEngine as TransformersEngine
from neuroswitch.answering.generation import Decoding as Decoding
from neuroswitch.answering.generation import Reader as Reader
from neuroswitch.answering.generation import Shows as Shows
from neuroswitch.answering.generation import as_prompts as as_prompts
from neuroswitch.answering.generation import generate as generate
from neuroswitch.answering.generation import generate_tokens as generate_tokens
from neuroswitch.answering.vllm import BASE as BASE
from neuroswitch.answering.vllm import VllmServer as VllmServer
from neuroswitch.answering.vllm import require_vllm as require_vllm
from neuroswitch.answering.vllm import vllm_running as vllm_running
from neuroswitch.records import Completion as Completion
