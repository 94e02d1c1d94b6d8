"""`mono-hydra SUB ...`: one door to all commands; each is imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from mono_hydra import __version__
from mono_hydra.cli.door import enter

COMMANDS = {
    "run": ("mono_hydra.cli.run_sequence", "images in, mesh and scene graph out (the main job)"),
    "check": ("mono_hydra.cli.check_sequence", "say what a recording holds and what is missing"),
    "simulate": ("mono_hydra.cli.simulate", "make a simulated home with complete truth"),
    "evaluate": ("mono_hydra.cli.evaluate", "score a run against the truth"),
    "render_training_views": (
        "mono_hydra.cli.render_training_views",
        "render homes to train the network on",
    ),
    "train_m2h": ("mono_hydra.cli.train_m2h", "train the multi-task network"),
    "show_m2h": ("mono_hydra.cli.show_m2h", "draw what the network says of pictures"),
    "evaluate_m2h": ("mono_hydra.cli.evaluate_m2h", "score the network on images with truth"),
    "ablate_m2h": ("mono_hydra.cli.ablate_m2h", "train the network without its parts, compare"),
    "export_m2h": ("mono_hydra.cli.export_m2h", "write the network as ONNX or OpenVINO file"),
    "pack_m2h": ("mono_hydra.cli.pack_m2h", "calibrate trained weights and give them a card"),
    "doctor": ("mono_hydra.doctor", "check the installation"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Dispatch to a command."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in {"-h", "--help"}:
        print("usage: mono-hydra COMMAND [options]   (mono-hydra COMMAND --help tells more)\n")
        for name, (_, text) in COMMANDS.items():
            print(f"  {name:21} {text}")
        return 0
    if arguments[0] == "--version":
        print(f"mono-hydra {__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        print(
            f"mono-hydra: no command {arguments[0]}; commands are {', '.join(COMMANDS)}",
            file=sys.stderr,
        )
        return 2
    module = importlib.import_module(COMMANDS[arguments[0]][0])
    return enter(module.main, arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
