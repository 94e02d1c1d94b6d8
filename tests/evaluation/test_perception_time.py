"""What is said of a place from picture to picture: hand-worked views, then a tiny recording."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from m2h.types import TASKS
from m2h.types import Prediction as Seen
from mono_hydra.cli import evaluate_m2h
from mono_hydra.cli.door import enter
from mono_hydra.errors import EvaluationError
from mono_hydra.evaluation.perception_scores import score_network
from mono_hydra.evaluation.perception_sequence import sequence_set, spaced
from mono_hydra.evaluation.perception_time import (
    TemporalScorer,
    TrueView,
    carried_depth,
    depth_change,
    equal_share,
    shared_pixels,
)
from mono_hydra.files.trajectory import write_trajectory
from mono_hydra.geometry import se3
from mono_hydra.types import F8, Camera, Frame, Prediction

ROW = Camera(24, 2, 8.0, 8.0, 11.0, 0.0)  # at 4 m, 1 m to the side is 2 pixels
WALL, CHAIR = 1, 5


def moved(x: float = 0.0, z: float = 0.0, yaw_rad: float = 0.0) -> F8:
    """T_world_camera of a camera that stands aside or ahead, turned to the right."""
    return se3.from_rt(se3.exp_so3(np.array([0.0, yaw_rad, 0.0])), np.array([x, 0.0, z]))


def wall_view(T: F8, depth_m: float = 4.0, *, stamp_s: float = 0.0, label: int = WALL) -> TrueView:
    shape = (ROW.height, ROW.width)
    return TrueView(
        stamp_s, ROW, T, np.full(shape, depth_m, np.float32), np.full(shape, label, np.uint8)
    )


def said(view: TrueView, *, scale: float = 1.0, label: int = WALL) -> Prediction:
    """A prediction of the view: its depth times `scale`, one label."""
    return Prediction(
        camera=view.camera,
        rgb=np.zeros((*view.depth_m.shape, 3), np.uint8),
        depth_m=(scale * view.depth_m).astype(np.float32),
        depth_sigma=np.full(view.depth_m.shape, 0.1, np.float32),
        labels=np.full(view.depth_m.shape, label, np.uint8),
        confidence=np.full(view.depth_m.shape, 0.8, np.float32),
        label_space="nyu40",
    )


# --- the warp ------------------------------------------------------------------------------------


def test_every_pixel_of_a_view_seen_twice_is_shared_with_itself() -> None:
    view = wall_view(moved())
    shared = shared_pixels(view, view)
    assert np.array_equal(shared.now, np.arange(48))
    assert np.array_equal(shared.before, shared.now)


def test_hidden_and_entering_pixels_are_not_shared() -> None:
    # a post at 2 m: columns 11-13 now, 4 pixels to the right of that before, the wall 2 pixels
    now, before = wall_view(moved()), wall_view(moved(x=-1.0))
    now.depth_m[:, 11:14] = 2.0
    before.depth_m[:, 15:18] = 2.0
    shared = shared_pixels(now, before)
    columns = shared.now[: len(shared.now) // 2]
    hidden, outside = {14, 15}, {22, 23}
    assert set(columns.tolist()) == set(range(24)) - hidden - outside
    shift = shared.before - shared.now
    assert np.array_equal(shift, np.where(now.depth_m.ravel()[shared.now] == 2.0, 4, 2))


def test_what_moved_and_what_is_unknown_are_not_shared() -> None:
    now, before = wall_view(moved()), wall_view(moved())
    before.depth_m[:, :5] = 1.0
    now.depth_m[:, 5] = 0.0
    before.depth_m[:, 6] = 0.0
    now.depth_m[:, 7] = 4.07  # within 2 %
    now.depth_m[:, 8] = 4.10  # beyond
    assert (shared_pixels(now, before).now[:16] == [7, *range(9, 24)]).all()


def test_views_that_look_away_from_each_other_share_nothing() -> None:
    assert not len(shared_pixels(wall_view(moved()), wall_view(moved(yaw_rad=np.pi))).now)


def test_depth_shrinks_by_the_way_ahead_whatever_the_pixel() -> None:
    pixels = np.array([0, 11, 23, 40])
    depth_m = np.full(4, 4.4, np.float32)
    carried_m = carried_depth(depth_m, pixels, ROW, se3.inverse(moved(z=1.0)))
    assert carried_m == pytest.approx(np.full(4, 3.4))
    # 10 % too far before and now (3.3 m): what geometry wants and what is said differ by 0.1 m
    assert depth_change(np.full(4, 3.3, np.float32), carried_m) == pytest.approx(
        0.1 / 3.3, rel=1e-5
    )


def test_depth_after_a_turn_is_that_along_the_new_axis() -> None:
    carried_m = carried_depth(
        np.full(2, 2.0, np.float32), np.array([11, 19]), ROW, se3.inverse(moved(yaw_rad=0.5))
    )  # straight ahead, and 45 degrees to the right
    assert carried_m == pytest.approx([2.0 * np.cos(0.5), 2.0 * (np.cos(0.5) + np.sin(0.5))])


def test_share_of_equal_labels_leaves_the_unknown_out() -> None:
    now, before = np.array([1, 2, 5, 0, 3], np.uint8), np.array([1, 2, 4, 7, 0], np.uint8)
    assert equal_share(now, before) == pytest.approx(2 / 3)
    assert equal_share(now[3:], before[3:]) is None


# --- the block of scores -------------------------------------------------------------------------


def test_a_static_view_said_twice_alike_changes_nothing() -> None:
    scorer = TemporalScorer(TASKS)
    for k in range(2):
        view = wall_view(moved(), stamp_s=0.25 * k)
        scorer.add(said(view, scale=1.3), view)
    result = scorer.result()
    for source in ("", "_truth", "_aligned"):
        assert result[f"depth{source}"] == pytest.approx(0.0, abs=1e-6)
        assert result[f"labels{source}"] == 1.0
    assert (result["pairs"], result["compared"]) == (1, 1.0)
    assert (result["interval_s"], result["rate_hz"]) == (0.25, 4.0)


def test_a_label_that_always_flips_is_never_the_same_again() -> None:
    scorer = TemporalScorer(TASKS)
    for k, label in enumerate((WALL, CHAIR, WALL)):
        view = wall_view(moved(), stamp_s=0.25 * k)
        scorer.add(said(view, label=label), view)
    result = scorer.result()
    assert result["labels"] == 0.0
    assert result["labels_truth"] == 1.0


def test_depth_that_does_not_follow_the_camera_is_found_out() -> None:
    scorer = TemporalScorer(TASKS)
    for k in range(2):
        view = wall_view(moved(z=0.5 * k), depth_m=4.0 - 0.5 * k, stamp_s=0.25 * k)
        stays = replace(said(view), depth_m=np.full(view.depth_m.shape, 4.0, np.float32))
        scorer.add(stays, view)
    result = scorer.result()
    assert result["depth"] == pytest.approx(0.5 / 4.0)
    assert result["depth_truth"] == pytest.approx(0.0, abs=1e-6)


def test_alignment_calms_what_flickers() -> None:
    scorer = TemporalScorer(TASKS)
    for k in range(9):
        view = wall_view(moved(), stamp_s=0.25 * k)
        label = CHAIR if k % 4 == 3 else WALL
        scorer.add(said(view, scale=1.02 if k % 2 else 0.98, label=label), view)
    result = scorer.result()
    assert result["depth"] == pytest.approx((0.04 / 1.02 + 0.04 / 0.98) / 2, rel=1e-4)
    assert result["depth_aligned"] < 0.5 * result["depth"]
    assert result["labels"] == pytest.approx(4 / 8)
    assert result["labels_aligned"] > result["labels"]


def test_views_far_apart_in_time_are_no_neighbours() -> None:
    scorer = TemporalScorer(TASKS)
    for stamp_s in (0.0, 5.0):
        view = wall_view(moved(), stamp_s=stamp_s)
        scorer.add(said(view), view)
    result = scorer.result()
    assert result["pairs"] == 0
    assert result["depth"] is result["labels_truth"] is result["rate_hz"] is None


def test_outputs_that_a_network_lacks_are_not_scored() -> None:
    scorer = TemporalScorer(("depth",))
    for k in range(2):
        view = replace(wall_view(moved(), stamp_s=0.25 * k), labels=None)
        scorer.add(said(view), view)
    result = scorer.result()
    assert result["depth"] == 0.0
    assert result["labels"] is result["labels_aligned"] is result["labels_truth"] is None


# --- a recording ---------------------------------------------------------------------------------

SIZE, N, RATE_HZ, STEP_M = (64, 48), 24, 12.0, 0.04


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds towards a wall: 4 m away at first, the same pixels always labelled chair."""
    folder = tmp_path_factory.mktemp("recording") / "towards_a_wall"
    for part in ("images", "truth/depth", "truth/labels"):
        (folder / part).mkdir(parents=True)
    (folder / "sequence.yaml").write_text(
        f"name: towards_a_wall\nrate_hz: {RATE_HZ}\ncamera: "
        "{width: 64, height: 48, fx: 60, fy: 60, cx: 31.5, cy: 23.5}\n"
    )
    rng = np.random.default_rng(0)
    stamps_s, rows = np.arange(N) / RATE_HZ, ["stamp_s,file"]
    labels = np.full((48, 64), WALL, np.uint8)
    labels[4:44, 10:54] = CHAIR
    for k in range(N):
        rows.append(f"{stamps_s[k]:.6f},images/{k:06d}.png")
        image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
        depth_mm = np.full((48, 64), round(1000 * (4.0 - k * STEP_M)), np.uint16)
        cv2.imwrite(str(folder / f"images/{k:06d}.png"), image)
        cv2.imwrite(str(folder / f"truth/depth/{k:06d}.png"), depth_mm)
        cv2.imwrite(str(folder / f"truth/labels/{k:06d}.png"), labels)
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    poses = np.stack([moved(z=k * STEP_M) for k in range(N)])
    write_trajectory(folder / "truth" / "trajectory.txt", stamps_s, poses)
    return folder


class Stubborn:
    """Says 4 m whatever it is shown, and another label each time; remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[Any, float | None]] = []

    def predict(self, image: Any, *, focal_px: float | None = None) -> Seen:
        self.shown.append((image, focal_px))
        shape = image.shape[:2]
        return Seen(
            depth_m=np.full(shape, 4.0, np.float32),
            depth_sigma=np.full(shape, 0.1, np.float32),
            labels=np.full(shape, len(self.shown), np.uint8),
            confidence=np.ones(shape, np.float32),
            normals=np.zeros((*shape, 3), np.float32),
            edges=np.zeros(shape, np.float32),
        )


def test_a_recording_is_judged_at_the_pipelines_rate_and_by_pictures_alone(recording) -> None:
    network = Stubborn()
    scores = score_network(network, sequence_set(recording, 500))
    temporal = scores["temporal"]
    assert (scores["images"], temporal["pairs"]) == (8, 7)
    assert temporal["interval_s"] == pytest.approx(0.25)
    for (image, focal_px), index in zip(network.shown, range(0, N, 3), strict=True):
        picture = cv2.imread(str(recording / f"images/{index:06d}.png"))[..., ::-1]
        assert np.array_equal(image, picture)
        assert focal_px == pytest.approx(60.0)
    assert temporal["depth"] == pytest.approx(3 * STEP_M / 4.0)
    assert temporal["depth_truth"] == pytest.approx(0.0, abs=2e-4)  # of whole millimetres
    assert temporal["labels"] == 0.0
    # the label stays in place while the wall grows by half a pixel: a ring around 44 x 40 changes
    assert temporal["labels_truth"] == pytest.approx(1 - (46 * 42 - 44 * 40) / (64 * 48))
    # ln(4 / true depth) rises evenly and slowly: hardly any jitter
    assert 0.0 < scores["depth"]["scale_jitter"] < 0.05
    assert scores["semantics"]["pixel_accuracy"] < 1.0


def test_the_first_frames_are_taken(recording) -> None:
    names = [item.sample.name for item in sequence_set(recording, 3).images]
    assert names == ["000000", "000003", "000006"]


def test_frames_come_no_oftener_than_asked() -> None:
    camera = Camera(1, 1, 1.0, 1.0, 0.0, 0.0)
    stamps_s = [0.0, 0.2, 0.1, 0.25, 0.4, 0.499999999, 0.8, 0.9]
    frames = [Frame(k, s, np.zeros((1, 1, 3), np.uint8), camera) for k, s in enumerate(stamps_s)]
    assert [frame.index for frame in spaced(frames, 0.25)] == [0, 3, 5, 6]


@pytest.mark.parametrize(
    ("missing", "message"),
    [("truth/depth", "has no depth"), ("truth/trajectory.txt", "has no poses")],
)
def test_a_recording_without_truth_is_refused(recording, tmp_path, missing, message) -> None:
    folder = tmp_path / "recording"
    folder.mkdir()
    (folder / "truth").mkdir()
    parts = ("sequence.yaml", "images.csv", "images", "truth/depth", "truth/trajectory.txt")
    for part in parts:
        if part != missing:
            (folder / part).symlink_to(recording / part)
    with pytest.raises(EvaluationError, match=message):
        sequence_set(folder, 10)


def test_the_command_judges_an_untrained_network_over_time(recording, tmp_path, capsys) -> None:
    import torch

    from m2h.checkpoints import save_checkpoint
    from m2h.model import build_model, preset

    torch.manual_seed(0)
    model = build_model(preset("m2h_tiny", tasks=("depth", "semantics"), cross_task="none"))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # statistics = those of the one batch that follows
    model(2 * torch.rand(4, 3, 32, 64) - 1)
    save_checkpoint(tmp_path / "m2h.safetensors", model.eval(), {})
    arguments = [
        "--network", tmp_path / "m2h.safetensors", "--data", f"sequence={recording}", "--size",
        "32x64", "--backend", "torch", "--quiet", "--require", "temporal.labels_truth>=0.9",
    ]  # fmt: skip
    assert enter(evaluate_m2h.main, [str(a) for a in arguments]) == 0
    out = capsys.readouterr().out
    scores = json.loads(out.splitlines()[-1])
    assert "same label again" in out
    assert scores["data"] == "sequence=towards_a_wall"
    assert scores["depth"]["scale_jitter"] > 0.0
    temporal = scores["temporal"]
    for key in ("depth", "depth_aligned"):  # noise in, noise out
        assert temporal[key] > temporal["depth_truth"]
    for key in ("labels", "labels_aligned"):
        assert 0.0 < temporal[key] < 1.0
