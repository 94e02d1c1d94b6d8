"""What an ordinary camera does to a clean picture: exposure that lags, noise, lens, motion, JPEG.

One `CameraEffects` serves one recording, frame after frame: exposure and white balance follow the
scene with a delay. Lens distortion is not an effect here: the rays of a distorted `Camera` already
follow its model exactly. The view given is the one at the middle of the middle row's exposure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import pixel_rays, project
from mono_hydra.simulation import camera_kernels
from mono_hydra.simulation.tone import LUMINANCE, tone_curve
from mono_hydra.types import F4, F8, U1, Camera

BASE_EXPOSURE = 4.0  # factor on radiance that a shutter of BASE_SHUTTER_S gives without gain
BASE_SHUTTER_S = 0.008
GREY = 0.20  # linear mean that the meter aims at
NOISE_POOL = 1 << 21
MAX_TAPS = 16
SHARPENING_PX = 1.2


@dataclass(frozen=True)
class CameraOptions:
    """Strength of each effect; a zero switches it off."""

    exposure_lag_s: float = 0.35  # time constant; 0 = exposure follows at once
    exposure_compensation: float = 1.0  # factor on what the meter wants
    max_shutter_s: float = 0.02  # longer is replaced by gain; 0 = no motion blur
    readout_s: float = 0.015  # time between the first and the last row; 0 = global shutter
    shot_noise: float = 0.012  # deviation at white, gain 1
    read_noise: float = 0.0012  # deviation at black, gain 1
    white_balance_error: float = 0.04  # deviation of ln gain of red and blue
    white_balance_strength: float = 0.62  # share of the scene's cast that is removed; 1 = all
    vignetting: float = 0.25  # loss in the far corner
    softness_px: float = 0.35  # deviation of the lens's blur
    sharpening: float = 0.6  # of the camera's processor, around 1.2 px
    jpeg_quality: int = 90  # 0 = no compression


CLEAN = CameraOptions(
    exposure_lag_s=0.0,
    max_shutter_s=0.0,
    readout_s=0.0,
    shot_noise=0.0,
    read_noise=0.0,
    white_balance_error=0.0,
    vignetting=0.0,
    softness_px=0.0,
    sharpening=0.0,
    jpeg_quality=0,
)


class CameraEffects:
    """State of one camera: exposure, white balance, its lens and its noise."""

    def __init__(self, camera: Camera, options: CameraOptions, rng: np.random.Generator) -> None:
        self.options = options
        self.exposure: float | None = None  # factor on radiance, None before the first frame
        self._white = np.ones(3)
        self._stamp_s = 0.0
        self._rng = rng
        error = rng.normal(0.0, options.white_balance_error, 2)
        self._cast = np.exp([error[0], 0.0, error[1]])
        self._noise = rng.standard_normal(NOISE_POOL).astype(np.float32)
        self._curve = tone_curve()
        rays = pixel_rays(camera)
        self._slopes = np.ascontiguousarray(rays[..., :2], np.float32)
        self._jacobian = _pixels_per_slope(camera, rays)
        self._vignette = _vignette(camera, options.vignetting)

    def apply(
        self,
        linear: F4,
        depth_m: F4,
        stamp_s: float,
        T_world_camera_at: Callable[[float], F8] | None = None,
        light_factor: float = 1.0,
    ) -> U1:
        """The picture as the camera delivers it.

        Args:
            linear: (H, W, 3) radiance at the middle of the exposure.
            depth_m: (H, W) along the optical axis, 0 = unknown.
            stamp_s: time of the picture; never before the last one's.
            T_world_camera_at: the camera's path around `stamp_s`; None = it stands still.
            light_factor: on the sensor's light, unseen by the exposure control.

        Returns:
            (H, W, 3) display values.
        """
        o = self.options
        wanted, white = meter(linear, o.exposure_compensation, o.white_balance_strength)
        self._follow(wanted, white, stamp_s)
        assert self.exposure is not None
        shutter_s = min(o.max_shutter_s, BASE_SHUTTER_S * self.exposure / BASE_EXPOSURE)
        if T_world_camera_at is not None and (shutter_s > 0.0 or o.readout_s > 0.0):
            linear = self._moved(linear, depth_m, stamp_s, shutter_s, T_world_camera_at)
        if o.softness_px > 0.0:
            linear = np.asarray(cv2.GaussianBlur(linear, (3, 3), o.softness_px), np.float32)
        shutter_gain = max(shutter_s, 1e-3) / BASE_SHUTTER_S if o.max_shutter_s > 0.0 else 1.0
        sensor_gain = max(1.0, self.exposure / BASE_EXPOSURE / shutter_gain)
        rgb = np.empty(linear.shape, np.uint8)
        gain = (light_factor * self.exposure * self._white * self._cast).astype(np.float32)
        start = int(self._rng.integers(NOISE_POOL))
        camera_kernels.expose_rows(
            0, linear.shape[0], linear, gain, self._vignette, self._noise, start,
            o.shot_noise * np.sqrt(sensor_gain), o.read_noise * sensor_gain, self._curve, rgb,
        )  # fmt: skip
        if o.sharpening > 0.0:
            blurred = cv2.GaussianBlur(rgb, (0, 0), SHARPENING_PX)
            sharp = cv2.addWeighted(rgb, 1.0 + o.sharpening, blurred, -o.sharpening, 0.0)
            rgb = np.asarray(sharp, np.uint8)
        return _through_jpeg(rgb, o.jpeg_quality) if o.jpeg_quality else rgb

    def _follow(self, wanted: float, white: F8, stamp_s: float) -> None:
        """Let exposure and white balance approach what the meter wants."""
        lag_s = self.options.exposure_lag_s
        if self.exposure is None or lag_s <= 0.0:
            self.exposure, self._white = wanted, white
        else:
            step = max(stamp_s - self._stamp_s, 0.0)
            near = 1.0 - np.exp(-step / lag_s)
            self.exposure *= float((wanted / self.exposure) ** near)
            self._white = self._white * (white / self._white) ** (1.0 - np.exp(-step / 3.0 / lag_s))
        self._stamp_s = stamp_s

    def _moved(
        self, linear: F4, depth_m: F4, stamp_s: float, shutter_s: float, at: Callable[[float], F8]
    ) -> F4:
        """The picture with motion blur and rolling shutter, from the path around its stamp."""
        half_s = max(0.5 * (shutter_s + self.options.readout_s), 1e-3)
        change = se3.inverse(at(stamp_s - half_s)) @ at(stamp_s + half_s)
        angular = se3.log_so3(change[:3, :3]) / (2.0 * half_s)
        linear_velocity = change[:3, 3] / (2.0 * half_s)
        if np.abs(angular).max() < 1e-5 and np.abs(linear_velocity).max() < 1e-5:
            return linear
        result = np.empty_like(linear)
        camera_kernels.move_rows(
            0, linear.shape[0], linear, depth_m, self._slopes, self._jacobian,
            np.concatenate([angular, linear_velocity]), shutter_s, self.options.readout_s, MAX_TAPS,
            result,
        )  # fmt: skip
        return result


def meter(linear: F4, compensation: float = 1.0, white_strength: float = 0.62) -> tuple[float, F8]:
    """Exposure factor and white-balance gains (3,) that suit a picture.

    Bright windows and lamps are clipped before averaging, as a camera's zones do; the centre counts
    twice. White balance removes `white_strength` of the mean cast.
    """
    small = linear[:: max(1, linear.shape[0] // 60), :: max(1, linear.shape[1] // 80)].astype(
        np.float64
    )
    luminance = small @ LUMINANCE
    y, x = np.mgrid[-1.0 : 1.0 : luminance.shape[0] * 1j, -1.0 : 1.0 : luminance.shape[1] * 1j]
    weight = 1.0 + np.exp(-2.0 * (x * x + y * y))
    exposure = GREY / max(float(np.median(luminance)), 1e-6)
    for _ in range(6):
        mean = float((np.minimum(luminance * exposure, 1.0) * weight).sum() / weight.sum())
        exposure *= float(np.clip(GREY / max(mean, 1e-6), 0.3, 3.0))
    inside = weight * (luminance * exposure < 1.0)
    cast = (small * inside[..., None]).sum(axis=(0, 1)) / max(float(inside.sum()), 1e-9)
    white = (cast[1] / np.maximum(cast, 1e-9)) ** white_strength
    return compensation * exposure, np.clip(white, 0.3, 4.0)


def _through_jpeg(rgb: U1, quality: int) -> U1:
    _, data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(image[..., ::-1])


def _pixels_per_slope(camera: Camera, rays: F8) -> F4:
    """(H, W, 4) derivative of the pixel by the ray's slopes x / z and y / z."""
    step = 1e-4
    here = project(camera, rays)
    by_x = (project(camera, rays + np.array([step, 0.0, 0.0])) - here) / step
    by_y = (project(camera, rays + np.array([0.0, step, 0.0])) - here) / step
    jacobian = np.stack([by_x[..., 0], by_y[..., 0], by_x[..., 1], by_y[..., 1]], axis=-1)
    return np.nan_to_num(jacobian).astype(np.float32)


def _vignette(camera: Camera, loss: float) -> F4:
    """(H, W) factor that falls with the square of the distance from the optical axis."""
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float64)
    far = np.hypot(camera.width, camera.height) / 2.0
    r2 = ((u - camera.cx) ** 2 + (v - camera.cy) ** 2) / far**2
    return np.asarray(1.0 / (1.0 + loss / max(1.0 - loss, 1e-3) * r2), np.float32)
