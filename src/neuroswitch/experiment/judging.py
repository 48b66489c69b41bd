"""A language model checks the detector of a comparison on a sample of answers.

The answers are sent to the endpoint that is named. Its replies are kept in `judge.jsonl`, and how far they agree with
the detector in `judged.json`, from which reports are made again without the endpoint.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from neuroswitch.answering import Endpoint
from neuroswitch.detectors import Detector
from neuroswitch.errors import BadOption
from neuroswitch.experiment.folder import JUDGED
from neuroswitch.measures import compare_with_judge
from neuroswitch.records import AnswerRow
from neuroswitch.storage import write_json

REPLIES = "judge.jsonl"


@dataclass(frozen=True)
class Judging:
    """Who judges, and how many answers.

    Attributes:
        endpoint: The judge.
        sample: How many answers it sees, drawn from all conditions.
    """

    endpoint: Endpoint
    sample: int = 50


def check_judge(judging: Judging | None, detector: Detector) -> None:
    """Refuse to have a judge of refusals judge something else.

    Raises:
        BadOption: The detector does not look for refusals.
    """
    if judging is not None and detector.name != "refusal":
        raise BadOption(
            "a judge says whether requests were refused, and cannot check this detector",
            found=f"detector {detector.name}",
            do="compare without --judge",
        )


def judge_sample(
    judging: Judging, rows: Sequence[AnswerRow], detector: Detector, folder: Path, *, seed: int
) -> None:
    """Have a sample of answers judged, and keep how far the judge agrees with the detector.

    Args:
        judging: Who judges.
        rows: The answers to positive prompts, of all conditions.
        detector: What labelled them.
        folder: Where replies and result are kept.
        seed: Of the sample.

    Raises:
        Prerequisite: The endpoint rejects a request or keeps failing; replies so far are kept.
    """
    found = compare_with_judge(
        rows,
        detector,
        endpoint=judging.endpoint,
        cache=folder / REPLIES,
        sample=judging.sample,
        seed=seed,
    )
    write_json(folder / JUDGED, {"judge": judging.endpoint.model, **asdict(found)})
