"""The `neuroswitch` command: its subcommands, and how errors end.

Commands are imported when they are used, so that `neuroswitch --help` loads neither torch nor transformers.
"""

import sys
from importlib.metadata import version

from cyclopts import App, CycloptsError

from neuroswitch.errors import NeuroswitchError

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

WRONG_USAGE = 2

COMMANDS = {
    "run": ("experiments:run", "Find the circuit of a behaviour, scale it, and measure what changes."),
    "demo": ("experiments:demo", "Do the same on a small model that is fetched on first use."),
    "discover": ("discover:discover", "Find the neurons behind a behaviour and save them as a circuit."),
    "evaluate": ("experiments:evaluate", "Measure a saved circuit on held-out prompts."),
    "compare": ("experiments:compare", "Compare methods: behaviour, damage, intervals, one report."),
    "compare-models": ("experiments:compare_models", "Compare where a behaviour is in two models."),
    "report": ("experiments:report", "Count the rows of a folder again and rebuild its page."),
    "chat": ("chat:chat", "Talk to a model untouched and steered, side by side."),
    "inspect": ("inspect:inspect_circuit", "List the layers and the strongest neurons of a circuit."),
    "doctor": ("doctor:doctor", "Say whether a model will work, before anything heavy runs."),
    "export": ("sharing:export", "Write a circuit as PEFT, vLLM, llama.cpp or other engines read it."),
    "verify": ("verify:verify", "Say what happened to a circuit's neurons in a checkpoint."),
    "push": ("sharing:push", "Publish a circuit with a card."),
    "pull": ("sharing:pull", "Fetch a circuit and check it."),
    "serve": ("serve:serve", "Serve circuits with vLLM as named models."),
}


def make_app() -> App:
    """Return the command line with all its commands."""
    app = App(
        name="neuroswitch",
        help="Find the few MLP neurons behind a behaviour of a language model, and switch them.",
        help_epilogue="Start with: neuroswitch demo\n\nShell completion: neuroswitch --install-completion",
        help_flags=["--help", "-h"],
        version=version("neuroswitch"),
        version_flags=["--version"],
    )
    for name, (place, text) in COMMANDS.items():
        app.command(f"neuroswitch.cli.{place}", name=name, help=text)
    app.register_install_completion_command(add_to_startup=False)
    return app


def main() -> None:
    """Run the command line; errors that a user can correct are printed without a traceback."""
    try:
        make_app()(exit_on_error=False)
    except CycloptsError:
        sys.exit(WRONG_USAGE)  # printed already
    except NeuroswitchError as error:
        from neuroswitch.cli.console import errors

        errors.print(f"[bold red]{type(error).__name__}:[/] ", end="")
        errors.print(str(error), markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. What was finished is on disk: the same command continues from there.\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
