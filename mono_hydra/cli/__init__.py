"""One file a command; `scripts/*.py` and `mono-hydra` are doors to them."""

import os

# read when numpy is loaded: our matrices are small, and beside a network that keeps all cores busy
# threads of BLAS wait for one another many times longer than they compute
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
