"""Agreement with the released M2H and DINOv2, tensor by tensor, without trained weights.

Each stored file holds what the reference computed from recipe weights and a recipe image. The
same weights go through a checkpoint file and the checkpoint reader here, so that names, shapes
and arithmetic are checked together. Tolerances are those measured for the parity data.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from m2h.backbone import DinoV2
from m2h.checkpoints import load_checkpoint, start_encoder
from m2h.errors import DataError
from m2h.model import M2H, build_model, preset
from m2h.recipe import crc32_of_state, recipe_image, recipe_state
from m2h.types import Outputs

_TAP_ATOL = 1e-4
_ATOL, _RTOL, _MEAN_ATOL = 5e-4, 1e-4, 5e-5
_MIN_ARGMAX_AGREEMENT, _CLEAR_MARGIN = 0.999, 0.01
_N_PROBES, _PROBE_STEP = 64, 7919

Array = NDArray[Any]


@dataclass(frozen=True)
class Difference:
    """How far one tensor is from the reference."""

    max_abs: float
    met: bool


def check_parity(files: Iterable[str | Path]) -> dict[str, Any]:
    """Compare with stored reference outputs.

    Args:
        files: `.npz` of the parity data; the keys file their `meta` names lies beside them.

    Returns:
        `met`, and `files`: by file name `met`, `max_abs_difference` by tensor (for `sem_argmax`:
        share of the pixels that differ) and `failed`, the tensors out of tolerance.

    Raises:
        DataError: a file is missing or is no parity file.
    """
    by_file = {Path(path).name: _check_file(Path(path)) for path in files}
    if not by_file:
        raise DataError("parity: no file given; give .npz files of the parity data")
    return {"met": all(result["met"] for result in by_file.values()), "files": by_file}


def _check_file(path: Path) -> dict[str, Any]:
    stored, meta, entries = _read(path)
    state = recipe_state(entries["tensors"])
    if crc32_of_state(state) != entries["crc32"]:
        raise DataError(f"{path}: the recipe gives other weights than its keys file; use its numpy")
    compare = _compare_backbone if meta["network"] == "DINOv2" else _compare_network
    differences = compare(stored, meta, state)
    failed = sorted(name for name, difference in differences.items() if not difference.met)
    return {
        "met": not failed,
        "failed": failed,
        "max_abs_difference": {name: x.max_abs for name, x in sorted(differences.items())},
    }


def _read(path: Path) -> tuple[dict[str, Array], dict[str, Any], dict[str, Any]]:
    try:
        with np.load(path) as archive:
            stored = {name: archive[name] for name in archive.files}
        meta = json.loads(str(stored.pop("meta")))
        entries = json.loads((path.parent / meta["keys_file"]).read_text(encoding="utf-8"))
    except (OSError, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path}: not a parity file with its keys file ({reason})") from error
    if meta.get("network") not in ("M2H", "DINOv2"):
        raise DataError(f"{path}: holds network {meta.get('network')}; give files of M2H or DINOv2")
    return stored, meta, entries


def _network_input(model: M2H, meta: Mapping[str, Any]) -> Tensor:
    image = recipe_image(meta["image_height"], meta["image_width"])
    rgb = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    return model.normalise(rgb)


def _through_file(state: Mapping[str, Tensor], read: Callable[[Path], M2H]) -> M2H:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recipe.pt"
        torch.save(dict(state), path)
        return read(path)


# ---- the backbone alone -------------------------------------------------------------------


def _compare_backbone(
    stored: Mapping[str, Array], meta: Mapping[str, Any], state: Mapping[str, Tensor]
) -> dict[str, Difference]:
    def read(path: Path) -> M2H:
        model = build_model(preset("m2h_small")).eval()
        start_encoder(model, path)
        return model

    model = _through_file(state, read)
    assert isinstance(model.backbone, DinoV2)
    with torch.no_grad():
        computed = _backbone_tensors(model.backbone, _network_input(model, meta), meta)
    return {name: _close(x, stored[name], _TAP_ATOL, 0.0) for name, x in computed.items()}


def _backbone_tensors(backbone: DinoV2, image: Tensor, meta: Mapping[str, Any]) -> dict[str, Array]:
    last: list[Tensor] = []
    hook = backbone.blocks[-1].register_forward_hook(lambda _m, _i, out: last.append(out))
    features = backbone(image)
    hook.remove()
    step, channel_step = meta["tap_spatial_stride"], meta["tap_channel_stride"]
    tensors: dict[str, Array] = {}
    for i, (patches, token) in enumerate(zip(features.maps, features.tokens, strict=True)):
        tensors[f"tap.{i}.patch"] = patches[0, ::channel_step, ::step, ::step].numpy()
        tensors[f"tap.{i}.cls"] = token[0].numpy()
        tensors[f"tap.{i}.channel_mean"] = patches[0].double().mean((1, 2)).numpy()
    normalised = backbone.norm(last[0])[0]
    rows, columns = features.maps[0].shape[-2:]
    every, channels = meta["final_token_stride"], meta["final_channel_stride"]
    tensors["final_norm.cls"] = normalised[0].numpy()
    tensors["final_norm.patch_subset"] = normalised[1:][::every, ::channels].numpy()
    positions = backbone.positions(rows, columns)[0]
    tensors["pos_embed_interp_subset"] = positions[::every, ::channels].numpy()
    return tensors


# ---- the whole network --------------------------------------------------------------------


def _compare_network(
    stored: Mapping[str, Array], meta: Mapping[str, Any], state: Mapping[str, Tensor]
) -> dict[str, Difference]:
    model = _through_file(state, load_checkpoint)
    probes: dict[str, Array] = {}
    hooks = _probe(model, probes)
    with torch.no_grad():
        outputs = model(_network_input(model, meta))
    for hook in hooks:
        hook.remove()
    differences = _compare_outputs(outputs, stored, meta)
    for name, values in probes.items():
        atol, rtol = (_TAP_ATOL, 0.0) if name.startswith("tap.") else (_ATOL, _RTOL)
        differences[f"probe.{name}"] = _close(values, stored[f"probe.{name}"], atol, rtol)
    return differences


def _probe(model: M2H, probes: dict[str, Array]) -> list[Any]:
    """Hooks that write 64 values of every intermediate tensor into `probes`."""

    def watch(module: nn.Module, name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            probes.update({k: _probe_values(x) for k, x in _named(name, output).items()})

        return module.register_forward_hook(hook)

    head = model.mlt_head
    names = {"unique_depth_feature": "unique_depth", "unique_semantic_feature": "unique_semantic"}
    names |= {"restore_depth": "ggfm.depth", "restore_semseg": "ggfm.sem_seg"}
    names |= {"conv_depth": "head.depth", "seg_out": "head.sem_seg"}
    names |= {"conv_normal": "head.normals", "conv_edge": "head.edges"}
    names |= {f"convs.{i}": f"pyramid.{i}" for i in range(4)}
    names |= {f"cross_attn.{i}": f"wmca.{i}" for i in range(2)}
    names |= {f"project_{t}": f"fused.{t}" for t in ("edges", "normals", "sem_seg", "depth")}
    hooks = [watch(head.get_submodule(path), name) for path, name in names.items()]
    return [watch(model.backbone, "tap"), *hooks]


def _named(name: str, output: Any) -> dict[str, Tensor]:
    if name == "tap":
        patches = {f"tap.{i}.patch": x for i, x in enumerate(output.maps)}
        return patches | {f"tap.{i}.cls": x for i, x in enumerate(output.tokens)}
    if name.startswith("wmca"):
        return {f"{name}.{k}": x for k, x in enumerate(output.unbind(1))}
    return {name: output}


def _probe_values(x: Tensor) -> Array:
    flat = x.reshape(-1)
    i = np.arange(_N_PROBES)
    stride = len(flat) // _N_PROBES
    index = np.minimum(i * stride + _PROBE_STEP * i % stride, len(flat) - 1)
    values: Array = flat[torch.from_numpy(index)].numpy()
    return values


def _compare_outputs(
    outputs: Outputs, stored: Mapping[str, Array], meta: Mapping[str, Any]
) -> dict[str, Difference]:
    named = {"depth": outputs.depth, "sem_seg": outputs.semantics}
    named |= {"normals": outputs.normals, "edges": outputs.edges}
    differences = {}
    for name, x in named.items():
        assert x is not None
        step = meta["sem_seg_stride"] if name == "sem_seg" else meta["dense_stride"]
        computed = x[0, :, ::step, ::step].numpy()
        differences[name] = _close(computed, stored[name], _ATOL, _RTOL, mean_atol=_MEAN_ATOL)
        means = x[0].double().mean((1, 2)).numpy()
        differences[f"mean.{name}"] = _close(means, stored[f"stats.{name}"][:, 0], _MEAN_ATOL, 0.0)
    assert outputs.semantics is not None
    labels = outputs.semantics[0].argmax(0).numpy()
    step = meta["dense_stride"]
    differences["sem_argmax"] = _compare_labels(
        labels, stored["sem_argmax"], stored["sem_margin"], step
    )
    return differences


def _compare_labels(labels: Array, expected: Array, margin: Array, step: int) -> Difference:
    differs = labels != expected
    share = float(differs.mean())
    clear = margin.astype(np.float32) > _CLEAR_MARGIN
    met = share <= 1 - _MIN_ARGMAX_AGREEMENT and not (differs[::step, ::step] & clear).any()
    return Difference(share, bool(met))


def _close(
    computed: Array, expected: Array, atol: float, rtol: float, mean_atol: float = np.inf
) -> Difference:
    if computed.shape != expected.shape:
        return Difference(float("inf"), met=False)
    gap = np.abs(computed.astype(np.float64) - expected)
    met = bool((gap <= atol + rtol * np.abs(expected)).all() and gap.mean() < mean_atol)
    return Difference(float(gap.max()), met)
