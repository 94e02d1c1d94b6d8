import json
import os
from pathlib import Path

import numpy as np
import pytest

from m2h.data.cityscapes import Cityscapes
from m2h.data.nyuv2 import NyuFolder, metres
from m2h.data.nyuv2_release import NyuRelease
from m2h.data.photos import Photographs
from m2h.data.scannet import ScanNetFrames
from m2h.data.teacher import TeacherLabels, write_labels
from m2h.errors import DataError
from m2h.types import EDGE_UNKNOWN
from tests.m2h.data.samples import photo_of, plane_depth, write_image

ROOT = os.environ.get("MONO_HYDRA_TEST_DATA")
needs_data = [
    pytest.mark.data,
    pytest.mark.skipif(ROOT is None, reason="MONO_HYDRA_TEST_DATA is not set"),
]


def nyu_folder(folder, n=2, height=240, width=320):
    for k in range(1, n + 1):
        write_image(folder / "rgb" / f"{k:04d}.jpg", photo_of(k, height, width))
        depth = np.full((height, width), 50 * k, np.uint8)
        depth[:, 160:] = 0
        write_image(folder / "depth" / f"{k:04d}.png", depth)
        labels = np.zeros((height, width), np.uint8)
        labels[100:, :] = 2
        write_image(folder / "label40" / f"{k:04d}.png", labels)
    return folder


def test_a_nyu_frame_is_metric_and_without_its_white_border(tmp_path):
    sample = NyuFolder(nyu_folder(tmp_path))[1]
    assert sample.name == "0002"
    assert sample.image.shape == (212, 279, 3)
    assert sample.depth_m[0, 0] == pytest.approx(100.5 * 10 / 255)
    assert sample.depth_m[0, -1] == 0.0
    assert sample.depth_step_m == pytest.approx(10 / 255)
    assert sample.intrinsics.fx == pytest.approx(259.43)
    assert sample.intrinsics.cx == pytest.approx(162.54 - 21, abs=0.01)
    assert sample.normals is None
    assert sample.edges[10, 10] == EDGE_UNKNOWN
    assert sample.edges[150, 50] == 0
    assert NyuFolder(tmp_path, crop_frame=False)[0].image.shape == (240, 320, 3)


def test_depth_of_16_bit_is_millimetres():
    assert metres(np.array([[0, 1500]], np.uint16)).tolist() == [[0.0, 1.5]]


def test_what_is_wrong_with_a_nyu_folder_is_said(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        NyuFolder(tmp_path / "nowhere")
    nyu_folder(tmp_path)
    (tmp_path / "depth" / "0001.png").unlink()
    with pytest.raises(DataError, match=r"0001.png: no such file"):
        NyuFolder(tmp_path)[0]
    write_image(tmp_path / "label40" / "0002.png", np.full((240, 320), 77, np.uint8))
    with pytest.raises(DataError, match="has class 77"):
        NyuFolder(tmp_path)[1]
    write_image(tmp_path / "depth" / "0002.png", np.zeros((24, 32), np.uint8))
    with pytest.raises(DataError, match="is 32x24, its image 320x240"):
        NyuFolder(tmp_path)[1]
    (tmp_path / "rgb" / "0002.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read as an image"):
        NyuFolder(tmp_path)[1]


@pytest.mark.parametrize("new", [True, False])
def test_a_release_gives_normals_in_the_camera_s_frame(tmp_path, new):
    # tilted about both axes, so that every permutation and sign can be told apart
    depth_m, unit = plane_depth((0.3, -0.6, -1.0))
    other = np.array([unit[0], -unit[1], -unit[2]])  # y up, z towards the camera
    folder = "images" if new else "image"
    (tmp_path / "gt_sets").mkdir()
    (tmp_path / "gt_sets" / "val.txt").write_text("a\nb\n")
    labels, edges = np.full((60, 80), 7, np.uint8), np.zeros((60, 80), np.uint8)
    edges[:, 30], labels[0] = 1, 0
    for name in "ab":
        write_image(tmp_path / folder / f"{name}.{'png' if new else 'jpg'}", photo_of(0, 60, 80))
        write_image(tmp_path / "segmentation" / f"{name}.png", labels)
        for kind in ("depth", "edge", "normals"):
            (tmp_path / kind).mkdir(exist_ok=True)
        np.save(tmp_path / "depth" / f"{name}.npy", depth_m)
        written = np.broadcast_to(other, (60, 80, 3)).astype(np.float32)
        if new:
            coded = np.round((written + 1) * 127.5).astype(np.uint8)
            write_image(tmp_path / "normals" / f"{name}.png", coded)
            write_image(tmp_path / "edge" / f"{name}.png", edges * 255)
        else:
            np.save(tmp_path / "normals" / f"{name}.npy", written)
            np.save(tmp_path / "edge" / f"{name}.npy", edges)
    frames = NyuRelease(tmp_path, "test")
    sample = frames[1]
    assert len(frames) == 2
    assert np.allclose(sample.normals, unit, atol=0.01)
    assert np.flatnonzero(sample.edges[5]).tolist() == [30]
    assert sample.labels[0, 0] == 0
    assert sample.labels[5, 5] == 7
    with pytest.raises(DataError, match=r"train.txt: no such file"):
        NyuRelease(tmp_path, "train")


def test_disparity_becomes_depth(tmp_path):
    write_image(tmp_path / "leftImg8bit/val/town/town_0_0_leftImg8bit.png", photo_of(0))
    stored = np.full((48, 64), 1 + 256 * 20, np.uint16)
    stored[0] = 0
    write_image(tmp_path / "disparity/val/town/town_0_0_disparity.png", stored)
    card = {
        "intrinsic": {"fx": 2000.0, "fy": 2001.0, "u0": 30.0, "v0": 20.0},
        "extrinsic": {"baseline": 0.2},
    }
    path = tmp_path / "camera/val/town/town_0_0_camera.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(card))
    sample = Cityscapes(tmp_path)[0]
    assert sample.depth_m[5, 5] == pytest.approx(2000.0 * 0.2 / 20.0)
    assert not sample.depth_m[0].any()
    assert sample.intrinsics.fy == 2001.0
    path.write_text("{}")
    with pytest.raises(DataError, match="is no camera file"):
        Cityscapes(tmp_path)[0]
    with pytest.raises(DataError, match="unpack leftImg8bit"):
        Cityscapes(tmp_path, "train")


def scannet_scene(folder, n=3):
    depth_m, unit = plane_depth()
    matrix = np.diag([120.0, 120.0, 1.0, 1.0])
    matrix[:2, 2] = (79.5, 59.5)
    (folder / "intrinsic").mkdir(parents=True)
    np.savetxt(folder / "intrinsic" / "intrinsic_color.txt", matrix)
    for k in (10, 2, 0)[:n]:
        write_image(folder / "color" / f"{k}.jpg", photo_of(k, 120, 160))
        write_image(folder / "depth" / f"{k}.png", np.round(depth_m * 1000).astype(np.uint16))
    return unit


def test_scannet_frames_are_in_order_at_the_depth_s_size(tmp_path):
    unit = scannet_scene(tmp_path / "scene0000_00")
    frames = ScanNetFrames(tmp_path)
    assert [frames[k].name for k in range(3)] == [f"scene0000_00/{n}" for n in (0, 2, 10)]
    sample = frames[0]
    assert sample.image.shape == (60, 80, 3)
    assert sample.intrinsics.fx == pytest.approx(60.0)
    assert sample.intrinsics.cx == pytest.approx(39.5)
    assert sample.labels is None
    found = sample.normals[1:-1, 1:-1].reshape(-1, 3).mean(axis=0)
    assert np.allclose(found, unit, atol=0.02)


def test_raw_ids_of_scannet_become_nyu40(tmp_path):
    scannet_scene(tmp_path, 1)
    raw = np.full((120, 160), 1163, np.uint16)
    write_image(tmp_path / "label-filt" / "10.png", raw)
    with pytest.raises(DataError, match="copy ScanNet's label map"):
        ScanNetFrames(tmp_path)[0]
    (tmp_path / "scannetv2-labels.combined.tsv").write_text("id\tnyu40id\n1\t1\n1163\t40\n")
    assert (ScanNetFrames(tmp_path)[0].labels == 40).all()
    write_image(tmp_path / "label" / "10.png", np.full((120, 160), 5, np.uint8))
    assert (ScanNetFrames(tmp_path)[0].labels == 5).all()


def test_photographs_carry_the_teacher_s_labels(tmp_path):
    write_image(tmp_path / "p" / "kitchen.jpg", photo_of(0))
    write_image(tmp_path / "p" / "attic.jpg", photo_of(1))
    labels = np.full((48, 64), 255, np.uint8)
    labels[:20] = 4
    write_labels(tmp_path / "t.npz", [("kitchen", labels)])
    photos = Photographs(tmp_path / "p", tmp_path / "t.npz")
    assert photos.names == ["attic", "kitchen"]
    assert np.array_equal(photos[1].teacher, labels)
    assert photos[1].intrinsics is None
    with pytest.raises(DataError, match="no labels of attic"):
        photos[0]
    with pytest.raises(DataError, match="no such file"):
        TeacherLabels(tmp_path / "none.npz")
    (tmp_path / "t.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="no file of teacher labels"):
        TeacherLabels(tmp_path / "t.npz")


class TestOwnData:
    pytestmark = needs_data

    def test_all_training_frames_of_nyu_can_be_read(self):
        frames = NyuFolder(Path(ROOT) / "training" / "nyuv2_train")
        assert len(frames) == 795
        samples = [frames[k] for k in range(0, 795, 100)]
        median_m = np.median([np.median(s.depth_m[s.depth_m > 0]) for s in samples])
        assert 1.5 < median_m < 4.0
        assert max(s.labels.max() for s in samples) <= 39
        border = np.concatenate([s.image[0].ravel() for s in samples])
        assert np.percentile(border, 95) < 255  # the white frame is gone

    def test_test_frames_of_nyu_can_be_read_whole(self):
        frames = NyuFolder(Path(ROOT) / "real_images" / "nyuv2" / "test", crop_frame=False)
        sample = frames[0]
        assert len(frames) == 50
        assert sample.image.shape == (480, 640, 3)
        assert sample.depth_step_m == pytest.approx(0.0392, abs=1e-4)
        assert 0.5 < np.median(sample.depth_m) < 8.0

    def test_the_teacher_knows_floor_and_ceiling(self, has_byte_products):
        pytest.importorskip("openvino")
        from m2h.data.label_sets import TEACHER
        from m2h.data.teacher import Teacher

        models = Path(ROOT) / "models" / "segmentation"
        teacher = Teacher(models / "mosaic_r3_ade20k31_uint8.tflite")
        frames = NyuFolder(Path(ROOT) / "real_images" / "nyuv2" / "test")
        agree, kept = [], []
        for k in (3, 9, 20):
            sample = frames[k]
            labels = teacher.label(sample.image)
            kept.append((labels != 255).mean())
            floor = labels == TEACHER.index("floor")
            agree.append(np.isin(sample.labels[floor], (0, 2, 20)).mean() if floor.any() else 1.0)
        assert np.mean(kept) > 0.4
        assert np.mean(agree) > (0.7 if has_byte_products else 0.6)  # .68 seen without them
