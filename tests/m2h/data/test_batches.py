from dataclasses import replace

import numpy as np
import pytest
import torch

from m2h.data.augment import Framing
from m2h.data.batches import MixedBatches, collate, held_out_batches
from m2h.errors import DataError
from m2h.types import Sample
from tests.m2h.data.samples import made_sample

FRAMING = Framing(24, 32)


class Made:
    def __init__(self, source, n):
        self.source, self.n = source, n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return made_sample(index, self.source)


@pytest.fixture
def sources():
    return {name: Made(name, 7) for name in ("simulated", "nyuv2", "photos")}


def equal(a, b):
    return all(torch.equal(getattr(a, n), getattr(b, n)) for n in a.__dataclass_fields__)


def test_what_a_sample_does_not_know_is_marked_unknown():
    bare = Sample("photos", "x", made_sample().image)
    batch = collate([made_sample(), bare])
    assert batch.image.shape == (2, 3, 60, 80)
    assert 0.0 <= float(batch.image.min()) <= float(batch.image.max()) <= 1.0
    assert batch.focal_px.tolist() == [60.0, 0.0]
    assert not batch.depth_m[1].any()
    assert not batch.labels[1].any()
    assert not batch.normals[1].any()
    assert (batch.edges[1] == -1).all()
    assert (batch.teacher[1] == 255).all()
    assert set(batch.edges[0].unique().tolist()) == {0.0, 1.0}
    assert batch.labels.dtype == batch.teacher.dtype == torch.int64


def test_values_arrive_in_their_places():
    sample = made_sample()
    batch = collate([sample])
    assert batch.image[0, 0, 5, 7].item() == pytest.approx(7 / 255)
    assert batch.normals[0, :, 3, 4].numpy() == pytest.approx(sample.normals[3, 4])
    assert batch.depth_m[0, 0, 3, 4].item() == pytest.approx(sample.depth_m[3, 4])


def test_unknown_edges_become_minus_one():
    edges = np.zeros((60, 80), np.uint8)
    edges[0], edges[1] = 255, 1
    batch = collate([replace(made_sample(), edges=edges)])
    assert batch.edges[0, 0, :3, 0].tolist() == [-1.0, 1.0, 0.0]


def test_samples_of_different_sizes_are_refused():
    with pytest.raises(DataError, match="resize them"):
        collate([made_sample(), made_sample(height=30)])
    with pytest.raises(DataError, match="no samples"):
        collate([])


def test_batch_k_is_the_same_whatever_came_before(sources):
    first = MixedBatches(sources, batch=5, seed=3, framing=FRAMING)
    straight = [first(k) for k in range(4)]
    resumed = MixedBatches(sources, batch=5, seed=3, framing=FRAMING)
    assert equal(resumed(3), straight[3])
    assert not equal(straight[2], straight[3])
    assert not equal(MixedBatches(sources, batch=5, seed=4, framing=FRAMING)(3), straight[3])


def test_shares_hold_in_every_batch(sources):
    mixed = MixedBatches(sources, batch=10, framing=FRAMING)
    counts = []
    for k in range(200):
        names = mixed.draw_names(np.random.default_rng(k))
        counts.append([names.count(n) for n in ("simulated", "nyuv2", "photos")])
    wanted = np.array([5, 3, 2])
    assert (np.abs(np.array(counts) - wanted) <= 1).all()
    odd = MixedBatches(sources, batch=3, framing=FRAMING)
    drawn = [n for k in range(600) for n in odd.draw_names(np.random.default_rng(k))]
    assert drawn.count("photos") / len(drawn) == pytest.approx(0.2, abs=0.03)


def test_shares_of_missing_sources_go_to_the_others(sources):
    del sources["nyuv2"]
    mixed = MixedBatches(sources, batch=7, framing=FRAMING)
    assert mixed.shares.sum() == pytest.approx(1.0)
    assert mixed.shares.max() == pytest.approx(0.5 / 0.7)


def test_a_source_that_cannot_serve_is_named(sources):
    with pytest.raises(DataError, match="source lab: has no share"):
        MixedBatches({"lab": Made("lab", 3)}, batch=2)
    with pytest.raises(DataError, match="source nyuv2: has no samples"):
        MixedBatches({"nyuv2": Made("nyuv2", 0)}, batch=2)
    with pytest.raises(DataError, match="no source"):
        MixedBatches({}, batch=2)


def test_held_out_samples_are_spread_over_the_set_and_unchanged():
    batches = held_out_batches(Made("simulated", 20), Framing(60, 80), batch=2, most=3)
    images = torch.cat([b.image for b in batches])
    wanted = collate([made_sample(k) for k in (0, 10, 19)]).image
    assert [len(b.image) for b in batches] == [2, 1]
    assert torch.equal(images, wanted)
