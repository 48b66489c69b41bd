"""What a method is: fitted once, it gives an intervention of any strength, which changes a model in a block.

    Method --fit(model, task)--> Fitted --at(strength)--> Intervention --applied(model)--> with ...:

Values here hold no model. A new method is one file that registers a `Method`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from neuroswitch.activations import Intervention
from neuroswitch.answering import Decoding
from neuroswitch.chat import ChatFormat
from neuroswitch.circuits import Circuit
from neuroswitch.discovery import DEFAULT, Scores, Shows, find_scores
from neuroswitch.models import LanguageModel
from neuroswitch.options import CircuitChoice
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import ContrastSet
from neuroswitch.registry import Registry

if TYPE_CHECKING:
    from neuroswitch.methods.tuning import Validation


@dataclass
class Known:
    """What has been found on one untouched model, for methods that share it; the model must not change meanwhile.

    Attributes:
        scores: Ranking -> scores.
        validation: The untouched model's answers to validation prompts.
    """

    scores: dict[str, Scores] = field(default_factory=dict)
    validation: "Validation | None" = None


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a method is fitted to; test prompts are not part of it.

    Attributes:
        contrast: Methods are fitted on its discovery split; settings are chosen on its validation split.
        shows: From an answer and its prompt to whether it shows the behaviour.
        chat: System prompt and thinking mode.
        decoding: Length and batch size of the answers by which settings are chosen.
        size: Size of circuits: below 1 a fraction of all neurons, else a count.
        dose: Of every neuron of a circuit whose doses are not chosen otherwise.
        ranking: The ranking of methods that choose neurons and name none themselves.
        most_kl: Damage that a tuned setting may do: KL(untouched || changed) on benign answers, nats per token.
        seed: Of everything random.
        circuit: The circuit that random controls are matched to; None finds it.
        known: What methods share; what a method finds is added. None shares nothing.
    """

    contrast: ContrastSet
    shows: Shows
    chat: ChatFormat = ChatFormat()
    decoding: Decoding = Decoding(max_new_tokens=32)
    size: float = CircuitChoice.size
    dose: float = CircuitChoice.dose
    ranking: str = DEFAULT
    most_kl: float = 0.03
    seed: int = 0
    circuit: Circuit | None = None
    known: Known | None = field(default=None, compare=False, repr=False)

    def shows_not(self, answer: str, prompt: str | None) -> bool:
        """Say whether an answer does not show the behaviour; takes what `shows` takes."""
        return not self.shows(answer, prompt)

    def scores(self, model: LanguageModel, *, progress: Progress = silent) -> Scores:
        """Score the neurons of a model by the task's ranking, or take the scores that are known.

        Raises:
            WeakBehaviour: The ranking needs responses that show the behaviour, and there are none.
        """
        known = {} if self.known is None else self.known.scores
        if self.ranking not in known:
            known[self.ranking] = find_scores(
                model, self.contrast, self.shows, ranking=self.ranking, chat=self.chat, progress=progress
            )
        return known[self.ranking]


class Fitted(Protocol):
    """A method fitted to one model and one behaviour. A frozen value that holds no model."""

    @property
    def description(self) -> str:
        """One line for reports: what it does to the model, how it was tuned, and with what result."""
        ...

    @property
    def acts_on(self) -> Literal["model", "prompt"]:
        """Whether it changes what the model computes, or only what it is asked."""
        ...

    def strengths(self, asked: tuple[float, ...]) -> tuple[float, ...]:
        """Return those of the asked strengths that the method has; a system prompt has only 1."""
        ...

    def at(self, strength: float) -> Intervention:
        """Return the intervention of a strength: 0 changes nothing, 1 is the full one."""
        ...

    def save(self, folder: Path) -> None:
        """Write it atomically as safetensors and JSON: a folder that exists is complete."""
        ...


class ChangesModel:
    """Base of fitted methods that change what the model computes: they have any strength."""

    @property
    def acts_on(self) -> Literal["model", "prompt"]:
        """Return "model"."""
        return "model"

    def strengths(self, asked: tuple[float, ...]) -> tuple[float, ...]:
        """Return all of them."""
        return asked


CURVE = (0.25, 0.5, 0.75, 1.0)
"""Strengths of a method that names none."""


class Method(Protocol):
    """A way to change a behaviour.

    It may have an attribute `curve`: the strengths at which it is compared unless others are asked for. They should
    span from little damage to more than anyone would accept. Without it they are `CURVE`.
    """

    def fit(self, model: LanguageModel, task: Task, *, progress: Progress) -> Fitted:
        """Fit the method. Deterministic: the same model and task give the same bytes on disk.

        Raises:
            WeakBehaviour: There is nothing to fit it to.
        """
        ...

    def load(self, folder: Path, model: LanguageModel) -> Fitted:
        """Read what `Fitted.save` wrote.

        Raises:
            BadRun: The folder is damaged.
            WrongModel: It was fitted to another model.
        """
        ...


MethodFactory = Callable[[str], Method]
"""From the text after the first colon of a method's name (empty without one) to the method."""

METHODS: Registry[MethodFactory] = Registry("method")


def curve_of(method: Method) -> tuple[float, ...]:
    """Return the strengths at which a method is compared unless others are asked for.

    Examples:
        >>> from neuroswitch.methods import curve_of, get_method
        >>> curve_of(get_method("direction"))
        (0.05, 0.1, 0.25, 0.5, 1.0)
    """
    return tuple(getattr(method, "curve", CURVE))


def get_method(name: str) -> Method:
    """Find a method by name, such as `caa`, `cna:delta` or `random:3`.

    Raises:
        BadOption: There is no such method, or its argument is wrong.
        Prerequisite: What the method needs is not installed.
    """
    return METHODS.make(name)
