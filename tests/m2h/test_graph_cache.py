from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from m2h.checkpoints import save_checkpoint
from m2h.errors import CheckpointError
from m2h.graph_cache import GraphCache, StoredGraph, graph_key
from m2h.model import build_model, preset
from m2h.predictor import Predictor
from m2h.types import Prediction

CONFIG = preset("m2h_tiny", tasks=("depth",), cross_task="none", ggfm=False, input_size=(64, 96))
STORED = StoredGraph(CONFIG, (64, 96), bytes(range(256)) * 8)
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)


@dataclasses.dataclass(frozen=True)
class Warm:
    """A checkpoint, the cache that its first start left, and what that start predicted."""

    checkpoint: Path
    cache: Path
    first: Prediction


def write_checkpoint(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    save_checkpoint(path, build_model(CONFIG), {})
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Warm:
    folder = tmp_path_factory.mktemp("warm")
    checkpoint = write_checkpoint(folder / "tiny.safetensors", 0)
    predictor = Predictor(checkpoint, n_threads=1, cache=folder / "cache")
    assert predictor.cache is not None
    assert predictor.cache.counts == {"missed": 1}
    return Warm(checkpoint, folder / "cache", predict(predictor))


@pytest.fixture
def warm(made: Warm, tmp_path: Path) -> Warm:
    """A copy to harm."""
    shutil.copytree(made.cache, tmp_path / "cache")
    return dataclasses.replace(made, cache=tmp_path / "cache")


def predict(predictor: Predictor, image: Any = IMAGE) -> Prediction:
    return predictor.predict(image, focal_px=80.0)


def start(warm: Warm) -> tuple[Predictor, dict[str, int]]:
    predictor = Predictor(warm.checkpoint, n_threads=1, cache=warm.cache)
    assert predictor.cache is not None
    return predictor, dict(predictor.cache.counts)


def assert_equal(a: Prediction, b: Prediction) -> None:
    for field in dataclasses.fields(Prediction):
        np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name), field.name)


SECOND_START = """
import sys
from pathlib import Path
import numpy as np
from m2h.predictor import Predictor
predictor = Predictor(sys.argv[1], n_threads=1, cache=Path(sys.argv[2]))
image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
np.savez(sys.argv[3], **vars(predictor.predict(image, focal_px=80.0)))
print("torch" in sys.modules, predictor.config.tasks, predictor.size)
"""


def test_the_second_start_predicts_the_same_bits_without_pytorch(
    warm: Warm, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SECOND_START, warm.checkpoint, warm.cache, tmp_path / "second.npz"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "False ('depth',) (64, 96)", done.stderr
    with np.load(tmp_path / "second.npz") as second:
        assert_equal(Prediction(**second), warm.first)


def test_an_image_of_another_shape_goes_through_the_cache(warm: Warm) -> None:
    square = np.ascontiguousarray(IMAGE[:, :64])
    first, _ = start(warm)
    expected = predict(first, square)
    second, _ = start(warm)
    assert_equal(predict(second, square), expected)
    assert second.cache is not None
    assert second.cache.counts == {"hit": 2}


def test_another_checkpoint_is_another_graph(warm: Warm, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "tiny.safetensors", 1)
    predictor, counts = start(dataclasses.replace(warm, checkpoint=other))
    assert counts == {"missed": 1}
    assert not np.array_equal(predict(predictor).depth_m, warm.first.depth_m)


def test_a_key_is_of_all_that_makes_a_graph(made: Warm) -> None:
    choice: dict[str, Any] = {"size": (64, 96), "precision": "fp32", "machine": ["2026", "cpu"]}
    others: list[dict[str, Any]] = [
        {"size": (96, 64)},
        {"size": None},
        {"precision": "bf16"},
        {"machine": ["2027", "cpu"]},
    ]
    keys = [graph_key(made.checkpoint, **choice | other) for other in others]
    assert len({graph_key(made.checkpoint, **choice), *keys}) == 5
    assert graph_key(made.checkpoint, **choice) == graph_key(made.checkpoint, **choice)


@pytest.mark.parametrize("harm", ["flipped", "foreign"])
def test_a_damaged_graph_is_made_anew(
    warm: Warm, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = next(warm.cache.glob("*.graph"))
    if harm == "flipped":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    else:  # whole, but nothing that openvino knows
        GraphCache(warm.cache).write(path.stem, STORED)
    predictor, counts = start(warm)
    assert counts["damaged"] == 1
    assert "made anew" in caplog.text
    assert_equal(predict(predictor), warm.first)
    assert start(warm)[1] == {"hit": 1}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"00000000\n{}\n", b"x" * 3000])
def test_what_is_no_graph_is_not_read(tmp_path: Path, data: bytes) -> None:
    cache = GraphCache(tmp_path)
    (tmp_path / "key.graph").write_bytes(data)
    assert cache.read("key") is None
    assert cache.counts == {"damaged": 1}
    assert not list(tmp_path.iterdir())


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path)
    cache.write("key", STORED)
    whole = (tmp_path / "key.graph").read_bytes()
    for n_bytes in range(0, len(whole), 97):
        (tmp_path / "key.graph").write_bytes(whole[:n_bytes])
        assert cache.read("key") is None
    cache.write("key", STORED)
    assert cache.read("key") == STORED


def test_a_folder_that_cannot_be_made_is_done_without(made: Warm, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    predictor, counts = start(dataclasses.replace(made, cache=tmp_path / "file"))
    assert counts == {"missed": 1, "unwritten": 1}
    assert_equal(predict(predictor), made.first)


def test_a_folder_that_can_only_be_read_gives_its_graphs(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError(13, "Permission denied")

    # the rights of a folder do not bind every user
    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert start(warm)[1] == {"hit": 1}
    cache = GraphCache(warm.cache)
    cache.write("other", STORED)
    assert cache.counts == {"unwritten": 1}
    assert len(list(warm.cache.iterdir())) == 1


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    cache = GraphCache(tmp_path)
    cache.write("key", STORED)
    assert cache.counts == {"unwritten": 1}
    assert not list(tmp_path.iterdir())


def test_the_least_recently_used_are_removed(tmp_path: Path) -> None:
    cache = GraphCache(tmp_path, max_graphs=3)
    for age_s, key in enumerate("cba"):
        cache.write(key, STORED)
        os.utime(tmp_path / f"{key}.graph", (1e9 - age_s,) * 2)  # c is the newest
    assert cache.read("a") == STORED
    cache.write("d", STORED)
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}


def test_bytes_are_bounded_but_for_the_newest(tmp_path: Path) -> None:
    n_bytes = len(STORED.graph)
    cache = GraphCache(tmp_path, max_bytes=3 * n_bytes)
    for age_s, key in enumerate("cba"):
        cache.write(key, STORED)
        os.utime(tmp_path / f"{key}.graph", (1e9 - age_s,) * 2)
    cache.write("d", STORED)
    assert {path.stem for path in tmp_path.iterdir()} == {"c", "d"}
    GraphCache(tmp_path, max_bytes=1).write("e", STORED)
    assert {path.stem for path in tmp_path.iterdir()} == {"e"}


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    for name, age_s in (("old.part", 7200.0), ("new.part", 60.0)):
        (tmp_path / name).write_bytes(b"half")
        os.utime(tmp_path / name, (time.time() - age_s,) * 2)
    GraphCache(tmp_path).write("key", STORED)
    assert {path.name for path in tmp_path.iterdir()} == {"key.graph", "new.part"}


def test_starts_at_once_share_a_folder(tmp_path: Path) -> None:
    graphs = [dataclasses.replace(STORED, graph=bytes([i]) * 200_000) for i in range(4)]

    def one(i: int) -> int:
        cache = GraphCache(tmp_path, max_graphs=2)
        for turn in range(10):
            cache.write(f"{turn % 3}", graphs[i])
            assert cache.read(f"{turn % 3}") in (None, *graphs)
        return cache.counts["damaged"] + cache.counts["unwritten"]

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, range(4))) == 0


def test_bad_checkpoints_are_refused_as_without_a_cache(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    for name in ("broken.safetensors", "absent.safetensors"):
        with pytest.raises(CheckpointError, match=name):
            Predictor(tmp_path / name, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
