# Four virtual environments, all made here: .venv has every engine, .venv-minimal none but NumPy, both
# pinned by constraints.txt; .venv-lowest has the lowest versions, by constraints-lowest.txt, and
# .venv-frameworks what trains models, by constraints-frameworks.txt. The package is installed into
# them as a built wheel, so that the tests run against what ships and never against src/.

PYTHON ?= python3
PIP_VERSION := 25.3
# What make lock pins; TORCH=torch is the newest.
TORCH := torch==2.13.0
SOURCES := $(shell find src -name '*.py') src/multiloss/py.typed pyproject.toml README.md LICENSE
# What pyproject.toml promises.
LOWEST := $(shell grep -oE '(array-api-compat|jax|numpy|torch)>=[0-9.]+' pyproject.toml | sed 's/>=/==/')
SHOW := .venv/bin/python -m multiloss show
# Frameworks warn of what they deprecate; elsewhere a warning is an error.
PYTEST_FRAMEWORKS := .venv-frameworks/bin/python -m pytest --engines frameworks -W default --disable-warnings
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --constraint

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: demo
demo: .venv/wheel ## reference values on every engine, then train on handwritten digits
	.venv/bin/python examples/demo.py

.PHONY: test
test: lint types test-minimal .venv/wheel ## linter, formatter check, type checker and the tests (14 minutes)
	.venv/bin/python -m pytest --numprocesses 2 -m "not exhaustive"

.PHONY: test-quick
test-quick: .venv/wheel ## the tests without the slow ones (2 to 4 minutes)
	.venv/bin/python -m pytest --numprocesses 2 -m "not slow and not exhaustive"

.PHONY: test-all
test-all: test test-lowest test-frameworks ## all tests: every setting, the lowest versions, the frameworks
	.venv/bin/python -m pytest --numprocesses 2 -m exhaustive

.PHONY: test-frameworks
test-frameworks: .venv-frameworks/wheel ## training runs, clusters, exports to ONNX (3 minutes)
	KERAS_BACKEND=torch $(PYTEST_FRAMEWORKS) tests/frameworks
	KERAS_BACKEND=jax $(PYTEST_FRAMEWORKS) tests/frameworks/test_keras.py

.PHONY: test-lowest
test-lowest: .venv-lowest/wheel ## the tests with the lowest versions that pyproject.toml promises
	.venv-lowest/bin/python -m pytest --numprocesses 2 -m "not exhaustive" --engines alone

.PHONY: test-cuda
test-cuda: .venv/wheel ## the laws on an accelerator, which has to be there
	.venv/bin/python -m pytest --engines cuda

.PHONY: test-minimal
test-minimal: .venv-minimal/wheel ## the NumPy part of the tests, where no other engine is installed
	.venv-minimal/bin/python -m pytest --engines numpy

.PHONY: bench
bench: .venv/wheel ## time every engine beside its peers, and write docs/benchmarks.* (11 minutes)
	.venv/bin/python benchmarks/run.py

.PHONY: bench-quick
bench-quick: .venv/wheel ## the same for a few sizes, printed (1 minute)
	.venv/bin/python benchmarks/run.py --quick

.PHONY: bench-cuda
bench-cuda: .venv/wheel ## time PyTorch's losses on an accelerator, and write docs/benchmarks_cuda.md
	.venv/bin/python benchmarks/cuda.py

.PHONY: bench-scale
bench-scale: .venv/wheel ## time files, parts, chunks and processes, and write docs/benchmarks_scale.md (3 minutes)
	.venv/bin/python benchmarks/scale.py

.PHONY: docs
docs: .venv/wheel ## build the site into docs/_build/html, run its tutorials, check its links (1 minute)
	rm -rf docs/_build docs/executed docs/generated
	.venv/bin/python -m sphinx --fail-on-warning --quiet docs docs/_build/html
	@echo "The site opens at docs/_build/html/index.html"

.PHONY: dist
dist: .venv/wheel ## build and check what a release uploads, into dist/
	rm -rf dist
	.venv/bin/python -m build --no-isolation
	.venv/bin/twine check --strict dist/*
	.venv/bin/check-wheel-contents dist/*.whl
	.venv/bin/python -m pytest tests/test_dist.py --archives dist

.PHONY: gallery
gallery: .venv/wheel ## draw the losses for docs/gallery.md
	$(SHOW) mse msle 'expectile(q=0.8)' 'huber(delta=1.0)' --png docs/gallery/squared.png
	$(SHOW) mae smape 'pinball(q=0.8)' 'epsilon_insensitive(epsilon=0.5)' --png docs/gallery/absolute.png
	$(SHOW) huber pseudo_huber log_cosh cauchy geman_mcclure welsch 'tukey_biweight(scale=2.0)' \
		--png docs/gallery/robust.png
	$(SHOW) 'barron(alpha=2.0)' 'barron(alpha=1.0)' 'barron(alpha=0.0)' 'barron(alpha=-2.0)' \
		'barron(alpha=-10.0)' --png docs/gallery/barron.png
	$(SHOW) poisson_nll 'gaussian_nll(variance=0.5)' poisson_deviance gamma_deviance \
		'tweedie_deviance(power=1.5)' --png docs/gallery/likelihood.png
	$(SHOW) cross_entropy binary_cross_entropy binary_focal hinge logistic --png docs/gallery/classification.png

.PHONY: lint
lint: .venv/dependencies
	.venv/bin/ruff check
	.venv/bin/ruff format --check

.PHONY: types
types: .venv/dependencies
	.venv/bin/mypy

.PHONY: format
format: .venv/dependencies ## rewrite the files as the linter and the formatter want them
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

.PHONY: lock
lock: lock-newest ## pin the newest versions that fit, torch excepted, and those that fit the lowest
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet pip==$(PIP_VERSION)
	.venv-lock/bin/python -m pip install --quiet --group test $(LOWEST)
	.venv-lock/bin/python -m pip freeze | grep -v ^nvidia- | sed 's/+cpu$$//' > constraints-lowest.txt
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet pip==$(PIP_VERSION)
	.venv-lock/bin/python -m pip install --quiet --group frameworks array-api-compat $(TORCH)
	.venv-lock/bin/python -m pip freeze | grep -v ^nvidia- | sed 's/+cpu$$//' > constraints-frameworks.txt
	rm -rf .venv-lock

.PHONY: lock-newest
lock-newest:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet pip==$(PIP_VERSION)
	.venv-lock/bin/python -m pip install --quiet --group dev array-api-compat $(TORCH)
	.venv-lock/bin/python -m pip freeze | sed 's/+cpu$$//' > constraints.txt

.PHONY: clean
clean: ## remove the environments and caches
	rm -rf .venv .venv-minimal .venv-lowest .venv-frameworks .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/dependencies: GROUP := dev
.venv-minimal/dependencies: GROUP := minimal-test
.venv-lowest/dependencies: GROUP := test
.venv-frameworks/dependencies: GROUP := frameworks
.venv/dependencies .venv-minimal/dependencies: VERSIONS := constraints.txt
.venv-lowest/dependencies: VERSIONS := constraints-lowest.txt
.venv-frameworks/dependencies: VERSIONS := constraints-frameworks.txt

%/dependencies: constraints.txt constraints-lowest.txt constraints-frameworks.txt pyproject.toml
	test -d $* || $(PYTHON) -m venv $*
	$*/bin/python $(PIP_INSTALL) $(VERSIONS) pip==$(PIP_VERSION)
	$*/bin/python $(PIP_INSTALL) $(VERSIONS) --group $(GROUP) array-api-compat numpy
	touch $@

%/wheel: %/dependencies $(SOURCES)
	$*/bin/python $(PIP_INSTALL) constraints.txt --force-reinstall --no-deps --no-build-isolation .
	touch $@

# Make would otherwise delete the stamps as intermediate files.
.PRECIOUS: %/dependencies %/wheel
