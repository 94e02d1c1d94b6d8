import csv

import numpy as np
import pytest

from m2h.data.derive import rays
from m2h.data.hypersim import FOCAL_PX, SPLIT_LIST, Hypersim
from m2h.data.nyuv2_mat import NyuMat
from m2h.errors import DataError
from m2h.types import Intrinsics
from tests.m2h.data.samples import photo_of, plane_depth, write_image


def test_the_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(DataError, match="pip install h5py"):
        Hypersim(tmp_path)
    with pytest.raises(DataError, match="pip install h5py"):
        NyuMat(tmp_path)


def test_hypersim_s_distance_and_axes_are_turned_into_the_camera_s(tmp_path):
    h5py = pytest.importorskip("h5py")
    focal_px = FOCAL_PX * 64 / 1024
    k = Intrinsics(focal_px, focal_px, 31.5, 23.5)
    depth_m, unit = plane_depth(height=48, width=64, k=k)
    distance_m = depth_m * np.linalg.norm(rays(k, 48, 64), axis=-1)
    images = tmp_path / "ai_001_001" / "images"
    write_image(images / "scene_cam_00_final_preview" / "frame.0003.tonemap.jpg", photo_of(0))
    folder = images / "scene_cam_00_geometry_hdf5"
    folder.mkdir()
    semantic = np.full((48, 64), -1, np.int16)
    semantic[:, :30] = 22
    written = np.broadcast_to(unit * [1, -1, -1], (48, 64, 3)).astype(np.float16)
    for what, values in (
        ("depth_meters", distance_m), ("semantic", semantic), ("normal_cam", written),
    ):  # fmt: skip
        with h5py.File(folder / f"frame.0003.{what}.hdf5", "w") as file:
            file["dataset"] = values
    with (tmp_path / SPLIT_LIST).open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([
            "scene_name", "camera_name", "frame_id", "included_in_public_release",
            "exclude_reason", "split_partition_name",
        ])  # fmt: skip
        rows.writerow(["ai_001_001", "cam_00", 3, "True", "", "test"])
        rows.writerow(["ai_001_002", "cam_00", 3, "True", "", "test"])
        rows.writerow(["ai_001_001", "cam_00", 3, "True", "", "train"])
    frames = Hypersim(tmp_path)
    sample = frames[0]
    assert len(frames) == 1
    assert sample.name == "ai_001_001/cam_00/0003"
    assert np.allclose(sample.depth_m, depth_m, rtol=1e-5)
    assert np.allclose(sample.normals, unit, atol=1e-3)
    assert (sample.labels[:, :30] == 22).all()
    assert not sample.labels[:, 30:].any()


def test_the_original_file_of_nyu_is_turned_upright(tmp_path):
    h5py = pytest.importorskip("h5py")
    from scipy.io import savemat

    depth_m, _ = plane_depth(height=48, width=64)
    with pytest.raises(DataError, match="official split"):
        NyuMat(tmp_path)
    savemat(tmp_path / "splits.mat", {"trainNdxs": [[2]], "testNdxs": [[1], [3]]})
    with pytest.raises(DataError, match="download it"):
        NyuMat(tmp_path)
    photos = np.stack([photo_of(k) for k in range(3)])
    raw = np.full((3, 48, 64), 4, np.uint16)
    raw[:, 0], raw[:, 1] = 0, 894
    with h5py.File(tmp_path / "nyu_depth_v2_labeled.mat", "w") as file:
        file["images"] = photos.transpose(0, 3, 2, 1)
        file["depths"] = np.repeat(depth_m.T[None], 3, axis=0)
        file["labels"] = raw.transpose(0, 2, 1)
    frames = NyuMat(tmp_path, "test", crop_frame=False)
    sample = frames[1]
    assert len(frames) == 2
    assert sample.name == "0003"
    assert np.array_equal(sample.image, photos[2])
    assert np.allclose(sample.depth_m, depth_m)
    assert sample.labels[:3, 5].tolist() == [0, 40, 22]
    assert (sample.normals[5:-5, 5:-5, 2] < 0).all()
    with pytest.raises(DataError, match="no split 'val'"):
        NyuMat(tmp_path, "val")
