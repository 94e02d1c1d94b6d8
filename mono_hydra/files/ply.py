"""Triangle meshes as binary little-endian PLY: named columns of vertices and faces, in and out.

The mesh of a run has vertex columns x y z nx ny nz red green blue label confidence; the true mesh
of a simulated house has face columns label instance room.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mono_hydra.errors import DatasetError
from mono_hydra.files.atomic import write_bytes
from mono_hydra.types import F4, I4, U1

TYPE_OF_NAME = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "i2", "int16": "i2", "ushort": "u2", "uint16": "u2",
    "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
NAME_OF_TYPE = {
    "i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort",
    "i4": "int", "u4": "uint", "f4": "float", "f8": "double",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Ply:
    """A mesh with named columns; every column has one value a row."""

    vertex: dict[str, Any]  # name -> (V,) array; x, y, z are always there
    faces: I4  # (F, 3)
    face: dict[str, Any] = field(default_factory=dict)  # name -> (F,) array

    @property
    def vertices_m(self) -> F4:
        """(V, 3) positions."""
        return np.stack([self.vertex[k] for k in "xyz"], axis=-1).astype(np.float32)


def write_ply(path: Path | str, ply: Ply, comments: tuple[str, ...] = ()) -> None:
    """Write a mesh in one step; column types are those of the arrays.

    Raises:
        OutputError: the place cannot be written.
    """
    vertices = _table(ply.vertex, [])
    faces = _table(ply.face, [("count", "u1"), ("indices", "<i4", (3,))], len(ply.faces))
    faces["count"] = 3
    faces["indices"] = ply.faces
    lines = ["ply", "format binary_little_endian 1.0", *(f"comment {c}" for c in comments)]
    lines.append(f"element vertex {len(vertices)}")
    lines += [f"property {_type_name(column)} {name}" for name, column in ply.vertex.items()]
    lines.append(f"element face {len(faces)}")
    lines.append("property list uchar int vertex_indices")
    lines += [f"property {_type_name(column)} {name}" for name, column in ply.face.items()]
    header = "\n".join([*lines, "end_header", ""]).encode("ascii")
    write_bytes(path, header + vertices.tobytes() + faces.tobytes())


def write_mesh(
    path: Path | str,
    *,
    vertices_m: F4,
    normals: F4,
    rgb: U1,
    labels: U1,
    confidence: F4,
    faces: I4,
) -> None:
    """Write the mesh of a run: one row a vertex of position, normal, colour, label, confidence.

    Raises:
        OutputError: the place cannot be written.
    """
    vertex: dict[str, Any] = {}
    for name, column in zip(("x", "y", "z"), np.asarray(vertices_m, "f4").T, strict=True):
        vertex[name] = column
    for name, column in zip(("nx", "ny", "nz"), np.asarray(normals, "f4").T, strict=True):
        vertex[name] = column
    for name, column in zip(("red", "green", "blue"), np.asarray(rgb, "u1").T, strict=True):
        vertex[name] = column
    vertex["label"] = np.asarray(labels, "u1")
    vertex["confidence"] = np.asarray(confidence, "f4")
    write_ply(path, Ply(vertex, np.asarray(faces, "i4")))


def read_ply(path: Path | str) -> Ply:
    """Read a PLY file (binary or ASCII); polygons are cut into triangle fans.

    Raises:
        DatasetError: not a PLY file, cut short, an unknown type, or an index without a vertex.
    """
    source = Path(path)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{source}: cannot be read ({error.strerror}); check the path"
        ) from error
    try:
        order, elements, start = _header(data)
        read = _read_ascii if order == "ascii" else _read_binary
        tables = read(data, start, elements, order)
        vertex, face_rows = tables.get("vertex", {}), tables.get("face", {})
        faces, keep = _triangles(face_rows)
        if not all(k in vertex for k in "xyz"):
            raise ValueError("vertices lack x, y or z")
        if len(faces) and (faces.min() < 0 or faces.max() >= len(vertex["x"])):
            raise ValueError("a face names a vertex that does not exist")
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise DatasetError(f"{source}: not a whole PLY mesh ({error}); export it again") from error
    columns = {k: v[keep] for k, v in face_rows.items() if not isinstance(v, list) and v.ndim == 1}
    return Ply(vertex, faces, columns)


def _table(columns: dict[str, Any], before: list[Any], n_rows: int = 0) -> Any:
    dtype = np.dtype(before + [(name, _little(column)) for name, column in columns.items()])
    n_rows = len(next(iter(columns.values()))) if columns else n_rows
    table = np.zeros(n_rows, dtype)
    for name, column in columns.items():
        table[name] = column
    return table


def _little(column: Any) -> str:
    return "<" + np.asarray(column).dtype.str[1:]


def _type_name(column: Any) -> str:
    return NAME_OF_TYPE[np.asarray(column).dtype.str[1:]]


Property = tuple[str, str, str | None]  # name, type of the value, type of the count of a list
Element = tuple[str, int, list[Property]]


def _header(data: bytes) -> tuple[str, list[Element], int]:
    end = data.find(b"end_header")
    if not data.startswith(b"ply") or end < 0:
        raise ValueError("no PLY header")
    start = data.index(b"\n", end) + 1
    order, elements = "", list[Element]()
    for line in data[:end].decode("ascii").splitlines():
        words = line.split()
        if not words or words[0] in {"ply", "comment", "obj_info"}:
            continue
        if words[0] == "format":
            order = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "ascii"}[
                words[1]
            ]
        elif words[0] == "element":
            elements.append((words[1], int(words[2]), []))
        elif words[0] == "property" and words[1] == "list":
            elements[-1][2].append((words[4], TYPE_OF_NAME[words[3]], TYPE_OF_NAME[words[2]]))
        elif words[0] == "property":
            elements[-1][2].append((words[2], TYPE_OF_NAME[words[1]], None))
    if not order:
        raise ValueError("no format line")
    return order, elements, start


def _read_binary(
    data: bytes, offset: int, elements: list[Element], order: str
) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    for name, n_rows, properties in elements:
        if any(count for _, _, count in properties):
            table, offset = _read_lists(data, offset, n_rows, properties, order)
        else:
            dtype = np.dtype([(n, order + t) for n, t, _ in properties])
            rows = np.frombuffer(data, dtype, n_rows, offset)
            offset += rows.nbytes
            table = {n: np.ascontiguousarray(rows[n]) for n, _, _ in properties}
        tables[name] = table
    return tables


def _read_lists(
    data: bytes, offset: int, n_rows: int, properties: list[Property], order: str
) -> tuple[dict[str, Any], int]:
    """Rows with lists: in one piece where all are triangles, else row by row."""
    fields: list[Any] = []
    for n, t, count in properties:
        fields += [(n, order + t)] if not count else [(f"{n} count", count), (n, order + t, (3,))]
    dtype = np.dtype(fields)
    if len(data) >= offset + n_rows * dtype.itemsize:
        rows = np.frombuffer(data, dtype, n_rows, offset)
        if all((rows[f"{n} count"] == 3).all() for n, _, count in properties if count):
            table = {n: np.ascontiguousarray(rows[n]) for n, _, _ in properties}
            return table, offset + rows.nbytes
    columns: dict[str, list[Any]] = {n: [] for n, _, _ in properties}
    for _ in range(n_rows):
        for n, t, count in properties:
            length = 1
            if count:
                length = int(np.frombuffer(data, order + count, 1, offset)[0])
                offset += np.dtype(count).itemsize
            values = np.frombuffer(data, order + t, length, offset)
            offset += values.nbytes
            columns[n].append(values if count else values[0])
    types = {n: (t, count) for n, t, count in properties}
    return {
        n: list(v) if types[n][1] else np.array(v, types[n][0]) for n, v in columns.items()
    }, offset


def _read_ascii(
    data: bytes, offset: int, elements: list[Element], order: str
) -> dict[str, dict[str, Any]]:
    words = data[offset:].decode("ascii").split()
    position = 0
    tables: dict[str, dict[str, Any]] = {}
    for name, n_rows, properties in elements:
        columns: dict[str, list[Any]] = {n: [] for n, _, _ in properties}
        for _ in range(n_rows):
            for n, t, count in properties:
                length = 1
                if count:
                    length, position = int(words[position]), position + 1
                values = np.array(words[position : position + length], np.float64).astype(t)
                if len(values) != length:
                    raise ValueError("cut short")
                position += length
                columns[n].append(values if count else values[0])
        tables[name] = {
            n: columns[n] if count else np.array(columns[n], t) for n, t, count in properties
        }
    return tables


def _triangles(rows: dict[str, Any]) -> tuple[I4, Any]:
    """Triangle fans (F, 3) of the polygons, and the row each came from."""
    polygons = rows.get("vertex_indices", rows.get("vertex_index"))
    if polygons is None:
        return np.zeros((0, 3), np.int32), np.zeros(0, np.int64)
    if not isinstance(polygons, list):
        return polygons.astype(np.int32), np.arange(len(polygons))
    faces, source = [], []
    for row, polygon in enumerate(polygons):
        for k in range(1, len(polygon) - 1):
            faces.append((polygon[0], polygon[k], polygon[k + 1]))
            source.append(row)
    return np.array(faces, np.int32).reshape(-1, 3), np.array(source, np.int64)
