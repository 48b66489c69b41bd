"""The errors of neuroswitch: each says what was found, what was expected and what to do.

Knows nothing of models or prompts. Everything a user can cause is a `NeuroswitchError`;
an `AssertionError` from this package is always our own mistake.
"""


class NeuroswitchError(Exception):
    """Base of every error that a user can cause and mend.

    Args:
        what: One line that says what went wrong.
        found: What was met instead of the expected thing.
        expected: What would have been right.
        do: What the user can do about it, with the exact option where there is one.
    """

    def __init__(
        self,
        what: str,
        *,
        found: str | None = None,
        expected: str | None = None,
        do: str | None = None,
    ) -> None:
        parts = {"found": found, "expected": expected, "do": do}
        lines = [f"  {name + ':':<10}{text}" for name, text in parts.items() if text]
        super().__init__("\n".join([what, *lines]))
        self.what = what


class BadOption(NeuroswitchError, ValueError):
    """An option or argument has a value that it cannot have: a typo, a number out of range."""


class UnsupportedModel(NeuroswitchError):
    """The model has no MLP neurons that can be read and scaled, or they could not be proven."""


class WrongModel(NeuroswitchError):
    """A circuit, or saved statistics, belongs to another model than the one given."""


class Prerequisite(NeuroswitchError):
    """Something outside this library is missing: an extra, an engine, a file, a connection."""


class WeakBehaviour(NeuroswitchError):
    """The behaviour does not occur often enough at baseline to be studied."""


class BadCircuit(NeuroswitchError):
    """A circuit folder is corrupt, truncated or of an unknown schema."""


class BadPrompts(NeuroswitchError):
    """A contrast set or a prompt file is empty, one-sided, malformed or leaks between splits."""


class BadRun(NeuroswitchError):
    """A run folder cannot be continued: other settings, another model, a damaged file."""


class InterventionFailed(NeuroswitchError):
    """An intervention was applied but did not reach every place it should have changed."""
