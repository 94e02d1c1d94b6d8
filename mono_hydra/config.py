"""Typed, strict configuration: the only place with defaults and ranges.

YAML overlays and `--set section.key=value` are merged over the defaults, then validated once; an
unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from mono_hydra.errors import ConfigError

_OVERLAYS = Path(__file__).parent / "configs"


class Section(BaseModel):
    """Base of all sections: no unknown keys, no silent conversions, no changes after loading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _word_of_switch(value: object) -> object:
    """YAML reads the bare words `on` and `off` as truth values."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


AlignMode = Annotated[Literal["auto", "off"], BeforeValidator(_word_of_switch)]
MirrorMode = Annotated[Literal["auto", "on", "off"], BeforeValidator(_word_of_switch)]


class PerceptionConfig(Section):
    """Depth and labels of keyframes."""

    degrade: Literal["none", "network"] = "none"
    degrade_seed: int = Field(default=0, ge=0)
    align: AlignMode = "auto"  # draw uncertain depth to planes; sensors: untouched
    use_landmarks: bool = True  # predicted depth is corrected by triangulated corners
    temporal_views: int = Field(default=3, ge=0, le=8)  # predictions merged into the next one
    temporal_max_age_s: float = Field(default=3.0, gt=0.0)
    temporal_correlation: float = Field(default=0.7, ge=0.0, le=1.0)  # of neighbours' errors
    # the network sees the mirror image too: surer, at twice its time; auto: as it was made for
    mirror: MirrorMode = "auto"
    max_depth_m: float = Field(default=10.0, gt=0.5)  # readings beyond are unknown
    sensor_depth_sigma: float = Field(default=0.01, gt=0.0)  # of ln depth


class KeyframeConfig(Section):
    """When a frame becomes a keyframe, and how much memory the store may take."""

    translation_m: float = Field(default=0.20, gt=0.0)
    translation_share_of_depth: float = Field(default=0.08, gt=0.0)
    rotation_deg: float = Field(default=12.0, gt=0.0)
    max_interval_s: float = Field(default=2.0, gt=0.0)
    min_interval_s: float = Field(default=0.25, ge=0.0)
    max_ram_mb: float = Field(default=400.0, gt=0.0)


class TrackingConfig(Section):
    """Estimated poses: what the filter believes of its input."""

    n_tracks: int = Field(default=160, ge=20, le=1000)
    sigma_px: float = Field(default=0.5, ge=0.1)  # of a track, at 460 px of focal length
    slide_px: float = Field(default=2.0, ge=0.0)  # what is followed slides so much in a second
    # on the densities that the recording states; null: as its card says, else 3, since data sheets
    # leave out scale, misalignment and vibration
    imu_noise_factor: float | None = Field(default=None, gt=0.0)
    scale_sigma: float = Field(default=0.10, gt=0.0)  # of predicted depth's log-scale
    scale_time_s: float = Field(default=10.0, gt=0.0)
    max_clones: int = Field(default=15, ge=5, le=30)
    clone_interval_s: float = Field(default=0.1, gt=0.0)
    max_points: int = Field(default=25, ge=0, le=100)  # tracks that outlive the window
    use_depth: bool = True  # predicted depth at tracks, after the start
    estimate_scale: bool = True  # of predicted depth; else it is held at 1
    use_rest: bool = True  # zero velocity where images and IMU say that nothing moves
    use_masks: bool = True  # no tracks on what moves by itself
    time_offset_s: float | None = None  # t_imu = t_image + offset; null: as recorded
    time_offset_sigma_s: float = Field(default=0.01, ge=0.0)  # what that may err by; 0: nothing
    readout_s: float | None = Field(default=None, ge=0.0, lt=1.0)  # first to last row; as recorded


class MappingConfig(Section):
    """Volume of voxel blocks, mesh and re-fusion."""

    image_width: int = Field(default=320, ge=80, le=1280)
    voxel_size_m: float = Field(default=0.05, ge=0.02, le=0.10)
    truncation_front_voxels: float = Field(default=3.0, ge=1.5, le=6.0)
    truncation_behind_voxels: float = Field(default=1.25, ge=1.0, le=6.0)
    truncation_sigmas: float = Field(default=2.0, ge=0.0)  # the band is never narrower than this
    max_truncation_m: float = Field(default=0.5, gt=0.0)
    max_range_m: float = Field(default=5.0, gt=0.5, le=12.0)
    min_range_m: float = Field(default=0.15, ge=0.0)
    min_weight: float = Field(default=0.01, ge=0.0)  # of all corners of a meshed cell
    max_weight: float = Field(default=100.0, gt=1.0)  # keeps old surfaces correctable
    window_radius_m: float = Field(default=8.0, gt=2.0)
    refusion_tolerance_m: float = Field(default=0.01, ge=0.0)


class PlacesConfig(Section):
    """Free-space grid, generalised Voronoi diagram and places."""

    voxel_size_m: float = Field(default=0.10, ge=0.05, le=0.5)  # doors are 0.7 m wide inside
    free_margin_m: float = Field(default=0.02, ge=0.0)  # before the surface of a pixel
    solid_band_m: float = Field(default=0.10, gt=0.0)  # behind it; inner walls are 0.10 m thick
    min_free_views: int = Field(default=2, ge=1)
    min_surface_views: int = Field(default=2, ge=1)
    min_surface_share: float = Field(default=0.35, ge=0.0, le=1.0)  # of the views that saw it free
    cell_m: float = Field(default=0.5, gt=0.1)  # one place a cell and connected medial piece
    min_clearance_m: float = Field(default=0.25, gt=0.0)
    merge_distance_m: float = Field(default=0.25, ge=0.0)
    min_edge_clearance_m: float = Field(default=0.20, gt=0.0)
    max_edge_m: float = Field(default=1.0, gt=0.1)
    min_bridge_clearance_m: float = Field(default=0.16, gt=0.0)
    bridge_m: float = Field(default=2.0, gt=0.0)  # longest edge that joins separate components
    min_component: int = Field(default=8, ge=1)  # smaller pieces of the graph are not shown
    active_radius_m: float = Field(default=8.0, gt=1.0)  # of the camera
    reach_m: float = Field(default=1.5, gt=0.5)  # how far a change moves the distance field
    max_clearance_m: float = Field(default=2.0, gt=0.5)  # larger ones are stated as this
    renew_every: int = Field(default=2, ge=1)  # keyframes between renewals of the places


class ObjectsConfig(Section):
    """Instances of object classes."""

    max_depth_m: float = Field(default=4.5, gt=0.5, le=12.0)  # farther pixels make no object
    min_segment_px: int = Field(default=16, ge=4)  # at 320x240
    points_per_segment: int = Field(default=600, ge=50)
    min_views: int = Field(default=3, ge=1)
    min_view_px: int = Field(default=40, ge=1)  # at 320x240, of an object in one of these views
    margin_m: float = Field(default=0.05, gt=0.0)  # a surface this near is the same one


class RoomsConfig(Section):
    """Rooms from the filtration of the places graph, doors and furniture."""

    min_dilation_m: float = Field(default=0.5, gt=0.0)
    max_dilation_m: float = Field(default=1.2, gt=0.0)
    plateau_ratio: float = Field(default=0.15, ge=0.0, le=1.0)
    min_seed_places: int = Field(default=10, ge=1)
    eye_low_m: float = Field(default=1.3, gt=0.0)  # above most furniture, below every lintel
    eye_high_m: float = Field(default=1.9, gt=0.0)
    lintel_low_m: float = Field(default=2.0, gt=0.0)
    lintel_high_m: float = Field(default=2.35, gt=0.0)  # below every ceiling
    max_door_width_m: float = Field(default=1.1, gt=0.0)  # wider openings need a lintel
    min_room_area_m2: float = Field(default=1.2, gt=0.0)
    min_update_keyframes: int = Field(default=6, ge=1)  # rooms change slowly, a step must not
    places_per_update: int = Field(default=60, ge=1)  # rooms are renewed every N/this keyframes


class ViewConfig(Section):
    """What the recording and the report hold."""

    image_every: int = Field(default=1, ge=1)  # keyframes between logged images
    mesh_every: int = Field(default=8, ge=1)  # keyframes between logged mesh updates
    graph_every: int = Field(default=4, ge=1)


class Config(Section):
    """Everything that steers a run."""

    perception: PerceptionConfig = PerceptionConfig()
    keyframes: KeyframeConfig = KeyframeConfig()
    tracking: TrackingConfig = TrackingConfig()
    mapping: MappingConfig = MappingConfig()
    places: PlacesConfig = PlacesConfig()
    objects: ObjectsConfig = ObjectsConfig()
    rooms: RoomsConfig = RoomsConfig()
    view: ViewConfig = ViewConfig()
    seed: int = Field(default=0, ge=0)


class _Loader(yaml.SafeLoader):
    """YAML 1.2 floats: 1e-3 is a number, as everyone expects."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"
    ),
    list("-+0123456789."),
)


def parse_yaml(text: str) -> Any:
    """YAML text with floats such as 1e-3 read as numbers; whole numbers stay whole."""
    return yaml.load(text, Loader=_Loader)  # a SafeLoader subclass


def load_config(files: tuple[Path | str, ...] = (), settings: tuple[str, ...] = ()) -> Config:
    """Defaults, then YAML files in order, then `section.key=value` settings.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type or value out of range, in one line.
    """
    merged: dict[str, Any] = {}
    origin = "configuration"
    for file in files:
        origin = str(file)
        _merge(merged, _read(Path(file)))
    for setting in settings:
        key, separator, text = setting.partition("=")
        if not separator or not key:
            raise ConfigError(f"--set {setting}: write it as section.key=value")
        value: Any
        try:
            value = parse_yaml(text)
        except yaml.YAMLError:
            value = text
        for part in reversed(key.split(".")):
            value = {part: value}
        _merge(merged, value)
        origin = f"--set {setting}"
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_one_line(error)}") from error


def dump_config(config: Config) -> str:
    """The resolved configuration as YAML."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False)


def shipped_overlays() -> list[str]:
    """Names that `--config` takes besides files."""
    return sorted(p.stem for p in _OVERLAYS.glob("*.yaml"))


def _read(path: Path) -> dict[str, Any]:
    if path.name in shipped_overlays() and not path.exists():
        path = _OVERLAYS / f"{path.name}.yaml"
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML ({str(error).splitlines()[0]})") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(
            f"{path}: must hold sections such as `mapping:`, not a {type(data).__name__}"
        )
    return data


def _merge(into: dict[str, Any], extra: dict[str, Any]) -> None:
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _one_line(error: ValidationError) -> str:
    problem = error.errors()[0]
    path = ".".join(str(p) for p in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path, known_keys(), n=1, cutoff=0.0)
        return f"unknown key {path}; did you mean {near[0]}?"
    return f"{path} = {problem['input']!r}: {problem['msg'].lower()}"


def known_keys(model: type[BaseModel] = Config, prefix: str = "") -> list[str]:
    """Dotted paths of all keys."""
    keys: list[str] = []
    for name, item in model.model_fields.items():
        keys.append(prefix + name)
        if isinstance(item.annotation, type) and issubclass(item.annotation, BaseModel):
            keys += known_keys(item.annotation, f"{prefix}{name}.")
    return keys
