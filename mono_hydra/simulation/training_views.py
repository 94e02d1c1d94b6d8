"""Still pictures of one procedural home with exact truth, to train a network with.

The house, its furniture, textures and light are the generator's; light is baked more coarsely than
for recordings. Each picture is rendered at twice its size, passed through a camera of its own
(exposure, white balance, noise, lens, motion, sharpening) and averaged; truth is cast through the
centres of the final pixels. Seeds from `FIRST_SEED` on are for training; smaller ones belong to
tests and benchmarks, so that no network is judged on a house it has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mono_hydra.errors import SimulationError
from mono_hydra.geometry import se3
from mono_hydra.geometry.camera import camera_from_fov
from mono_hydra.simulation.camera_effects import CameraEffects, CameraOptions
from mono_hydra.simulation.free_floor import FreeFloor
from mono_hydra.simulation.house import House
from mono_hydra.simulation.light import LightOptions
from mono_hydra.simulation.options import HouseKind, generator
from mono_hydra.simulation.people import Agent
from mono_hydra.simulation.people_in_view import PeopleInView
from mono_hydra.simulation.plan import make_house
from mono_hydra.simulation.render import Renderer, make_renderer
from mono_hydra.simulation.truth import DYNAMIC_IDS
from mono_hydra.simulation.view_truth import edge_image
from mono_hydra.simulation.viewpoints import Viewpoint, draw_viewpoints
from mono_hydra.types import F4, F8, U1, Camera

FIRST_SEED = 1_000_000
WIDTH, HEIGHT = 320, 240
FOV_DEG = (55.0, 100.0)
N_CAMERAS = 16  # different lenses in one house: the rays of each are kept
KINDS: dict[HouseKind, float] = {"flat": 0.6, "office": 0.15, "open_plan": 0.15, "two_storey": 0.1}
COARSE_LIGHT = LightOptions(cell_m=0.1, light_rays=9, gather_rays=48, bounces=2)
PEOPLE_SHARE = 0.12  # of the views
PERSON_AWAY_M = (1.0, 5.0)
PERSON_WITHIN_RAD = 0.7  # of the gaze
STILL_SHARE = 0.5  # of the views; the others are taken by a moving hand


@dataclass(frozen=True, eq=False)
class TrainingView:
    """One picture with its exact truth."""

    rgb: U1  # (H, W, 3)
    camera: Camera  # pinhole
    depth_m: F4  # (H, W) along the optical axis, 0 = nothing
    labels: U1  # (H, W) NYU40 ids, 0 = nothing
    normals: F4  # (H, W, 3) unit, camera frame, towards the camera; zero = nothing
    edges: U1  # (H, W) 1 on outlines, see `view_truth`
    jpeg_quality: int  # to store the picture with, once


def house_kind(seed: int) -> HouseKind:
    """Kind of home that a training seed is."""
    kinds = list(KINDS)
    return kinds[int(generator(seed, "kind").choice(len(kinds), p=list(KINDS.values())))]


def views(
    seed: int,
    n_views: int = 80,
    *,
    light: LightOptions = COARSE_LIGHT,
    house: House | None = None,
    allow_any_seed: bool = False,
) -> Iterator[TrainingView]:
    """Pictures of the home of one seed; equal arguments give equal pictures.

    Args:
        seed: of the house, from `FIRST_SEED` on.
        n_views: at most so many.
        light: fineness of the baked light.
        house: taken instead of the seed's own.
        allow_any_seed: also take a seed that belongs to tests.

    Raises:
        SimulationError: the seed is not one for training, or gives no valid house.
    """
    if seed < FIRST_SEED and not allow_any_seed:
        raise SimulationError(
            f"training views: seed {seed} belongs to tests; choose {FIRST_SEED} or more"
        )
    house = house or make_house(seed, house_kind(seed))
    renderer = make_renderer(house, seed, options=light)
    rng = generator(seed, "training views")
    studio = _Stills(renderer, rng)
    fields_deg = np.sort(rng.uniform(*FOV_DEG, N_CAMERAS))
    cameras = [camera_from_fov(WIDTH, HEIGHT, float(f)) for f in fields_deg]
    for viewpoint in draw_viewpoints(renderer.scene, cameras, n_views, rng):
        yield studio.take(viewpoint)


class _Stills:
    """Takes pictures of one house."""

    def __init__(self, renderer: Renderer, rng: np.random.Generator) -> None:
        self._renderer = renderer
        self._rng = rng
        self._floor = FreeFloor(renderer.scene.house, renderer.scene)

    def take(self, viewpoint: Viewpoint) -> TrainingView:
        """The picture and the truth of one viewpoint."""
        T, camera = viewpoint.T_world_camera, viewpoint.camera
        fine = camera.resized(2 * camera.width, 2 * camera.height)
        scene = self._renderer.scene
        agents = self._bystanders(viewpoint)
        view = scene.view(T, fine)
        linear = self._renderer.shade(view, T, fine)
        view, linear = PeopleInView(agents, self._renderer, fine).draw(view, linear, T, 0.0)
        effects = CameraEffects(fine, _draw_options(self._rng), self._rng)
        rgb = effects.apply(linear, view.depth_m, 0.0, _draw_motion(T, self._rng))
        size = (camera.width, camera.height)
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        blank = np.zeros((camera.height, camera.width, 3), np.float32)
        true, _ = PeopleInView(agents, self._renderer, camera).draw(
            scene.view(T, camera), blank, T, 0.0
        )
        normals = (true.normals_world @ T[:3, :3].astype(np.float32)).astype(np.float32)
        return TrainingView(
            rgb=np.asarray(small, np.uint8),
            camera=camera,
            depth_m=true.depth_m,
            labels=true.labels,
            normals=normals,
            edges=edge_image(true.depth_m, normals, true.labels, true.instances, camera),
            jpeg_quality=int(self._rng.integers(70, 97)),
        )

    def _bystanders(self, viewpoint: Viewpoint) -> list[Agent]:
        """Nobody, or somebody who stands before the camera."""
        rng = self._rng
        if rng.random() >= PEOPLE_SHARE:
            return []
        T = viewpoint.T_world_camera
        places = self._floor.free_points(viewpoint.room.id, 0.3, 0.35)
        way = places[:, :2] - T[:2, 3]
        away_m = np.linalg.norm(way, axis=1)
        aside = np.abs(np.angle(_complex(way) / (_complex(T[None, :2, 2]) + 1e-12)))
        good = (aside < PERSON_WITHIN_RAD) & (away_m > PERSON_AWAY_M[0])
        candidates = places[good & (away_m < PERSON_AWAY_M[1])]
        if not len(candidates):
            return []
        return [_standing(candidates[int(rng.integers(len(candidates)))], rng)]


def _complex(xy: F8) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    return np.asarray(xy[:, 0] + 1j * xy[:, 1])


def _standing(feet_m: F8, rng: np.random.Generator) -> Agent:
    """A person frozen in a step."""
    return Agent(
        id=DYNAMIC_IDS,
        height_m=float(rng.uniform(1.5, 1.95)),
        look_seed=int(rng.integers(1 << 31)),
        stamps_s=np.array([0.0, 1.0]),
        feet_m=np.tile(feet_m, (2, 1)),
        yaw_rad=np.full(2, rng.uniform(0.0, 2.0 * np.pi)),
        phase_rad=np.full(2, rng.uniform(0.0, 2.0 * np.pi)),
    )


def _draw_options(rng: np.random.Generator) -> CameraOptions:
    """A camera between a good one in a good hand and an old telephone."""
    usual = CameraOptions()
    noise = float(np.exp(rng.normal(0.3, 0.7)))
    return replace(
        usual,
        exposure_compensation=float(np.exp(rng.normal(0.12, 0.32))),
        max_shutter_s=float(rng.uniform(0.01, 0.04)),
        readout_s=float(rng.choice([0.0, 0.015, 0.03])),
        shot_noise=usual.shot_noise * noise,
        read_noise=usual.read_noise * noise,
        white_balance_error=0.07,
        white_balance_strength=float(rng.uniform(0.3, 0.9)),
        vignetting=float(rng.uniform(0.0, 0.45)),
        softness_px=float(rng.uniform(0.2, 1.2)),
        sharpening=float(rng.uniform(0.0, 1.0)),
        jpeg_quality=0,
    )


def _draw_motion(T_world_camera: F8, rng: np.random.Generator) -> Callable[[float], F8] | None:
    """The camera's path around the moment of the picture, None if it stands still."""
    twist = np.concatenate([rng.normal(0.0, 0.25, 3), rng.normal(0.0, 0.3, 3)])  # m/s, rad/s
    if rng.random() < STILL_SHARE:
        return None
    return lambda stamp_s: T_world_camera @ se3.exp(twist * stamp_s)
