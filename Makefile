# demo  the whole story      test  the fast suite   matrix  all methods on all families, all stories      bench, bench-full  side by side      hub-check  recipes on hub models      check  style      size  lines of code
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test matrix bench bench-full hub-check check size

.venv/ready: pyproject.toml requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/ready-test: .venv/ready requirements-test.lock
	$(BIN)/python -m pip install --quiet -r requirements-test.lock
	touch $@

# One optional rival; a row without it says so.
.venv/ready-bench: .venv/ready-test bench/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -r bench/requirements.lock && touch $@ || true

demo: .venv/ready
	$(BIN)/luthier demo

test: .venv/ready-test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

matrix: .venv/ready-test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist load -m "matrix or not matrix" tests

bench: .venv/ready-test
	$(BIN)/python bench/run.py

bench-full: .venv/ready-bench
	$(BIN)/python bench/run.py --full

# Old tokenizers of the hub are sentencepiece files. Without a network every recipe says what it lacks.
.venv/ready-hub: .venv/ready-test
	$(BIN)/python -m pip install --quiet --no-build-isolation -e '.[hub]' && touch $@ || true

hub-check: .venv/ready-hub
	$(BIN)/python examples/hub_check.py

check: .venv/ready-test
	$(BIN)/ruff check src tests bench
	$(BIN)/python -m pytest tests/house

size:
	@find src -name '*.py' | xargs wc -l | sort -n | tail -50
