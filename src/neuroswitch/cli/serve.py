"""`neuroswitch serve`: circuits as named models of one OpenAI-compatible server."""

from pathlib import Path
from typing import Annotated

import typer

from neuroswitch.cli import options as o
from neuroswitch.cli.console import bars, console


def serve(  # noqa: PLR0913  one parameter per option of the command line
    circuits: Annotated[list[Path], typer.Argument(help="Circuit folders, or folders that hold some.")],
    *,
    model: o.Model,
    multipliers: Annotated[
        str, typer.Option(help="One model name for each circuit and each of these.")
    ] = "0,2",
    controls: Annotated[
        int, typer.Option(help="Random circuits beside each, as `evaluate --engine URL` needs them.", min=0)
    ] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8000,
    tensor_parallel: Annotated[
        int, typer.Option(help="Devices, or on a CPU processes, that share the model.", min=1)
    ] = 1,
    start_seconds: Annotated[float, typer.Option(help="How long vLLM may take to start.", min=1)] = 1800.0,
    vllm: o.VllmArguments = None,
) -> None:
    """Serve circuits with vLLM: `base`, CIRCUIT@0, CIRCUIT@2, ... on one OpenAI-compatible address."""
    from neuroswitch.integrations.serve import ServeOptions, client_code, serving

    options = ServeOptions(
        multipliers=o.parse_multipliers(multipliers),
        controls=controls,
        host=host,
        port=port,
        tensor_parallel=tensor_parallel,
        start_seconds=start_seconds,
        arguments=tuple(vllm or ()),
    )
    bar = bars()
    with bar as progress, serving(model, circuits, options, progress=progress) as server:
        progress("ready", 1, 1)
        console.print(f"{server.url} answers to: {', '.join(server.names)}", markup=False, soft_wrap=True)
        console.print(client_code(server), markup=False, highlight=False, soft_wrap=True)
        console.print("Ctrl-C stops it.")
        server.wait()
