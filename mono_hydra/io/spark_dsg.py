"""Scene graphs as Spark-DSG JSON, the format of Hydra's world (version 1.1.3; reads 1.0.0 on).

Written without the spark_dsg package, which the tests use to open the result. World frame, z up,
metres; what Spark-DSG has no field for lies in `metadata` of graph, nodes and edges.
"""

from __future__ import annotations

import json
from pathlib import Path

from mono_hydra.errors import GraphError
from mono_hydra.files.atomic import write_text
from mono_hydra.graph.scene_graph import SceneGraph
from mono_hydra.io.spark_dsg_decode import decode_graph
from mono_hydra.io.spark_dsg_encode import ColouredMesh, encode_graph
from mono_hydra.labels.label_space import LabelSpace
from mono_hydra.labels.room_names import load_room_names


def write_spark_dsg(
    graph: SceneGraph,
    path: Path | str,
    label_space: LabelSpace,
    room_names: tuple[str, ...] | None = None,
    mesh: ColouredMesh | None = None,
) -> None:
    """Write a scene graph; equal graphs give equal bytes.

    Args:
        graph: the graph; object crops and surface points are not part of the format.
        path: file to write, ends in .json for the spark_dsg library to read it.
        label_space: names behind the objects' labels.
        room_names: names behind the rooms' labels; the shipped list by default.
        mesh: stored inside the file if given; for maps of rooms, a PLY beside it is better.

    Raises:
        OutputError: the file cannot be written.
    """
    names = load_room_names() if room_names is None else room_names
    record = encode_graph(graph, label_space, names, mesh)
    write_text(path, json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False))


def read_spark_dsg(path: Path | str) -> SceneGraph:
    """Read a Spark-DSG JSON file of any version since 1.0.0.

    Node kinds that `SceneGraph` has no layer for are left out and counted in
    `metadata["not_read"]`.

    Raises:
        GraphError: unreadable file, not JSON, not a scene graph.
    """
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise GraphError(f"{path}: cannot be read; check the path") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise GraphError(
            f"{path}: not JSON; save binary graphs with spark_dsg's graph.save('graph.json')"
        ) from error
    try:
        return decode_graph(record)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise GraphError(
            f"{path}: not a Spark-DSG scene graph ({type(error).__name__}: {error})"
        ) from error
