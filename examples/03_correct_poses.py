"""Move keyframes after the fact: the map is fused afresh where they touched it, without ghosts.

python examples/03_correct_poses.py PATH
"""

import sys

import numpy as np

from mono_hydra import load_config, open_sequence
from mono_hydra.cli.run_sequence import make_pipeline
from mono_hydra.geometry import se3
from mono_hydra.labels import load_label_space
from mono_hydra.types import Provenance

sequence = open_sequence(sys.argv[1])
space = load_label_space(sequence.info.label_space)
pipeline = make_pipeline(sequence, load_config(), Provenance("dataset", "sensor", "none"), space)
pipeline.run(sequence.frames())

shift = se3.exp(np.array([0.0, 0.0, 0.0, 0.05, 0.0, 0.0]))  # 5 cm to the camera's right
last = max(keyframe_id for keyframe_id, *_ in pipeline.keyframes.poses())
pipeline.correct({last: pipeline.keyframes.get(last).T_world_camera @ shift})
changed = pipeline.refuse()
print(f"keyframe {last} moved; {len(changed)} of {len(pipeline.mesh.blocks)} mesh blocks changed")
