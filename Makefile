# The project's few words. CI calls the same ones.
PYTHON ?= python3
BIN := .venv/bin
# A test process a core, one thread each: most tests train nets too small for more.
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist worksteal
CODE := src tests benchmarks notebooks docs/*.py

.PHONY: help setup lesson notebook test test-slow test-long test-all check check-web docs bench

setup: .venv/.ready  ## .venv with everything that the tests need

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' Makefile | expand -t 12

# torch first and pinned: a range that admits a newer release would bring gigabytes of CUDA packages.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

lesson: setup  ## the main job on the embedded data set: lesson/index.html
	$(BIN)/cnnlab lesson

notebook: setup  ## the student's and the teacher's notebook from their one source, run
	$(BIN)/python notebooks/build.py

test: setup  ## the quick tests
	$(PARALLEL)

test-slow: setup  ## minutes: the wheel, the notebooks, the bench, accuracy on full sets, the pages in browsers
	$(PARALLEL) -m '(slow or browser) and not long and not alone'
	$(BIN)/python -m pytest -m 'alone and not long'

test-long: setup  ## many minutes, left out by CI: a Ray cluster of two nodes, the teacher's notebook, the tutorial, the lesson as it comes, SimpleCNN and the MLP on the full set, six tests of claims
	$(BIN)/python -m pytest -m long

test-all: test test-slow test-long  ## all three

check: setup  ## style and types; those of the pages' scripts where there is Node
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/ty check src notebooks benchmarks
	@if [ "$$CNNLAB_NODE" = unreachable ]; then echo "check-web skipped: npm's registry does not answer"; \
	elif command -v npx >/dev/null || [ "$$CNNLAB_NODE" = required ]; then $(MAKE) --no-print-directory check-web; \
	else echo "check-web skipped: there is no npx (Node)"; fi

check-web:  ## the types in the comments of the pages' scripts, by tsc; needs Node
	npx --yes --package typescript@5.9.3 tsc --project tsconfig.json

docs: setup  ## the documentation as a site: site/index.html
	$(BIN)/zensical build --clean --strict
	$(BIN)/cnnlab playground --out site/playground.html --no-open

bench: setup  ## this machine: the stock notebook pipeline against cnnlab
	$(BIN)/cnnlab bench --target 0.99
