"""A seeded model of a network's errors laid over given depth and labels (docs/degrade.md).

The errors belong to the surface and to the direction it is seen from, so that looking again from
nearby repeats them; only the scale jitter belongs to the frame.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from scipy.special import ndtr, ndtri

from mono_hydra.config import PerceptionConfig
from mono_hydra.labels import LabelSpace
from mono_hydra.perception import degrade_kernels
from mono_hydra.perception.confusions import confusable_ids
from mono_hydra.perception.noise import CELLS_PER_LENGTH, anchors, noise_lattice
from mono_hydra.perception.small_objects import SmallObjects
from mono_hydra.types import F4, F8, U1, Bool, Frame, Prediction

DEPTH_SIGMA = 0.06  # of ln depth, smooth over the surface
DEPTH_LENGTH_M = 0.5  # correlation length of the depth error
SCALE_SIGMA = 0.03  # of ln depth, one number a frame
EDGE_BLUR = 0.0047  # standard deviation, share of the image width: 1.5 px of 320
WRONG_SHARE = 0.12  # of object pixels
WRONG_LENGTH_M = 0.15  # patches of wrong labels, about 0.2-0.4 m across
CHOICE_LENGTH_M = 0.40  # one patch, one wrong label
DOUBT = 0.7  # how badly the network knows its wrong pixels: noise on the field that decides them
SURE = 0.98  # confidence of labels the model never changes


class Views(Protocol):
    """A predictor of undisturbed depth and labels."""

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Depth and labels of a frame."""
        ...


class DegradedPredictor:
    """Given depth and labels with a network's errors and an honest statement of them."""

    def __init__(self, views: Views, label_space: LabelSpace, config: PerceptionConfig) -> None:
        self._views = views
        self._seed = config.degrade_seed
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, 0]))
        self._lattice = noise_lattice(rng)
        self._anchors = anchors()
        self._cells_per_m = CELLS_PER_LENGTH / np.array(
            [DEPTH_LENGTH_M, WRONG_LENGTH_M, CHOICE_LENGTH_M]
        )
        self._confusions = confusable_ids(label_space)
        self._wants_labels = label_space.mask("object")
        self._wrong_above = float(ndtri(1.0 - WRONG_SHARE))
        self._small = SmallObjects(label_space)

    def step(self, frame: Frame, T_world_camera: F8) -> Prediction | None:
        """Degraded depth and labels of a frame, None where there are none.

        Args:
            frame: the picture with its camera.
            T_world_camera: (4, 4), the frame's true pose; it only tells which surface is seen from
                where, to look up the errors that belong there.
        """
        given = self._views.step(frame, T_world_camera)
        if given is None:
            return None
        depth_field, label_fields = self._fields(given, T_world_camera)
        depth_m, sigma = self._depth(given, depth_field, frame.index)
        labels, confidence = self._labels(given, label_fields)
        return Prediction(
            camera=given.camera,
            rgb=given.rgb,
            depth_m=depth_m,
            depth_sigma=sigma,
            labels=labels,
            confidence=confidence,
            label_space=given.label_space,
        )

    def _fields(self, given: Prediction, T_world_camera: F8) -> tuple[F4, F4]:
        shape = given.depth_m.shape
        depth_field = np.zeros(shape, np.float32)
        label_fields = np.zeros((3, *shape), np.float32)
        degrade_kernels.fields(
            np.ascontiguousarray(given.depth_m),
            given.camera.vector(),
            np.ascontiguousarray(T_world_camera),
            self._lattice,
            self._anchors,
            self._cells_per_m,
            self._wants_labels,
            np.ascontiguousarray(given.labels),
            depth_field,
            label_fields,
        )
        return depth_field, label_fields

    def _depth(self, given: Prediction, field: F4, frame_index: int) -> tuple[F4, F4]:
        rng = np.random.default_rng(np.random.SeedSequence([self._seed, 1, frame_index]))
        jitter = SCALE_SIGMA * float(rng.standard_normal())
        blurred, spread = blur_edges(given.depth_m, EDGE_BLUR * given.camera.width)
        known = given.depth_m > 0.0
        depth_m = np.where(known, np.exp(blurred + DEPTH_SIGMA * field + jitter), 0.0)
        variance = DEPTH_SIGMA**2 + SCALE_SIGMA**2 + spread**2 + given.depth_sigma**2
        return depth_m.astype(np.float32), np.sqrt(variance).astype(np.float32)

    def _labels(self, given: Prediction, fields: F4) -> tuple[U1, F4]:
        wrong_field, choice, doubt = fields
        is_object = self._wants_labels[given.labels] & (given.depth_m > 0.0)
        wrong = is_object & (wrong_field > self._wrong_above)
        labels = given.labels.copy()
        labels[wrong] = self._confused(given.labels[wrong], choice[wrong])
        confidence = np.where(given.labels > 0, np.float32(SURE), np.float32(0.0))
        confidence[is_object] = self._confidence(wrong_field[is_object], doubt[is_object])
        self._small.miss(given, choice, labels, confidence)
        return labels, confidence.astype(np.float32)

    def _confused(self, labels: U1, choice: F4) -> U1:
        """The label a patch is taken for: one of its class's partners, by the choice field."""
        taken_for = labels.copy()
        share = ndtr(choice)
        for label_id in np.unique(labels):
            partners = np.array(self._confusions[int(label_id)], np.uint8)
            of_label = labels == label_id
            picked = np.minimum((share[of_label] * len(partners)).astype(int), len(partners) - 1)
            taken_for[of_label] = partners[picked]
        return taken_for

    def _confidence(self, wrong_field: F4, doubt: F4) -> F4:
        """Probability of being right, given the deciding field seen through noise.

        With h = field + DOUBT * noise, the field given h is normal with mean h / (1 + DOUBT^2) and
        variance DOUBT^2 / (1 + DOUBT^2): the stated probability is the true one.
        """
        hint = wrong_field + DOUBT * doubt
        mean = hint / (1.0 + DOUBT**2)
        spread = DOUBT / np.sqrt(1.0 + DOUBT**2)
        return np.asarray(ndtr((self._wrong_above - mean) / spread), dtype=np.float32)


def blur_edges(depth_m: F4, sigma_px: float) -> tuple[F4, F4]:
    """Ln depth (H, W) blurred over known pixels, and its spread about the mean in the window.

    On a plane the blur changes next to nothing; at a step it makes the ramp a network makes, and
    the spread says so.
    """
    known: Bool = depth_m > 0.0
    log_depth = np.log(np.where(known, depth_m, np.float32(1.0))).astype(np.float32)
    weight = _blur(known.astype(np.float32), sigma_px)
    weight = np.maximum(weight, np.float32(1e-6))
    mean = _blur(log_depth, sigma_px) / weight  # ln 1 = 0 where unknown
    square = _blur(log_depth * log_depth, sigma_px) / weight
    spread = np.sqrt(np.maximum(square - mean * mean, np.float32(0.0)))
    return mean, spread


def _blur(image: F4, sigma_px: float) -> F4:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), dtype=np.float32)
