"""The `neuroswitch` command: its subcommands, and how errors end."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from inspect import getdoc
from types import FrameType

from cyclopts import App, CycloptsError, Group

from neuroswitch.cli import chat, discover, doctor, experiments, inspect, serve, sharing, verify
from neuroswitch.cli.console import plain_streams, show_error
from neuroswitch.errors import NeuroswitchError

Command = Callable[..., int | None]

COMMANDS: dict[str, list[Command]] = {
    "Start here": [experiments.demo_command, doctor.doctor_command],
    "Experiments": [
        experiments.run_command,
        discover.discover_command,
        experiments.evaluate_command,
        experiments.compare_command,
        experiments.compare_models_command,
        experiments.report_command,
    ],
    "Circuits": [
        inspect.inspect_command,
        chat.chat_command,
        verify.verify_command,
        sharing.export_command,
        serve.serve_command,
        sharing.push_command,
        sharing.pull_command,
    ],
}
"""All commands, under the headings and in the order in which the help lists them."""

WRONG_USAGE, INTERRUPTED = 2, 130
"""Exit statuses of a wrong command line and after Ctrl-C, as shells have them."""


def make_app() -> App:
    """Return the command line with all its commands."""
    app = App(
        name="neuroswitch",
        help="Find the few MLP neurons behind a behaviour of a language model, and switch them.",
        help_epilogue="Example: neuroswitch demo",
        help_format="plaintext",
        group_commands=Group("Help", sort_key=len(COMMANDS)),
        suppress_keyboard_interrupt=False,
        help_flags=["--help", "-h"],
        version=version("neuroswitch"),
        version_flags=["--version"],
    )
    for place, (heading, commands) in enumerate(COMMANDS.items()):
        group = Group(heading, sort_key=place)
        for number, command in enumerate(commands):
            app.command(
                command,
                name=name_of(command),
                group=group,
                sort_key=number,
                help_epilogue=f"Example: {example_of(command)}",
            )
    app.register_install_completion_command(
        add_to_startup=False, help="Install completion of commands and options for your shell."
    )
    return app


def name_of(command: Command) -> str:
    """Return what a command is called on the command line."""
    return command.__name__.removesuffix("_command").replace("_", "-")


def example_of(command: Command) -> str:
    """Return the command line under `Example:` in the docstring of a command."""
    return (getdoc(command) or "").partition("Example:\n")[2].partition("\n\n")[0].strip()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default that of the process; errors of neuroswitch are printed without a traceback."""
    plain_streams()
    try:
        with _ctrl_c_kept():
            make_app()(
                sys.argv[1:] if arguments is None else arguments, exit_on_error=False, print_error=False
            )
    except CycloptsError as error:
        called = " ".join(["neuroswitch", *(error.command_chain or ())])
        show_error("Wrong command line", f"{error}\n  do:       {called} --help lists what it takes")
        sys.exit(WRONG_USAGE)
    except NeuroswitchError as error:
        show_error(type(error).__name__, str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        show_error("Stopped", "what was finished is on disk, and the same command continues from there.")
        sys.exit(INTERRUPTED)


@contextmanager
def _ctrl_c_kept() -> Iterator[None]:
    """Raise a KeyboardInterrupt where Ctrl-C was pressed and a library made another error of it."""
    pressed: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual and threading.current_thread() is threading.main_thread():  # no other thread may set handlers
        signal.signal(signal.SIGINT, press)
    try:
        yield
    except Exception as error:
        if pressed:
            raise KeyboardInterrupt from error
        raise
    finally:
        if signal.getsignal(signal.SIGINT) is press:
            signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    main()
