"""Every option of a command or an experiment, declared once: name, type, default and help.

A group of options is a small frozen dataclass. The command line reads it with cyclopts: the name of a field is
the option, the text under it the help. The Python API takes the same objects. Imports no torch, so that
`neuroswitch COMMAND --help` needs none.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from neuroswitch.errors import BadOption
from neuroswitch.values import (
    Count,
    CountOrNone,
    Finite,
    Flag,
    Numbers,
    Size,
    refuse_infinite,
    require_at_least,
    require_finite,
    require_size,
)

HEADINGS = (
    "Prompts",
    "Circuit",
    "Controls",
    "Answers",
    "MMLU",
    "Over-refusal",
    "Judge",
    "Report",
    "Server",
    "Model",
)
"""Headings of groups in help texts, in the order in which they are shown."""


def group(heading: str) -> Parameter:
    """Return a decorator for a dataclass whose fields are options under a heading."""
    return Parameter(name="*", group=Group(heading, sort_key=10 + HEADINGS.index(heading)))


Units = Literal["mlp", "attention", "both"]
UNITS: dict[Units, str] = {
    "mlp": "neurons",
    "attention": "attention units",
    "both": "neurons and attention units",
}
"""What units of a model may be: inputs of feed-forward output projections, of attention's, or of both; and in words."""


@group("Model")
@dataclass(frozen=True)
class SourceOptions:
    """Which files of a model are read, and where its neurons are; enough where no weights are loaded."""

    revision: str | None = None
    """Commit, tag or branch on the Hub."""
    trust_remote_code: Flag = False
    """Run Python code that comes with the model. Read it first."""
    sites: str | None = None
    """Where the neurons are, if they are not found: model.layers.{layer}.ffn.linear_out"""
    units: Units = "mlp"
    """mlp (neurons of feed-forward networks), attention (inputs of attention's output projections) or both."""

    def __post_init__(self) -> None:
        """Check what can be checked without the model.

        Raises:
            BadOption: A pattern of sites has no place for the number of the layer, or there are no such units.
        """
        if self.units not in UNITS:
            raise BadOption(f"unknown units {self.units!r}", expected=", ".join(UNITS))
        if self.sites is not None and self.units != "mlp":
            raise BadOption(
                "--sites and --units cannot be given together: the pattern says where the units are",
                found=f"--sites {self.sites} and --units {self.units}",
                expected="one of the two",
                do="leave --units out, and name the projections with --sites; or leave --sites out",
            )
        if self.sites is not None and any("{layer}" not in part for part in self.sites.split(",")):
            raise BadOption(
                "--sites has no place for the number of the layer",
                found=self.sites,
                expected="a path with {layer} in it, such as model.layers.{layer}.ffn.linear_out",
            )


DTYPES = ("auto", "float32", "bfloat16", "float16")
QUANTIZERS = ("bnb-8bit", "bnb-4bit", "torchao-int8", "quanto-int8")
"""Kinds that run on a CPU as well. They quantise linear maps, not embeddings, LM head or fused experts."""


@group("Model")
@dataclass(frozen=True)
class LoadOptions(SourceOptions):
    """How a model is loaded.

    Examples:
        >>> ns.load_model("demo", options=ns.LoadOptions(device="meta")).module.device.type
        'meta'
    """

    dtype: str = "auto"
    """auto (float32 on a CPU, bfloat16 on a GPU), float32, bfloat16 or float16."""
    device: str = "auto"
    """auto (the best one), cpu, cuda:1, mps; split: GPUs, then memory, disk; tp: see torchrun; meta: no weights."""
    quantize: str | None = None
    """Quantise while loading: bnb-8bit, bnb-4bit, torchao-int8 or quanto-int8."""

    def __post_init__(self) -> None:
        """Check what can be checked without the model.

        Raises:
            BadOption: An option has a value that it cannot have.
        """
        super().__post_init__()
        if self.dtype not in DTYPES:
            raise BadOption(f"unknown dtype {self.dtype!r}", expected=", ".join(DTYPES))
        if self.quantize is not None and self.quantize not in QUANTIZERS:
            raise BadOption(f"unknown quantization {self.quantize!r}", expected=", ".join(QUANTIZERS))


@group("Answers")
@dataclass(frozen=True)
class ChatFormat:
    """How prompts are put to the model; the same for discovery, answers and measures.

    Examples:
        >>> brief = ns.ChatFormat(system="Answer in one sentence.")
        >>> len(ns.generate(model, prompts, chat=brief))
        4
    """

    system: str | None = None
    """System prompt. Default: the chat template's own, if it has one."""
    thinking: bool | None = None
    """Thinking mode of the chat template. Default: the template's own."""
    control_tokens: Flag = False
    """Let control tokens written in prompts, such as <|im_end|>, reach the model as tokens. Default: an error."""


@group("Answers")
@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How answers are decoded.

    Examples:
        >>> short = ns.Decoding(max_new_tokens=4)
        >>> max(answer.tokens for answer in ns.generate(model, prompts, decoding=short))
        4
    """

    max_new_tokens: Count = 150
    """Length limit of an answer, in tokens."""
    batch_size: Count = 32
    """Prompts decoded together; halved where memory runs out."""

    def __post_init__(self) -> None:
        """Refuse empty answers and batches.

        Raises:
            BadOption: A count is below 1.
        """
        require_at_least(1, max_new_tokens=self.max_new_tokens, batch_size=self.batch_size)


@group("Prompts")
@dataclass(frozen=True, kw_only=True)
class BehaviourChoice:
    """Which behaviour, and who labels the answers."""

    behaviour: str = "refusal"
    """Built-in contrast set, or a .jsonl or .csv file."""
    detector: str | None = None
    """refusal, french, formal or contains:REGEX. Default: the behaviour's own."""


@dataclass(frozen=True, kw_only=True)
class PromptChoice(BehaviourChoice):
    """Which behaviour, which test prompts, and who labels the answers."""

    test_prompts: str | None = None
    """CSV with a column Goal or prompt, or JSONL, instead of the set's own positive test prompts; with a column
    label it may hold negative ones too, which then replace the set's own."""
    benign_prompts: str | None = None
    """The same for test prompts that should not show the behaviour."""
    limit: Count | None = None
    """Use only so many test prompts of each pile, spread evenly over the file."""

    def __post_init__(self) -> None:
        """Refuse an empty pile.

        Raises:
            BadOption: The limit is below 1.
        """
        require_at_least(1, limit=self.limit)


@group("Circuit")
@dataclass(frozen=True, kw_only=True)
class CircuitChoice:
    """How neurons are scored, and how many are kept."""

    ranking: str = "writers"
    """How neurons are scored."""
    size: Size = 0.0005
    """Size of a circuit: a fraction such as 0.001, or a count such as 116."""
    dose: Finite = 2.0
    """At strength 1 a neuron is multiplied by 1 - dose: 1 ablates it, 2 reverses it."""

    def __post_init__(self) -> None:
        """Refuse a size or a dose that could not be meant.

        Raises:
            BadOption: The size is neither a fraction nor a count, or the dose is 0 or not finite.
        """
        require_size(self.size)
        require_finite("--dose", self.dose)
        if self.dose == 0:
            raise BadOption(
                "a dose of 0 changes no neuron", do="give another, such as --dose 1, which ablates"
            )


@group("Controls")
@dataclass(frozen=True, kw_only=True)
class ControlChoice:
    """Random circuits beside the one that is studied."""

    controls: CountOrNone = 1
    """How many random circuits the method `random` stands for."""
    seed: CountOrNone = 0
    """Seed of the first random circuit, and of everything else that is drawn."""

    def __post_init__(self) -> None:
        """Refuse negative numbers, which no generator takes.

        Raises:
            BadOption: A number is below 0.
        """
        require_at_least(0, controls=self.controls, seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class ManyControls(ControlChoice):
    """Random circuits in a comparison of methods."""

    controls: CountOrNone = 5
    """How many random circuits the method `random` stands for."""


@group("MMLU")
@dataclass(frozen=True, kw_only=True)
class ExamChoice:
    """MMLU, asked through lm-eval; and answered in words, step by step."""

    mmlu: str | None = None
    """MMLU questions: a JSONL file, or hub. Without it none are asked."""
    mmlu_dev: str | None = None
    """Solved examples for questions from a file."""
    mmlu_questions: Count | None = None
    """How many questions are drawn. Default: all."""
    mmlu_shots: CountOrNone | None = None
    """Solved examples before each question. Default: 5 where there are any."""
    mmlu_strengths: Annotated[Numbers | None, Parameter(show_default=False)] = None
    """Ask at these strengths only, with commas between. Default: at all."""
    mmlu_cot_questions: Count | None = None
    """How many questions of the file are also answered in words, step by step. Default: none."""
    mmlu_cot_tokens: Count = 200
    """Length limit of such an answer, in tokens."""

    def __post_init__(self) -> None:
        """Refuse questions in words that are not there.

        Raises:
            BadOption: There is no file of questions, or a count is below 1.
        """
        require_at_least(1, mmlu_cot_questions=self.mmlu_cot_questions, mmlu_cot_tokens=self.mmlu_cot_tokens)
        if self.mmlu_cot_questions is not None and self.mmlu in (None, "hub"):
            raise BadOption(
                "questions that are answered step by step come from a file",
                found=f"--mmlu {self.mmlu}" if self.mmlu else "--mmlu-cot-questions without --mmlu",
                expected="--mmlu FILE.jsonl",
                do="name a file of questions, or leave out --mmlu-cot-questions",
            )

    @property
    def shots(self) -> int:
        """Solved examples before each question."""
        if self.mmlu_shots is not None:
            return self.mmlu_shots
        return 5 if self.mmlu == "hub" or self.mmlu_dev else 0


@group("Over-refusal")
@dataclass(frozen=True, kw_only=True)
class SafePromptChoice:
    """Over-refusal on the safe prompts of XSTest."""

    xstest: str | None = None
    """xstest_prompts.csv, or hub: measure over-refusal on its safe prompts."""
    xstest_limit: Count | None = 50
    """How many of its safe prompts, spread evenly."""


@group("Report")
@dataclass(frozen=True, kw_only=True)
class MatchChoice:
    """At which damage methods are compared; decides only what the report shows first."""

    damage: str = "kl"
    """The measure of damage: kl, kl_first, quality, benign_quality, perplexity, mmlu, mmlu_cot or over_refusal."""
    budget: Finite | None = None
    """Damage at which methods are compared, above 0. Default: the measure's own, 0.03 nats per token for kl."""

    def __post_init__(self) -> None:
        """Refuse a budget that nothing can be compared with.

        Raises:
            BadOption: It is not finite, or not above 0.
        """
        if self.budget is not None:
            require_finite("--budget", self.budget)
            if self.budget <= 0:
                raise BadOption(
                    "--budget leaves no damage to compare methods at",
                    found=f"{self.budget:g}",
                    expected="a number above 0, such as 0.03",
                )


@group("Server")
@dataclass(frozen=True, kw_only=True)
class VllmOptions:
    """How vLLM is started."""

    host: str = "127.0.0.1"
    """Address on which vLLM listens; the default is reached from this machine only."""
    port: Annotated[int, Parameter(validator=Number(gte=1, lte=65535))] = 8000
    """Port on which vLLM listens."""
    tensor_parallel: Count = 1
    """Devices, or on a CPU processes, that share the model."""
    start_seconds: Annotated[float, Parameter(validator=(refuse_infinite, Number(gte=1)))] = 1800.0
    """How long vLLM may take to load and compile."""
    arguments: Annotated[
        tuple[str, ...],
        Parameter(name="--vllm", negative="", allow_leading_hyphen=True, show_default=False),
    ] = ()
    """A further argument of vLLM's server, as --vllm=--max-model-len=4096; repeatable."""


@dataclass(frozen=True, kw_only=True)
class ServeOptions(VllmOptions):
    """Which models a server has, and how vLLM is started."""

    multipliers: Numbers = (0.0, 2.0)
    """Numbers with commas between; one model name for each circuit and each of these."""
    controls: CountOrNone = 0
    """Random circuits beside each, as `evaluate --engine URL` needs them: talk.random0@2."""

    def __post_init__(self) -> None:
        """Refuse multipliers that cannot be served.

        Raises:
            BadOption: There are none, or one is not finite.
        """
        require_finite("a multiplier", *self.multipliers)
        if not self.multipliers:
            raise BadOption("there is no multiplier to serve", do="name one, such as --multipliers 0,2")


LOCAL, VLLM = "transformers", "vllm"
"""Engines in this process and started by it; any other engine is the URL of a server."""


@group("Server")
@dataclass(frozen=True)
class EngineChoice:
    """What answers where the model is untouched or neurons are scaled, and how vLLM is started."""

    name: Annotated[str, Parameter(name="--engine")] = LOCAL
    """transformers, vllm (started and stopped), or the URL of a running `neuroswitch serve`."""
    options: VllmOptions = VllmOptions()

    @property
    def local(self) -> bool:
        """Say whether the model answers in this process."""
        return self.name == LOCAL

    @property
    def kind(self) -> str:
        """What is written to the settings of a folder: "server" for any server, so that one may replace another."""
        return LOCAL if self.local else "server"
