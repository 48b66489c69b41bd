"""Sparse autoencoders through SAELens: read from disk or by release, and checked.

SAELens' own format is safetensors and JSON. Releases that it converts from other formats are refused, because
reading some of those runs code from a file.
"""

import re
import warnings
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from neuroswitch.activations import layer_paths
from neuroswitch.errors import Prerequisite
from neuroswitch.models import LanguageModel

if TYPE_CHECKING:
    from sae_lens import SAE

WEIGHTS = "sae_weights.safetensors"
CONFIG = "cfg.json"


@dataclass(frozen=True, eq=False)
class SparseCoder:
    """A sparse autoencoder on the residual stream of one place of a model, in float32.

    Attributes:
        source: Folder, or release/id, that it was read from.
        sae: SAELens' module.
        path: Module path of the decoder layer whose output it reads.
        digest: Of its weights.
    """

    source: str
    sae: "SAE"
    path: str
    digest: str

    @property
    def features(self) -> int:
        """Return how many features it has."""
        count: int = self.sae.cfg.d_sae
        return count

    @torch.no_grad()
    def activations(self, residual: Float[Tensor, "*rows hidden"]) -> Float[Tensor, "*rows features"]:
        """Return what the features are at each token; float32, on the device of the SAE."""
        encoded: Tensor = self.sae.encode(residual.to(self._device, torch.float32))
        return encoded

    @torch.no_grad()
    def contribution(
        self, residual: Float[Tensor, "*rows hidden"], features: Int64[Tensor, " k"]
    ) -> Float[Tensor, "*rows hidden"]:
        """Return what some features add to the reconstruction of each token, on the residual's device."""
        active = self.activations(residual)
        chosen = torch.zeros_like(active)
        places = features.to(self._device)
        chosen[..., places] = active[..., places]
        # the decoder is affine: without its bias it is what the features add
        added: Tensor = self.sae.decode(chosen) - self.sae.decode(torch.zeros_like(chosen[..., :1, :]))
        return added.to(residual.device)

    @property
    def _device(self) -> torch.device:
        place: torch.device = self.sae.W_dec.device
        return place


def require_sae_lens() -> None:
    """Check that SAELens is installed.

    Raises:
        Prerequisite: It is not installed.
    """
    if find_spec("sae_lens") is None:
        raise Prerequisite(
            "SAE features are read through SAELens, which is not installed",
            do="pip install 'neuroswitch[sae]'",
        )


def sae_lens() -> ModuleType:
    """Import SAELens, without the warnings of its own imports.

    Raises:
        Prerequisite: It is not installed.
    """
    require_sae_lens()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sae_lens as library

        return library


def read_sae(source: str, model: LanguageModel) -> SparseCoder:
    """Read an SAE and find the place in the model that it belongs to.

    Args:
        source: A folder in SAELens' format, or RELEASE/ID of its directory.
        model: The model; the SAE must read the residual stream before or behind one of its layers.

    Raises:
        Prerequisite: There is no such SAE, or it cannot be read safely, or it reads something else.
    """
    library = sae_lens()
    folder = Path(source).expanduser()
    sae = _from_folder(library, folder) if folder.is_dir() else _from_release(library, source)
    sae = sae.to(device=str(model.device), dtype=torch.float32).eval().requires_grad_(False)
    hidden = model.module.config.get_text_config(decoder=True).hidden_size
    normalized = sae.cfg.normalize_activations
    if normalized != "none" or sae.cfg.d_in != hidden:
        raise Prerequisite(
            f"the SAE {source} does not fit",
            found=f"inputs of width {sae.cfg.d_in}, normalised by {normalized!r}",
            expected=f"width {hidden}, and normalisation folded into the weights ('none')",
        )
    return SparseCoder(source, sae, _place(str(sae.cfg.metadata.hook_name), model), _digest(sae))


def _from_folder(library: ModuleType, folder: Path) -> "SAE":
    if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]:
        raise Prerequisite(
            f"{folder} is no SAE in SAELens' format",
            found=f"no {missing[0]}",
            expected=f"{CONFIG}, {WEIGHTS}",
        )
    try:
        return library.SAE.load_from_disk(str(folder), device="cpu", dtype="float32")
    except Exception as error:
        raise Prerequisite(
            f"SAELens cannot read {folder}", found=f"{type(error).__name__}: {error}"
        ) from error


def _from_release(library: ModuleType, source: str) -> "SAE":
    from sae_lens.loading.pretrained_saes_directory import get_pretrained_saes_directory

    release, _, name = source.partition("/")
    known = get_pretrained_saes_directory().get(release)
    if known is None or name not in known.saes_map:
        raise Prerequisite(
            f"there is no SAE {source!r}",
            found="neither a folder nor an SAE of SAELens' directory",
            expected="a folder with cfg.json and sae_weights.safetensors, or RELEASE/ID",
        )
    if known.conversion_func is not None:
        raise Prerequisite(
            f"the SAEs of {release} are not in SAELens' own format",
            found=f"they are converted by {known.conversion_func!r}",
            do="convert it where running foreign code is safe, save it with SAE.save_model, and name the folder",
        )
    try:
        return library.SAE.from_pretrained(release, name, device="cpu", dtype="float32")
    except Exception as error:
        raise Prerequisite(
            f"the SAE {source} cannot be fetched", found=f"{type(error).__name__}: {error}"
        ) from error


def _place(hook: str, model: LanguageModel) -> str:
    """Return the layer behind which a hook of TransformerLens, or a module path, reads the residual stream."""
    paths = layer_paths(model)
    if hook in paths:
        return hook
    found = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", hook)
    layer = int(found[1]) - (found[2] == "pre") if found else -1
    if not 0 <= layer < len(paths):
        raise Prerequisite(
            "the SAE reads another place than the residual stream behind a layer of this model",
            found=f"hook {hook!r}",
            expected=f"blocks.N.hook_resid_post, with N below {len(paths)}, or a path such as {paths[0]}",
        )
    return paths[layer]


def _digest(sae: "SAE") -> str:
    state = sorted(sae.state_dict().items())
    hasher = sha256()
    for name, tensor in state:
        hasher.update(name.encode())
        hasher.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return hasher.hexdigest()
