import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mono_hydra.labels.label_space import load_label_space
from mono_hydra.types import Provenance, TrackHealth, TrackRecord, TrackState
from mono_hydra.view.recorder import stamp_metadata
from mono_hydra.view.report import ReportInput, report_html, write_report
from mono_hydra.view.run_metrics import RunMetrics
from mono_hydra.view.saved_run import load_run
from tests.factories import flat_steps, sequence_info, two_room_flat, walk
from tests.view.test_recorder import finish, recorded


def given(*, stand_in: bool = False, **metrics: object) -> ReportInput:
    provenance = Provenance("dataset", "sensor", "dataset", stand_in)
    measured = RunMetrics(sequence_info(stand_in=stand_in), provenance)
    for step in flat_steps():
        measured.step(step)
    graph = two_room_flat()
    stamp_metadata(graph, sequence_info(stand_in=stand_in), provenance)
    summary = measured.summary(graph, None) | metrics
    return ReportInput(graph, load_label_space("nyu40"), summary, np.arange(12) * 0.25, walk(12))


@pytest.fixture(scope="module")
def page() -> str:
    return report_html(given())


def test_every_room_and_object_has_its_card(page: str) -> None:
    graph = two_room_flat()
    for node, a in graph.items("objects"):
        assert f'id="O{node & 0xFFFF}"' in page
        assert f'<span class="name">{a.label_name}</span>' in page
    assert re.findall(r'<details class="card room".*?id="(R\d)"', page) == ["R0", "R1"]
    assert page.count("best view of") == len(graph.nodes("objects"))


def test_the_page_loads_nothing_from_elsewhere(page: str) -> None:
    for link in re.findall(r'(?:src|href|action|data)\s*=\s*"([^"]*)"', page):
        assert link.startswith(("data:", "#")), link
    assert not re.search(r"@import|url\((?!#|\"?data:)", page)
    bare = re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert "http://" not in bare
    assert "https://" not in bare


def test_what_was_given_is_told_from_what_was_estimated() -> None:
    run = given(provenance={"poses": "vio", "depth": "m2h", "labels": "none"})
    page = report_html(run)
    assert page.count('<span class="tag estimated">') == 2
    assert "visual-inertial odometry" in page


def test_a_stand_in_carries_a_banner_and_others_do_not(page: str) -> None:
    assert 'class="banner"' not in page
    assert 'class="banner">Stand-in' in report_html(given(stand_in=True))


def test_stages_stand_in_the_timing_table(page: str) -> None:
    assert re.search(r"<td>tracking</td><td>12</td>", page)


def test_the_filtration_curve_and_scores_are_shown_where_they_exist(page: str) -> None:
    assert "How the rooms were found" not in page
    curve = {"components": [[0.3, 1], [0.5, 2], [0.9, 0]], "chosen_m": 0.6}
    full = report_html(given(room_filtration=curve, scores={"mesh": {"f_5cm": {"f": 0.9}}}))
    assert "How the rooms were found" in full
    assert "mesh.f_5cm.f" in full


def test_names_from_files_cannot_break_the_page() -> None:
    run = given()
    run.graph.metadata["sequence"] = "<script>alert(1)</script>"
    assert "<script>" not in report_html(run)


def test_a_saved_run_gives_the_same_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mono_hydra.view.report._overview", lambda _: "")
    finish(recorded(tmp_path))
    run = load_run(tmp_path)
    assert run.metrics == json.loads((tmp_path / "metrics.json").read_text())
    assert run.mesh is not None
    assert all(a.crop_rgb is not None for _, a in run.graph.items("objects"))
    write_report(tmp_path / "again.html", run)
    # crops are compressed once more and poses rounded: all but images and curves is equal
    pages = [(tmp_path / name).read_text() for name in ("report.html", "again.html")]
    first, again = (
        re.sub(r'src="[^"]*"|<(?:path|g|use|text|clipPath|rect)\b[^>]*>', "", page)
        for page in pages
    )
    assert first == again
    assert len(first) > 10_000


def test_scale_tracks_and_states_are_drawn_where_poses_were_estimated(page: str) -> None:
    assert "depth too large by" not in page
    states: list[TrackState] = [
        "initialising",
        "tracking",
        "tracking",
        "degraded",
        "lost",
        "tracking",
    ]
    records = tuple(
        TrackRecord(
            0.25 * k, state, TrackHealth(100 - 10 * k, 0.9, 0.8, 5.0, 1.0),
            *((0.05, 0.03) if state in ("tracking", "degraded") else (0.0, 0.0)),
        )
        for k, state in enumerate(states)
    )  # fmt: skip
    drawn = report_html(replace(given(), tracking=records))
    assert "depth too large by, %" in drawn
    for state in ("initialising", "degraded", "lost"):
        assert f">{state}</text>" in drawn
