"""Which tokens a neuron promotes: what it writes, multiplied by the final norm's gain and the unembedding.

An attention unit's are those of its column of attention's output projection.

Source: "logit lens" on the output weights of MLP neurons (Geva et al. 2022, arXiv:2203.14680).
"""

import torch

from neuroswitch.activations import norm_gain, output_columns
from neuroswitch.circuits.circuit import Circuit
from neuroswitch.models import LanguageModel


def promoted_tokens(model: LanguageModel, circuit: Circuit, *, count: int = 8) -> list[list[str]]:
    """Return the tokens that each neuron of a circuit promotes most where the behaviour shows.

    A neuron whose mean activation over the positive prompts is negative writes the opposite of its column
    there, so its column is multiplied by the sign of that mean where the mean is known.

    Args:
        model: The circuit's model.
        circuit: Whose neurons.
        count: Tokens per neuron.

    Returns:
        One list of token texts per neuron, in the order of `circuit.ids`, strongest first.

    Examples:
        >>> [len(tokens) for tokens in promoted_tokens(model, circuit, count=3)]
        [3, 3, 3, 3, 3]
    """
    unembedding = model.unembedding
    mean = circuit.positive_mean if circuit.positive_mean is not None else torch.ones(len(circuit))
    sign = torch.where(mean < 0, -1.0, 1.0)[:, None]
    written = output_columns(model, circuit.ids) * norm_gain(model) * sign  # (k, H)
    with torch.inference_mode():
        logits = written.to(unembedding.device, unembedding.dtype) @ unembedding.T  # (k, V)
        logits[:, len(model.tokenizer) :] = -torch.inf  # rows of a padded vocabulary belong to no token
        best = logits.float().topk(count, dim=1).indices.tolist()
    return [[str(model.tokenizer.decode([token])) for token in row] for row in best]
