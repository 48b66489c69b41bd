"""What answers prompts: transformers in this process, vLLM, or any OpenAI-compatible endpoint."""

from neuroswitch.answering.completions import Completion as Completion
from neuroswitch.answering.completions import Journal as Journal
from neuroswitch.answering.dialogue import Dialogue as Dialogue
from neuroswitch.answering.dialogue import ask_both as ask_both
from neuroswitch.answering.endpoint import Endpoint as Endpoint
from neuroswitch.answering.endpoint import ask as ask
from neuroswitch.answering.engines import BASE as BASE
from neuroswitch.answering.engines import Asking as Asking
from neuroswitch.answering.engines import Engine as Engine
from neuroswitch.answering.engines import LocalEngine as LocalEngine
from neuroswitch.answering.engines import RemoteEngine as RemoteEngine
from neuroswitch.answering.engines import require_models as require_models
from neuroswitch.answering.generation import Decoding as Decoding
from neuroswitch.answering.generation import generate as generate
from neuroswitch.answering.generation import generate_tokens as generate_tokens
from neuroswitch.answering.vllm_server import Server as Server
from neuroswitch.answering.vllm_server import require_vllm as require_vllm
from neuroswitch.answering.vllm_server import running as running
from neuroswitch.answering.vllm_server import wait_until_healthy as wait_until_healthy
