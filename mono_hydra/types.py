"""Values that cross a module border: frozen records of numpy arrays.

Frames and units: `T_a_b` maps points of b into a; camera axes right, down, forward; world z up;
metres, seconds, radians. Depth is z along the optical axis, 0 where unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

F4 = NDArray[np.float32]
F8 = NDArray[np.float64]
U1 = NDArray[np.uint8]
U2 = NDArray[np.uint16]
U4 = NDArray[np.uint32]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
Bool = NDArray[np.bool_]

CameraModel = Literal["pinhole", "radtan", "fisheye"]


@dataclass(frozen=True)
class Camera:
    """Intrinsics of one image size; pixel centres lie at integer coordinates (OpenCV)."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    model: CameraModel = "pinhole"
    distortion: tuple[float, ...] = ()  # radtan: k1 k2 p1 p2 [k3]; fisheye: k1 k2 k3 k4

    @property
    def K(self) -> F8:  # noqa: N802 - the field's own name
        """(3, 3) calibration matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def vector(self) -> F8:
        """(4,) fx, fy, cx, cy, the form the kernels take."""
        return np.array([self.fx, self.fy, self.cx, self.cy])

    def resized(self, width: int, height: int) -> Camera:
        """The same view at another image size; the optical model is kept."""
        sx, sy = width / self.width, height / self.height
        return replace(
            self,
            width=width,
            height=height,
            fx=self.fx * sx,
            fy=self.fy * sy,
            cx=(self.cx + 0.5) * sx - 0.5,
            cy=(self.cy + 0.5) * sy - 0.5,
        )

    def pinhole(self) -> Camera:
        """The undistorted camera with the same matrix."""
        return replace(self, model="pinhole", distortion=())


@dataclass(frozen=True, eq=False)
class Frame:
    """One image with what the sensor knows about it; never depth, labels or a pose."""

    index: int  # position in the sequence
    stamp_s: float
    rgb: U1  # (H, W, 3)
    camera: Camera


@dataclass(frozen=True, eq=False)
class ImuSamples:
    """Inertial samples in the body (IMU) frame."""

    stamps_s: F8  # (N,)
    gyro_rad_s: F8  # (N, 3)
    accel_m_s2: F8  # (N, 3), +9.81 along world up at rest

    def part(self, at: slice | Bool) -> ImuSamples:
        """The samples at some places, or where a mask (N,) is true."""
        return ImuSamples(self.stamps_s[at], self.gyro_rad_s[at], self.accel_m_s2[at])


@dataclass(frozen=True, eq=False)
class DepthImage:
    """Depth as a sensor or a data set gives it, in its own camera, which shares the colour view."""

    depth_m: F4  # (H, W), 0 where unknown
    camera: Camera
    stamp_s: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """Depth and labels of one view on one pixel grid, rectified, with their uncertainty."""

    camera: Camera  # pinhole
    rgb: U1  # (H, W, 3)
    depth_m: F4  # (H, W), 0 where unknown
    depth_sigma: F4  # (H, W), standard deviation of ln depth
    labels: U1  # (H, W), ids of `label_space`, 0 = unknown
    confidence: F4  # (H, W), probability of the label
    label_space: str
    normals: F4 | None = None  # (H, W, 3), camera frame, towards the camera
    edges: F4 | None = None  # (H, W), probability of an object edge


TrackState = Literal["initialising", "tracking", "degraded", "lost"]


@dataclass(frozen=True)
class TrackHealth:
    """How well a frame could be tracked."""

    n_tracks: int
    inlier_share: float  # of the tracks followed into the frame, those with one rigid motion
    surviving_share: float  # of the tracks at the last keyframe
    parallax_px: float  # median shift since the last keyframe but for its rotation; NaN: unknown
    nis_per_dof: float  # of the filter's last second, 1 where errors are as stated; NaN: none yet


@dataclass(frozen=True)
class TrackRecord:
    """State of the tracking at one frame, with a pose or without."""

    stamp_s: float
    state: TrackState
    health: TrackHealth
    log_scale: float = 0.0  # of predicted depth: z_predicted = z exp(log_scale)
    log_scale_sigma: float = 0.0
    time_offset_s: float = 0.0  # t_imu = t_image + offset
    time_offset_sigma_s: float = 0.0


@dataclass(frozen=True, eq=False)
class RelativePose:
    """The step from the last keyframe, with the uncertainty of that step alone."""

    T_keyframe_camera: F8  # (4, 4)
    covariance: F8  # (6, 6) of (rotation, translation), right perturbation


@dataclass(frozen=True, eq=False)
class TrackedPose:
    """The estimate of one frame's pose."""

    frame_index: int
    stamp_s: float
    T_world_camera: F8  # (4, 4)
    state: TrackState = "tracking"
    covariance: F8 | None = None  # (6, 6) of (rotation, translation), right perturbation
    log_scale: float = 0.0  # of predicted depth: z_predicted = z exp(log_scale)
    log_scale_sigma: float = 0.0
    health: TrackHealth | None = None  # None: the pose was given
    relative: RelativePose | None = None  # None: given, or no keyframe before


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Points of known depth in one image."""

    points: F8  # (N, 2) normalised image coordinates
    depth_m: F8  # (N,) along the optical axis
    sigma: F8  # (N,) standard deviation of ln depth


@dataclass(frozen=True, eq=False)
class Keyframe:
    """What fusion reads: one view, quantised as it lies in the store."""

    id: int  # 0, 1, 2 ... in the order of the recording
    frame_index: int
    stamp_s: float
    camera: Camera
    T_world_camera: F8  # (4, 4), the pose it is fused with
    rgb: U1  # (H, W, 3)
    depth_m: F4  # (H, W)
    depth_sigma: F4  # (H, W)
    labels: U1  # (H, W)
    confidence: F4  # (H, W)


@dataclass(frozen=True, eq=False)
class MeshBlock:
    """Triangles of one voxel block; faces turn their front to free space."""

    index: tuple[int, int, int]  # block coordinates
    vertices_m: F4  # (V, 3) world
    normals: F4  # (V, 3)
    rgb: U1  # (V, 3)
    labels: U1  # (V,)
    confidence: F4  # (V,)
    faces: I4  # (F, 3)


@dataclass(frozen=True)
class Provenance:
    """Where the poses, depth and labels of a run came from; printed first and saved."""

    poses: Literal["dataset", "vio", "vo"]
    depth: Literal["sensor", "m2h", "file"]
    labels: Literal["dataset", "m2h", "none"]
    stand_in: bool = False
    degrade: str = "none"
    depth_file: str = ""  # name and output of the user's depth network, where depth is "file"
    depth_scale: Literal["", "own", "m2h"] = ""  # what made that depth metric


@dataclass(frozen=True)
class ImuCard:
    """What a recording states of its IMU; continuous noise densities, Kalibr's names."""

    gyro: float  # rad/s/sqrt(Hz)
    gyro_walk: float  # rad/s2/sqrt(Hz)
    accel: float  # m/s2/sqrt(Hz)
    accel_walk: float  # m/s3/sqrt(Hz)
    rate_hz: float = 200.0
    time_offset_s: float = 0.0  # t_imu = t_image + offset
    noise_factor: float | None = None  # of errors in use over the densities; None: not stated


@dataclass(frozen=True)
class SequenceInfo:
    """What is known about a recording before its first image is read."""

    name: str
    kind: str  # reader that understood it: scannet, sevenscenes, folder ...
    camera: Camera
    n_frames: int | None  # None for a stream
    rate_hz: float
    has_imu: bool = False
    has_poses: bool = False
    has_depth: bool = False
    has_labels: bool = False
    has_stamps: bool = True  # False: stamps were made up from file numbers or indices
    label_space: str = "nyu40"
    up_world: tuple[float, float, float] | None = None  # unit vector in the set's world, if stated
    T_body_camera: F8 | None = field(default=None, compare=False)
    imu: ImuCard | None = None  # None: nothing is stated
    readout_s: float = 0.0  # from the first to the last row of an image; 0: all at once
    stand_in: bool = False


@dataclass(frozen=True, eq=False)
class MovedKeyframe:
    """A keyframe whose fused pose was replaced."""

    id: int
    T_world_camera_before: F8  # (4, 4)
    T_world_camera_after: F8  # (4, 4)
