# make demo   set up, run the main job on the built-in simulated flat
# make test   set up, run the tests
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
TORCH_WHEEL ?=
export NUMBA_THREADING_LAYER ?= omp
export OMP_NUM_THREADS ?= 2

.PHONY: demo test lint types check install clean help

help:
	@grep '^# make' Makefile | sed 's/^# //'

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt scripts/system_packages.sh
	sh scripts/system_packages.sh $(PYTHON)
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(if $(TORCH_WHEEL),$(PY) -m pip install --quiet $(TORCH_WHEEL))
	$(PY) -m pip install --quiet -c constraints.txt -e '.[dev]'
	@$(PY) -c "import torch; assert torch.version.cuda is None" 2>/dev/null || \
	  echo "note: this PyTorch is a CUDA build; it works, but is far larger than the CPU one (see docs/install.md)"
	$(PY) -m mono_hydra.doctor
	touch $(STAMP)

demo: $(STAMP)
	$(PY) scripts/run_sequence.py --seq demo --poses dataset --depth sensor --labels dataset

test: $(STAMP)
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile

# make lint   style, import order       make types   static types       make check   all of it
lint: $(STAMP)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(VENV)/bin/lint-imports

types: $(STAMP)
	$(PY) -m mypy

check: test lint types

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find mono_hydra m2h tests -name __pycache__ -type d -prune -exec rm -rf {} +
