"""Read a scene graph file, ours or Hydra's, and find the shortest way between two rooms.

python examples/02_read_a_scene_graph.py runs/demo/latest/scene_graph.json
"""

import sys
from pathlib import Path

import networkx as nx
import numpy as np

from mono_hydra.graph.scene_graph import node_symbol
from mono_hydra.io.spark_dsg import read_spark_dsg

graph = read_spark_dsg(Path(sys.argv[1]))
places = nx.Graph()
for a, b, _ in graph.edges("places"):
    ends = graph.attributes(a).position_m, graph.attributes(b).position_m
    places.add_edge(a, b, length=float(np.linalg.norm(ends[0] - ends[1])))

rooms = graph.nodes("rooms")
print(
    f"{len(rooms)} rooms, {len(graph.nodes('objects'))} objects, {places.number_of_nodes()} places"
)
if len(rooms) >= 2:
    start, goal = (next(p for p in graph.children(r) if p in places) for r in (rooms[0], rooms[-1]))
    way = nx.shortest_path(places, start, goal, weight="length")
    length = nx.path_weight(places, way, "length")
    print(f"{node_symbol(rooms[0])} to {node_symbol(rooms[-1])}: {len(way)} places, {length:.1f} m")
