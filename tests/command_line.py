"""The command line in this process: what it prints, and how it ends."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from neuroswitch.cli.app import make_app
from neuroswitch.errors import NeuroswitchError


@dataclass(frozen=True)
class Result:
    """How a command ended; `output` is what it wrote to stdout and then what it wrote to stderr."""

    exit_code: int
    stdout: str
    output: str
    exception: NeuroswitchError | None = None


def invoke(*arguments: object, text: str = "") -> Result:
    """Run a command with `text` as its standard input; an error of ours is returned, any other is raised."""
    out, err, code, raised = io.StringIO(), io.StringIO(), 0, None
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.StringIO(text))
        try:
            make_app()([str(one) for one in arguments], exit_on_error=False, print_error=False)
        except SystemExit as end:
            code = int(end.code or 0)
        except NeuroswitchError as error:
            code, raised = 1, error
    return Result(code, out.getvalue(), out.getvalue() + err.getvalue(), raised)


def call(*arguments: object, status: int = 0, text: str = "") -> Result:
    """Run a command that shall end with this status; its errors are raised."""
    result = invoke(*arguments, text=text)
    if result.exception is not None:
        raise result.exception
    assert result.exit_code == status, result.output
    return result
