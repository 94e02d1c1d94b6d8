"""The card of a depth network of the user's: what an ONNX file does not say about itself.

`depth.onnx` has its card beside it as `depth.card.yaml`. Importing this needs no torch.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from m2h.errors import CardError

_HELP = "see docs/m2h.md"

Side = Annotated[int, Field(ge=32, le=4096)]
Mean = Annotated[float, Field(ge=0.0, le=1.0)]
Std = Annotated[float, Field(gt=0.0, le=1.0)]
DepthOutput = Literal["relative_inverse_depth", "metric_depth"]


class DepthCard(BaseModel):
    """What a depth network takes and gives. The input is (1, 3, height, width) RGB."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    output: DepthOutput  # inverse depth up to scale and shift, or metres along the optical axis
    input_size: Annotated[tuple[Side, Side], Field(strict=False)]  # height, width
    mean: Annotated[tuple[Mean, Mean, Mean], Field(strict=False)]  # of RGB in [0, 1]
    std: Annotated[tuple[Std, Std, Std], Field(strict=False)]
    input_name: str | None = None  # None: the file has only one
    output_name: str | None = None
    # pixels of the input, for which the metric depths are made; None: whatever the camera
    focal_px: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _check_focal(self) -> DepthCard:
        if self.focal_px is not None and self.output != "metric_depth":
            raise ValueError("focal_px: only metric_depth has one; remove it")
        return self


def card_path(network: str | Path) -> Path:
    """Where the card of a network's file lies."""
    return Path(network).with_suffix(".card.yaml")


def is_depth_file(network: str | Path) -> bool:
    """Whether this names an ONNX file with a card; exports of m2h carry none."""
    return Path(network).suffix == ".onnx" and card_path(network).is_file()


def load_depth_card(network: str | Path) -> DepthCard:
    """The card beside a network's file.

    Raises:
        CardError: missing, unreadable, or a key is unknown, missing or wrong; in one line.
    """
    path = card_path(network)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CardError(f"{path}: cannot be read ({error.strerror}); write it, {_HELP}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = str(error).partition("\n")[0]
        raise CardError(f"{path}: not valid YAML ({reason}); {_HELP}") from error
    if not isinstance(data, dict):
        raise CardError(f"{path}: must hold keys such as `output: metric_depth`; {_HELP}")
    try:
        return DepthCard.model_validate(data)
    except ValidationError as error:
        raise CardError(f"{path}: {_one_line(error)}") from error


def _one_line(error: ValidationError) -> str:
    # an unknown key says more than the missing one it was meant to be
    problem = max(error.errors(), key=lambda e: e["type"] == "extra_forbidden")
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, DepthCard.model_fields, n=1, cutoff=0.0)
        return f"unknown key {key}; did you mean {near[0]}?"
    if problem["type"] == "missing":
        return f"{key} is missing; {_HELP}"
    said = problem["msg"].removeprefix("Value error, ")
    return said if not key else f"{key} = {problem['input']!r}: {said.lower()}; {_HELP}"
