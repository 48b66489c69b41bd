"""One condition of an experiment: prompts answered in one state of the model, labelled, on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neuroswitch.activations import Intervention
from neuroswitch.answering import Decoding, Journal
from neuroswitch.chat import ChatFormat
from neuroswitch.detectors import Detector
from neuroswitch.experiment.counts import Row
from neuroswitch.experiment.engines import Asking, Engine, LocalEngine
from neuroswitch.models import LanguageModel
from neuroswitch.progress import Progress, silent
from neuroswitch.prompts import Prompt
from neuroswitch.verdicts import quality


@dataclass(frozen=True)
class Bench:
    """What all conditions of an experiment share.

    Attributes:
        model: The model; each condition leaves it as it was.
        detector: Labels the answers.
        results: The file in which every answer is kept.
        decoding: Length and batch size.
        chat: System prompt and thinking mode.
        progress: Told after each batch.
        key: Columns that tell this bench's rows from others in the file, besides condition and pile.
        engine: Who answers; None is the model itself, in this process.
        until_settled: Break answers off once the detector's verdict can no longer change.
    """

    model: LanguageModel
    detector: Detector
    results: Path
    decoding: Decoding
    chat: ChatFormat
    progress: Progress = silent
    key: Mapping[str, str] = field(default_factory=dict)
    engine: Engine | None = None
    until_settled: bool = False

    @property
    def answered_by(self) -> str:
        """Say who answers, for reports."""
        return (self.engine or LocalEngine(self.model)).name

    def answers(
        self,
        condition: str,
        pile: str,
        prompts: Sequence[Prompt],
        intervention: Intervention | None = None,
    ) -> list[Row]:
        """Answer prompts under an intervention, or take the answers from disk where they are there.

        Args:
            condition: Name of the condition in the results file.
            pile: `positive` or `negative`.
            prompts: What is asked.
            intervention: What changes the model; None leaves it untouched.

        Returns:
            One row per prompt, in the order of `prompts`.
        """
        key = {**self.key, "condition": condition, "pile": pile}
        settled = self.detector.settled if self.until_settled else None
        journal = Journal(
            self.results,
            key,
            lambda one: {**self.detector.annotate(one.text, one.prompt), "quality": quality(one.text)},
            settled,
        )
        rows = {row["prompt_id"]: row for row in journal.rows()}
        if any(prompt.id not in rows for prompt in prompts):
            asking = Asking(
                journal,
                self.decoding,
                self.chat,
                lambda _, done, total: self.progress(f"answer, {condition}, {pile}", done, total),
            )
            (self.engine or LocalEngine(self.model)).answer(prompts, intervention, asking)
            rows = {row["prompt_id"]: row for row in journal.rows()}
        return [rows[prompt.id] for prompt in prompts]
