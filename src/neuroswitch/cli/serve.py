"""`neuroswitch serve`: circuits as named models of one OpenAI-compatible server."""

from pathlib import Path

from neuroswitch.cli.console import bars, console
from neuroswitch.integrations import ServeOptions, client_code, serving
from neuroswitch.options import Numbers, VllmArguments


def serve(
    circuits: list[Path],
    /,
    *,
    model: str,
    multipliers: Numbers = (0.0, 2.0),
    controls: int = 0,
    host: str = "127.0.0.1",
    port: int = 8000,
    tensor_parallel: int = 1,
    start_seconds: float = 1800.0,
    vllm: VllmArguments = (),
) -> None:
    """Serve circuits with vLLM: `base`, CIRCUIT@0, CIRCUIT@2, ... on one OpenAI-compatible address.

    Example: neuroswitch serve runs/demo/methods/cna --model demo

    Args:
        circuits: Circuit folders, or folders that hold some.
        model: Hub id, folder, GGUF file, or 'demo'.
        multipliers: Numbers with commas between; one model name for each circuit and each of these.
        controls: Random circuits beside each, as `evaluate --engine URL` needs them.
        host: Address to listen on.
        port: Port to listen on.
        tensor_parallel: Devices, or on a CPU processes, that share the model.
        start_seconds: How long vLLM may take to start.
        vllm: A further argument of vLLM's server, as --vllm=--max-model-len=4096; repeatable.
    """
    options = ServeOptions(
        multipliers=multipliers,
        controls=controls,
        host=host,
        port=port,
        tensor_parallel=tensor_parallel,
        start_seconds=start_seconds,
        arguments=tuple(vllm),
    )
    bar = bars()
    with bar as progress, serving(model, circuits, options, progress=progress) as server:
        progress("ready", 1, 1)
        console.print(f"{server.url} answers to: {', '.join(server.names)}", markup=False, soft_wrap=True)
        console.print(client_code(server), markup=False, highlight=False, soft_wrap=True)
        console.print("Ctrl-C stops it.")
        server.wait()
