# The project's few words. CI calls the same ones.
PYTHON ?= python3
BIN := .venv/bin
PUBLIC := .venv/public-nets
# A test process a core, one thread each: most tests train nets too small for more.
PARALLEL := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n logical --dist worksteal
CODE := src tests benchmarks notebooks docs/*.py

.PHONY: help setup lesson notebook test test-public-nets test-slow test-long test-all check check-web docs bench

setup: .venv/.ready  ## .venv with everything that the tests need

help:  ## what can be made
	@sed -n 's/^\([a-z-]*\):[^#]*## */\1\t/p' Makefile | expand -t 12

# torch first and pinned: a range that admits a newer release would bring gigabytes of CUDA packages.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,grading]'
	touch $@

lesson: setup  ## the main job on the embedded data set: lesson/index.html
	$(BIN)/cnnlab lesson

notebook: setup  ## the student's and the teacher's notebook from their one source, run
	$(BIN)/python notebooks/build.py

test: setup  ## the quick tests
	$(PARALLEL)

test-public-nets: $(PUBLIC)/.ready  ## a minute: a dozen nets of torchvision and timm beside PyTorch's own counts
	OMP_NUM_THREADS=1 $(PUBLIC)/bin/python -m pytest -m 'slow or not slow' tests/anatomy/test_public_nets.py

# An environment of its own that sees .venv's packages: in .venv itself pip's torchvision, which is built for CUDA, would
# break packages that look for it beside a CPU torch. torch is there already, so that nothing of CUDA is fetched.
$(PUBLIC)/.ready: .venv/.ready
	rm -rf $(PUBLIC)
	$(BIN)/python -m venv --without-pip $(PUBLIC)
	site() { "$$1/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }; \
	echo "import site; site.addsitedir('$$(site $(BIN))')" > "$$(site $(PUBLIC)/bin)/project.pth"
	$(BIN)/python -m pip --python $(PUBLIC)/bin/python install --quiet --constraint constraints.txt timm torchvision
	touch $@

test-slow: setup  ## minutes: the wheel, the notebooks, the bench, accuracy on full sets, the pages in browsers
	$(PARALLEL) -m '(slow or browser) and not long and not alone'
	$(BIN)/python -m pytest -m 'alone and not long'

test-long: setup  ## many minutes, left out by CI: a Ray cluster of two nodes, the teacher's notebook, the tutorial, the lesson as it comes, SimpleCNN and the MLP on the full set, six tests of claims
	$(BIN)/python -m pytest -m long

test-all: test test-public-nets test-slow test-long  ## all four

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
