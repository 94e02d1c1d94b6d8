"""What the visual-inertial filter is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from mono_hydra.tracking.imu import ImuModel


@dataclass(frozen=True)
class FilterOptions:
    """What the filter is told; defaults for a VGA camera and real devices."""

    imu: ImuModel = field(default_factory=ImuModel)
    focal_px: float = 460.0
    sigma_px: float = 1.0  # of a track in one image, independent
    slide_px: float = 2.0  # a followed patch slides so much in a second, a random walk
    gravity_m_s2: float = 9.81
    max_clones: int = 15
    clone_interval_s: float = 0.1
    gate_tail: float = 0.35  # of true tracks are lost, since of all sights a fifth has slid away
    max_tracks: int = 40  # in one update
    max_points: int = 25  # tracks kept in the state, those that outlive the window
    min_parallax_px: float = 2.0  # between the last two clones, else the older of them goes
    max_relative_depth: float = 0.2  # sigma of ln inverse depth; worse points are no small errors
    time_offset_sigma_s: float = 0.01  # of t_imu = t_image + offset; 0: it is known
    scale_sigma: float = 0.10  # of the predicted depth's log-scale
    scale_time_s: float = 10.0
    depth_common_sigma: float = 0.03  # error that all depths of one image share
    depth_common_s: float = 1.0  # images so close in time share it too
    depth_repeat_s: float = 1.0  # images so close in time see the same, and err alike in its parts
    depth_reach: float = 0.0  # over which errors in one image are alike, of its width
    usual_depth_sigma: float = 0.6  # of ln depth, of tracks without parallax about the usual depth
    depth_sigma_floor: float = 0.05
    depth_range_m: tuple[float, float] = (0.3, 8.0)
    use_depth: bool = True
    use_rest: bool = True
    static_s: float = 1.0
    rest_s: float = 0.3
    few_tracks: int = 40
    max_image_gap_s: float = 0.3
    recovery_s: float = 0.5  # of good frames, until a degraded state is left
    max_degraded_s: float = 5.0
    max_speed_m_s: float = 8.0
    max_velocity_sigma_m_s: float = 1.0
    max_relative_sigma_m: float = 0.5  # of the position against the newest clone
