"""`neuroswitch serve`: circuits as named models of one OpenAI-compatible server."""

from contextlib import suppress
from pathlib import Path

from neuroswitch.cli.console import bars, show
from neuroswitch.cli.options import Model
from neuroswitch.options import ServeOptions, SourceOptions


def serve_command(
    circuits: list[Path],
    /,
    *,
    model: Model,
    options: ServeOptions = ServeOptions(),
    files: SourceOptions = SourceOptions(),
) -> None:
    """Serve circuits with vLLM, as models of one OpenAI-compatible server.

    The models are called `base`, CIRCUIT@0, CIRCUIT@2 and so on, one for each multiplier.

    Example:
        neuroswitch serve runs/demo/methods/cna --model demo

    Args:
        circuits: Circuit folders, or folders that hold some; controls in these are left out.
    """
    from neuroswitch.integrations import client_code, serving

    with bars() as progress, serving(model, circuits, options, files=files, progress=progress) as server:
        progress("ready", 1, 1)
        show(f"{server.url} answers to: {', '.join(server.names)}")
        show(client_code(server))
        show("Ctrl-C stops it.")
        with suppress(KeyboardInterrupt):
            server.wait()
