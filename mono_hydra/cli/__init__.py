"""One file a command; `scripts/*.py` and `mono-hydra` are doors to them."""
