"""Discovery as each process of a team does it: started by torchrun, or imported.

    torchrun --nproc-per-node 2 tests/discovery/shared_worker.py OUT

Writes OUT/RANK.safetensors.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1]))

from neuroswitch import processes
from neuroswitch.discovery.collection import Reading, collect
from neuroswitch.discovery.rankings import rank
from neuroswitch.discovery.responses import Gathering
from neuroswitch.discovery.selection import select
from neuroswitch.discovery.statistics import NeuronStatistics
from neuroswitch.prompts import Piles
from planted import planted_dense
from sets import tiny_contrast
from tiny import tiny_model

READING = Reading(
    batch_size=3,
    gathering=Gathering(batch_size=3, tokens=5),
    # whoever made an answer judges it, so a detector that counts is asked once for each
    shows=lambda response, prompt: "sorry" in response,
)


def planted() -> tuple[NeuronStatistics, dict[str, Tensor], Tensor]:
    """Discover the planted circuit; return statistics, a circuit by ranking and the planted neurons."""
    known = planted_dense()
    contrast = replace(tiny_contrast(), discovery=Piles(known.positive, known.negative))
    statistics = collect(known.model, contrast, READING)
    circuits = {name: select(rank(statistics, name, known.model), 4).ids for name in ("delta", "readout")}
    return statistics, circuits, known.ids


def random_experts() -> NeuronStatistics:
    """Collect from a random mixture of experts, one prompt alone in the last batch."""
    contrast = tiny_contrast()
    contrast = replace(contrast, discovery=Piles(*(pile[:7] for pile in contrast.discovery)))
    return collect(tiny_model("qwen3_moe"), contrast, replace(READING, shows=None))


def measured() -> dict[str, Tensor]:
    """Return the numbers that must not depend on the number of processes."""
    statistics, found, _ = planted()
    for name, each in {"planted": statistics, "experts": random_experts()}.items():
        found[f"{name} universal"] = each.universal
        found |= {
            f"{name} {kind} {what}": torch.cat([torch.tensor([float(one.count)]), one.mean, one.m2])
            for kind, cls in (("positive", each.positive), ("negative", each.negative))
            for what, one in {"neurons": cls.neurons, "normed": cls.normed, "next": cls.next_token}.items()
        }
        found |= {
            f"{name} contribution {kind}": torch.cat([torch.tensor([float(one.count)]), one.mean, one.m2])
            for kind, one in {
                "positive": each.contribution.positive,
                "negative": each.contribution.negative,
            }.items()
        }
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    save_file(measured(), Path(sys.argv[1]) / f"{processes.process_rank()}.safetensors")
