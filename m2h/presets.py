"""The networks that can be built: their configuration and its named presets.

`m2h` and `m2h_small` are the released networks and have no switches besides their size;
`m2h_tiny` is trained by this project and carries the switches of the ablation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from m2h.errors import PresetError
from m2h.types import N_CLASSES, TASKS, Task

Decoder = Literal["full", "light", "tiny"]
CrossTask = Literal["wmca", "concat", "none"]
ENCODERS = ("mobilenet_v2", "dinov2_vits14", "dinov2_vitb14", "dinov2_vitl14")
PATCH_PX = 14  # side of a transformer's patches
CONFIG_KEY = "m2h_config"  # of the configuration in the metadata of files

_RELEASE_MEAN, _RELEASE_STD = (0.4803, 0.4800, 0.4723), (0.2594, 0.2573, 0.2641)
_HALF = (0.5, 0.5, 0.5)


@dataclass(frozen=True)
class ModelConfig:
    """Everything that defines a network but its weights."""

    preset: str
    encoder: str
    decoder: Decoder
    head_channels: int
    mean: tuple[float, float, float]  # of RGB in [0, 1]
    std: tuple[float, float, float]
    min_depth_m: float
    max_depth_m: float
    canonical_focal_px: float | None = None  # None: depth does not depend on the focal length
    n_classes: int = N_CLASSES
    tasks: tuple[Task, ...] = TASKS
    cross_task: CrossTask = "wmca"
    ggfm: bool = True
    label_channels: int = 16  # that the labels of m2h_tiny are read from, at stride 2
    context_blocks: int = 0  # transformer blocks over the coarsest map of m2h_tiny
    refine_blocks: int = 0  # inverted residual blocks of m2h_tiny at stride 8; one a head at 4
    input_size: tuple[int, int] = (224, 308)  # height, width it works best at
    mirror: bool = False  # averaged with what is seen in the mirror image, unless told otherwise
    sigma_scale: float = 1.0  # calibration of the predicted depth sigma, from held-back scenes

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


_PRESETS = {
    "m2h": ModelConfig(
        "m2h", "dinov2_vits14", "full", 256, _RELEASE_MEAN, _RELEASE_STD, 0.001, 10.0
    ),
    "m2h_small": ModelConfig(
        "m2h_small", "dinov2_vits14", "light", 96, _RELEASE_MEAN, _RELEASE_STD, 0.001, 10.0
    ),
    "m2h_tiny": ModelConfig(
        "m2h_tiny",
        "mobilenet_v2",
        "tiny",
        64,
        _HALF,
        _HALF,
        0.1,
        10.0,
        canonical_focal_px=260.0,
        label_channels=32,
        context_blocks=4,
        refine_blocks=3,
    ),
}
PRESETS = tuple(_PRESETS)


def preset(name: str, **switches: Any) -> ModelConfig:
    """A preset's configuration, with fields replaced by `switches`.

    Examples: `preset("m2h_tiny", tasks=("depth",))`, `preset("m2h_small", head_channels=256)`.

    Raises:
        PresetError: unknown preset or field, or a value that the preset does not offer.
    """
    if name not in _PRESETS:
        raise PresetError(f"{name}: unknown preset; use one of {', '.join(PRESETS)}")
    known = {field.name for field in fields(ModelConfig)} - {"preset", "decoder"}
    for key in switches:
        if key not in known:
            raise PresetError(
                f"{name}: unknown switch {key}; use one of {', '.join(sorted(known))}"
            )
    if switches.get("encoder", "").startswith("dinov2") and name == "m2h_tiny":
        switches = {"mean": _RELEASE_MEAN, "std": _RELEASE_STD, **switches}
    return _checked(replace(_PRESETS[name], **switches))


def config_from_dict(values: Mapping[str, Any]) -> ModelConfig:
    """The inverse of `ModelConfig.to_dict`.

    Raises:
        PresetError: unknown or missing preset, field or value.
    """
    switches = {key: tuple(v) if isinstance(v, list) else v for key, v in values.items()}
    name = str(switches.pop("preset", "(no preset)"))
    switches.pop("decoder", None)
    # files from before there were such parts
    before: dict[str, Any] = {"context_blocks": 0, "refine_blocks": 0, "mirror": False}
    return preset(name, **(before | switches))


def shipped_weights(name: str | Path) -> Path:
    """The package's own file of a preset that has one; any other name as the path it is."""
    packed = Path(__file__).parent / "weights" / f"{name}.safetensors"
    return packed if str(name) in PRESETS and packed.is_file() else Path(name)


def _checked(config: ModelConfig) -> ModelConfig:
    name = config.preset
    if config.encoder not in ENCODERS:
        raise PresetError(f"{name}: encoder {config.encoder} is not one of {', '.join(ENCODERS)}")
    if not config.tasks or not set(config.tasks) <= set(TASKS):
        raise PresetError(f"{name}: tasks {config.tasks} are not a subset of {', '.join(TASKS)}")
    if config.cross_task not in ("wmca", "concat", "none"):
        raise PresetError(f"{name}: cross_task {config.cross_task} is not wmca, concat or none")
    for name in ("context_blocks", "refine_blocks"):
        if getattr(config, name) < 0:
            raise PresetError(f"{config.preset}: {name} {getattr(config, name)} must be 0 or more")
    if config.decoder != "tiny":
        _check_released(config)
    return replace(config, tasks=tuple(task for task in TASKS if task in config.tasks))


def _check_released(config: ModelConfig) -> None:
    if config.encoder == "mobilenet_v2":
        raise PresetError(f"{config.preset}: its encoder is a dinov2; m2h_tiny has mobilenet_v2")
    if config.context_blocks or config.refine_blocks:
        raise PresetError(f"{config.preset}: context_blocks and refine_blocks are of m2h_tiny")
    if set(config.tasks) != set(TASKS) or config.cross_task != "wmca" or not config.ggfm:
        raise PresetError(
            f"{config.preset}: tasks, cross_task and ggfm are fixed by the release; "
            "ablate with preset m2h_tiny and encoder=dinov2_vits14"
        )
