# Every target sets up what it needs in .venv; only Python (3.10-3.13) and make are assumed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Where it is set, every process that a test starts compiles the package anew, some half a second.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: demo test test-slow test-beam test-frameworks test-page test-matrix test-load docs lint mutants wheel-check bench clean

demo: $(VENV)/.runtime
	$(BIN)/imgtools compare-preproc alexnet inception --out runs/demo
	@echo "Open it in a browser: file://$(CURDIR)/runs/demo/report.html"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n 2 --dist worksteal

test-slow: $(VENV)/.dev
	$(BIN)/python -m pytest -q -m slow

# Beam wants older versions of what TensorFlow's environment has.
test-beam: $(VENV)-beam/.ready
	$(VENV)-beam/bin/python -m pytest -q tests/records/test_beam.py

# PyTorch, timm, JAX, Grain, TFDS, Croissant and ONNX, which nothing else here needs.
test-frameworks: $(VENV)-frameworks/.ready
	$(VENV)-frameworks/bin/python -m pytest -q tests/frameworks

# A report in Chromium, which must be there, under axe-core's rules for those who hear it or use keys.
test-page: $(VENV)/.dev
	npm install --silent --no-save --prefix build/axe axe-core@4.14
	$(BIN)/python -m pytest -q tests/comparison/test_accessible.py tests/comparison/test_chart.py

# Every Python of pyproject with the newest TensorFlow, and the oldest TensorFlow.
test-matrix:
	$(PYTHON) -m venv $(VENV)-nox && $(VENV)-nox/bin/pip install -q --disable-pip-version-check nox
	$(VENV)-nox/bin/nox

# What kills and interrupts, five times beside two busy loops.
test-load: $(VENV)/.dev
	$(BIN)/python tests/under_load.py

# The pages as a site in build/site; a broken link or reference fails.
docs: $(VENV)-docs/.ready
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Changes one thing at a time in what a verdict is computed by, and says which change no test finds.
mutants: $(VENV)/.dev
	$(BIN)/pip install -q --disable-pip-version-check mutmut
	$(BIN)/python -m mutmut run --max-children 2
	$(BIN)/python -m mutmut results

wheel-check: $(VENV)/.dev
	$(BIN)/python tests/wheel_check.py

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .venv-* .nox mutants build dist *.egg-info

$(VENV)/.runtime: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --disable-pip-version-check -e .
	touch $@

$(VENV)/.dev: $(VENV)/.runtime
	$(BIN)/pip install -q --disable-pip-version-check -e '.[cloud,dev,parquet,ray]'
	touch $@

$(VENV)-beam/.ready: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)-beam
	$(VENV)-beam/bin/pip install -q --disable-pip-version-check -e '.[beam]' fsspec pytest
	touch $@

$(VENV)-frameworks/.ready: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)-frameworks
	$(VENV)-frameworks/bin/pip install -q --disable-pip-version-check -e '.[frameworks]' pytest
	touch $@

$(VENV)-docs/.ready: setup.py pyproject.toml
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/pip install -q --disable-pip-version-check --no-deps -e .
	$(VENV)-docs/bin/pip install -q --disable-pip-version-check 'mkdocs-material>=9.5' 'mkdocstrings[python]>=0.26' click pyyaml
	touch $@
