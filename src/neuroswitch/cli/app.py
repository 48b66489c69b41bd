"""The `neuroswitch` command: its subcommands, and how errors end."""

import sys

import typer

from neuroswitch.cli import (
    chat,
    compare,
    compare_models,
    discover,
    doctor,
    evaluate,
    export,
    inspect,
    report,
    run,
    serve,
    share,
    verify,
)
from neuroswitch.cli.console import errors
from neuroswitch.errors import NeuroswitchError

app = typer.Typer(
    help="Find the few MLP neurons behind a behaviour of a language model, and switch them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(run.run)
app.command()(run.demo)
app.command()(discover.discover)
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command("compare-models")(compare_models.compare_models)
app.command()(chat.chat)
app.command("inspect")(inspect.inspect_circuit)
app.command()(report.report)
app.command()(doctor.doctor)
app.command()(export.export)
app.command()(verify.verify)
app.command()(share.push)
app.command()(share.pull)
app.command()(serve.serve)

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


def main() -> None:
    """Run the command line; errors a user can mend are printed without a traceback."""
    try:
        app()
    except NeuroswitchError as error:
        errors.print(f"[bold red]{type(error).__name__}:[/] ", end="")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("\nStopped. What was finished is on disk: the same command goes on from there.")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
