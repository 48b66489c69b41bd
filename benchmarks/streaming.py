"""Discovery over a checkpoint larger than memory: a Llama-shaped one, and the demo model in both ways.

    python benchmarks/streaming.py synthetic     # writes about 4.8 GB into --folder and removes them again
    python benchmarks/streaming.py demo          # the same circuit streamed and in memory?

`synthetic` starts a child process under RLIMIT_DATA, a limit on its private writable memory: torch's own
counts, code of libraries and the page cache do not. The child streams the checkpoint; a second
one shows that loading it whole ends at the limit.
The files are dropped from the page cache before each timed reading. A circuit that differs, or a checkpoint
that is not three times as large as the limit, fails the benchmark; no time does.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

MIB = 2**20
CHUNK = 16 * MIB
LARGER = {"Llama 3.1 70B": (80, 8192, 28672, 1024), "Llama 3.1 405B": (126, 16384, 53248, 1024)}
"""Layers, hidden size, neurons a layer, width of keys and values."""
VOCABULARY, TOKENS = 128256, 10000
TEMPLATE = "{% for message in messages %}user {{ message.content }} {% endfor %}answer"


def write_checkpoint(folder: Path, shape: dict[str, int]) -> int:
    """Write a random Llama in bfloat16, one shard a layer, all layers alike; return its bytes."""
    import torch
    from accelerate import init_empty_weights
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**shape, max_position_embeddings=2048, tie_word_embeddings=False)
    config.architectures = ["LlamaForCausalLM"]
    with init_empty_weights():
        model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(0)
    shards: dict[str, dict[str, torch.Size]] = {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[2] if ".layers." in name else name.split(".")[0 if "lm_head" in name else 1]
        shards.setdefault(f"model-{part}.safetensors", {})[name] = parameter.shape
    layer: dict[str, torch.Tensor] = {}  # by the end of the name: drawn once, written in every layer
    for file, names in shards.items():
        tensors = {}
        for name, size in names.items():
            end = name.split(".", 3)[3] if ".layers." in name else name
            if end not in layer:
                noise = torch.randn(size, generator=generator) * 0.02
                layer[end] = (noise + 1 if "norm" in name else noise).to(torch.bfloat16)
            tensors[name] = layer[end]
        save_file(tensors, folder / file, metadata={"format": "pt"})
    index = {name: file for file, names in shards.items() for name in names}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    config.save_pretrained(folder)
    write_tokenizer(folder)
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer with one token for each word of the built-in prompts."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from neuroswitch.prompts import ContrastSet, diverse_prompts

    prompts = [*diverse_prompts(), *(p for pile in ContrastSet.builtin("refusal").discovery for p in pile)]
    splitter = pre_tokenizers.Whitespace()
    words = sorted({word for prompt in prompts for word, _ in splitter.pre_tokenize_str(prompt.text)})
    vocabulary = {
        word: number for number, word in enumerate(dict.fromkeys(["<unk>", "user", "answer", *words]))
    }
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = splitter
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", pad_token="<unk>")
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)


def forget(folder: Path) -> None:
    """Drop the files of a folder from the page cache."""
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def plain_read(folder: Path) -> float:
    """Read all shards once into one small buffer, and return the seconds."""
    forget(folder)
    buffer = bytearray(CHUNK)
    start = time.perf_counter()
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb", buffering=0) as stream:
            while stream.readinto(buffer):
                pass
    return time.perf_counter() - start


def limited(task: str, arguments: list[str], limit: int) -> subprocess.CompletedProcess[str]:
    """Run a task of this file in a child whose private memory is limited, torch's own included."""
    # one arena: glibc would set 64 MiB aside for every thread
    return subprocess.run(
        [sys.executable, __file__, task, *arguments],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )


def status(field: str) -> int:
    """Read a line of /proc/self/status, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)


class Watch:
    """The largest private memory of this process, looked at every 5 ms."""

    def __init__(self) -> None:
        self.most, self.data = 0, 0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            self.most, self.data = max(self.most, status("RssAnon")), max(self.data, status("VmData"))
            time.sleep(0.005)


def stream_child(options: argparse.Namespace) -> dict[str, Any]:
    """Stream a checkpoint in this process, and return what was measured."""
    from neuroswitch.checkpoints import open_streamed
    from neuroswitch.discovery import RANKINGS, Reading, select, streaming
    from neuroswitch.models import LoadOptions
    from neuroswitch.prompts import ContrastSet, Piles

    base, base_data, watch = status("RssAnon"), status("VmData"), Watch()
    contrast = ContrastSet.builtin("refusal")
    piles = Piles(*(pile[: options.prompts] for pile in contrast.discovery))
    contrast = type(contrast)("refusal", discovery=piles, validation=contrast.validation, test=contrast.test)
    marks: list[float] = []
    start = time.perf_counter()
    source = open_streamed(options.folder, options=LoadOptions(dtype=options.dtype))
    reading = Reading(needs=RANKINGS.get(options.ranking).needs, batch_size=16)
    statistics = streaming.collect_streamed(
        source,
        contrast,
        reading,
        Path(options.folder) / "stream",
        progress=lambda stage, done, total: marks.append(time.perf_counter()),
    )
    read = time.perf_counter()
    circuit = select(streaming.rank_streamed(statistics, options.ranking, source))
    end = time.perf_counter()
    progress = json.loads((Path(options.folder) / "stream" / "progress.json").read_text())
    reads = source.weights.reads.values()
    names = source.weights.checkpoint.tensors
    return {
        "base": base,
        "base_data": base_data,
        "peak": watch.most,
        "peak_data": watch.data,
        "hwm": status("VmHWM"),
        "open": marks[0] - start,
        "layers": marks[-1] - marks[0],
        "collect": read - start,
        "rank": end - read,
        "tensors": len(names),
        "reads": sum(reads),
        "prompts": sum(len(batch["rows"]) for batch in progress["batches"]),
        "neurons": len(circuit),
    }


def load_child(options: argparse.Namespace) -> dict[str, Any]:
    """Load a checkpoint whole in this process."""
    from neuroswitch.models import LoadOptions, load_model

    load_model(options.folder, options=LoadOptions(dtype="bfloat16"))
    return {"loaded": True}


def tokens_of(folder: Path, prompts: int) -> int:
    """Count the tokens of all prompts that are read."""
    from transformers import AutoTokenizer

    from neuroswitch.chat import encode
    from neuroswitch.prompts import ContrastSet, diverse_prompts

    tokenizer = AutoTokenizer.from_pretrained(folder)
    chosen = [
        *diverse_prompts(),
        *(p for pile in ContrastSet.builtin("refusal").discovery for p in pile[:prompts]),
    ]
    return sum(len(encode(tokenizer, prompt)) for prompt in chosen)


def synthetic(options: argparse.Namespace) -> int:
    """Stream a checkpoint that is larger than the memory the process may have."""
    shape = {
        "hidden_size": options.hidden,
        "intermediate_size": 4 * options.hidden,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.hidden // 64,
        "num_key_value_heads": options.hidden // 256,
        "vocab_size": 16000,
    }
    limit = options.limit * MIB
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        size = write_checkpoint(folder, shape)
        seconds = plain_read(folder)
        forget(folder)
        arguments = [
            "--folder",
            name,
            "--prompts",
            str(options.prompts),
            "--ranking",
            options.ranking,
            "--dtype",
            options.dtype,
        ]
        done = limited("stream-child", arguments, limit)
        whole = limited("load-child", arguments, limit)
        tokens = tokens_of(folder, options.prompts)
        layer = sum(file.stat().st_size for file in folder.glob("model-1.safetensors"))
    if done.returncode:
        print(done.stderr[-3000:])
        return 1
    found = json.loads(done.stdout.splitlines()[-1])
    flops = 2 * options.layers * (layer / 2) * tokens / found["layers"]
    print(
        f"checkpoint                   {size / 1e9:.2f} GB, {options.layers} layers of {layer / 1e6:.0f} MB, bfloat16"
    )
    print(
        f"limit                        {limit / 1e9:.2f} GB (RLIMIT_DATA); checkpoint / limit {size / limit:.2f}"
    )
    print(
        f"before anything is read      {found['base'] / 1e9:.2f} GB resident, {found['base_data'] / 1e9:.2f} GB counted"
    )
    print(
        f"peak, private memory         {found['peak'] / 1e9:.2f} GB resident, {found['peak_data'] / 1e9:.2f} GB counted"
    )
    print(f"peak, libraries included     {found['hwm'] / 1e9:.2f} GB (VmHWM)")
    print(f"loading it whole, same limit {_ending(whole)}")
    print(f"plain read                   {seconds:.1f} s, {size / seconds / 1e9:.2f} GB/s")
    print(f"streamed reading             {found['collect']:.1f} s, {found['collect'] / seconds:.1f} of the plain read, "
          f"{size / found['collect'] / 1e9:.3f} GB/s")  # fmt: skip
    print(f"ranking ({options.ranking})         {found['rank']:.1f} s")
    print(
        f"prompts, tokens              {found['prompts']}, {tokens}: {tokens / found['layers']:.1f} tokens/s"
    )
    print(
        f"arithmetic in the layers     {flops / 1e9:.1f} GFLOP/s (2 FLOP a weight and token), {options.dtype}"
    )
    print(f"tensors, readings            {found['tensors']}, {found['reads']} with those of the ranking")
    print(f"circuit                      {found['neurons']} neurons")
    print_estimates(size / seconds, flops)
    return 0 if size >= 3 * limit and whole.returncode else 1


def print_estimates(disk: float, flops: float) -> None:
    """Print what larger models would take at the measured rates, in bytes and FLOP a second."""
    for name, (layers, hidden, width, keys) in LARGER.items():
        layer = 2 * hidden * hidden + 2 * hidden * keys + 3 * hidden * width  # weights
        size = 2 * (layers * layer + 2 * VOCABULARY * hidden)  # bytes in bfloat16, embedding and head with it
        arithmetic = 2 * layers * layer * TOKENS / flops
        print(
            f"{name:<28} {layers} layers of {2 * layer / 1e9:.2f} GB, {size / 1e9:.0f} GB; {TOKENS} tokens: "
            f"reading {size / disk / 60:.0f} min, arithmetic {arithmetic / 3600:.1f} h, "
            f"two layers {4 * layer / 1e9:.1f} GB, hidden states {2 * TOKENS * hidden / 1e9:.2f} GB"
        )


def _ending(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode == 0:
        return "succeeds: the limit is too high to show anything"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return f"fails, status {done.returncode}: {lines[-1].strip()[:100] if lines else 'killed'}"


def demo(options: argparse.Namespace) -> int:
    """Compare the circuits of the demo model, streamed and in memory."""
    from neuroswitch.checkpoints import open_streamed
    from neuroswitch.discovery import Reading, collect, rank, select, streaming
    from neuroswitch.models import load_model
    from neuroswitch.prompts import ContrastSet, Piles

    contrast = ContrastSet.builtin("refusal")
    piles = Piles(*(pile[: options.prompts] for pile in contrast.discovery))
    contrast = type(contrast)("refusal", discovery=piles, validation=contrast.validation, test=contrast.test)
    reading = Reading(needs=frozenset({"next_token"}), batch_size=32)
    source = open_streamed("demo")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        start = time.perf_counter()
        found = streaming.collect_streamed(source, contrast, reading, Path(name))
        streamed = time.perf_counter() - start

    # in the order in which memory is smallest: scores of the streamed one before the model is loaded
    ours = {
        ranking: select(streaming.rank_streamed(found, ranking, source)) for ranking in streaming.streamable()
    }
    model = load_model("demo")
    start = time.perf_counter()
    expected = collect(model, contrast, reading)
    whole = time.perf_counter() - start
    off = (found.delta - expected.delta).abs().max() / expected.delta.abs().max()
    print(f"prompts                      {len(piles.positive)} + {len(piles.negative)}, and the diverse ones")
    print(
        f"streamed / in memory, time   {streamed / whole:.2f} ({streamed:.1f} s, {whole:.1f} s after loading)"
    )
    print(f"largest difference of means  {float(off):.1e} of the largest")
    print(f"same weights, same read      {found.model == expected.model}, {found.read == expected.read}")
    print(
        f"same universal neurons       {found.universal.equal(expected.universal)} ({int(found.universal.sum())})"
    )
    same = found.universal.equal(expected.universal)
    for ranking, circuit in ours.items():
        theirs = select(rank(expected, ranking, model))
        shared = len(set(circuit.ids.tolist()) & set(theirs.ids.tolist()))
        print(
            f"same circuit, {ranking:<14} {circuit.ids.equal(theirs.ids)} ({shared} of {len(theirs)} neurons)"
        )
        same = same and circuit.ids.equal(theirs.ids)
    return 0 if same else 1


def main() -> int:
    """Run one of the parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=["synthetic", "demo", "stream-child", "load-child"])
    parser.add_argument("--folder", default=tempfile.gettempdir(), help="where the checkpoint is written")
    parser.add_argument("--prompts", type=int, help="of each class; default 16, for the demo model 32")
    parser.add_argument("--ranking", default="next_token")
    parser.add_argument("--dtype", default="bfloat16", help="of the arithmetic")
    parser.add_argument("--layers", type=int, default=38)
    parser.add_argument("--hidden", type=int, default=2048)
    parser.add_argument("--limit", type=int, default=1500, help="MiB of memory of the child")
    options = parser.parse_args()
    if options.part in ("stream-child", "load-child"):
        measured = stream_child(options) if options.part == "stream-child" else load_child(options)
        print(json.dumps(measured))
        return 0
    if options.part == "synthetic":
        if shutil.disk_usage(options.folder).free < 6e9:
            print(f"less than 6 GB free in {options.folder}")
            return 1
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the checkpoint is removed
        options.prompts = options.prompts or 16
        return synthetic(options)
    options.prompts = options.prompts or 32
    return demo(options)


if __name__ == "__main__":
    sys.exit(main())
