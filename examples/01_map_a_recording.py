"""Map a recording from Python: open it, run the pipeline, look at rooms and objects.

python examples/01_map_a_recording.py PATH
"""

import sys

from mono_hydra import load_config, open_sequence
from mono_hydra.cli.run_sequence import make_pipeline
from mono_hydra.labels import load_label_space
from mono_hydra.types import Provenance

sequence = open_sequence(sys.argv[1])
label_space = load_label_space(sequence.info.label_space)
config = load_config(settings=("mapping.voxel_size_m=0.05",))
labels = "dataset" if sequence.info.has_labels else "none"
pipeline = make_pipeline(sequence, config, Provenance("dataset", "sensor", labels), label_space)

pipeline.run(sequence.frames())
graph = pipeline.finish()

for room, attributes in graph.items("rooms"):
    print(f"{attributes.name}: {attributes.area_m2:.1f} m2")
    for node, thing in graph.items("objects"):
        if graph.room_of(node) == room:
            length, width, height = thing.box.size_m
            print(f"  {thing.label_name}  {length:.2f} x {width:.2f} x {height:.2f} m")
print(f"{len(pipeline.mesh.merged().faces)} triangles")
