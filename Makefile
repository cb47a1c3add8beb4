# `make` lists what can be made. Everything is installed into .venv, once; outside this folder only caches change.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$p && break; done)
MINUTES ?= 1
DEMO ?= runs/demo
FUZZ_MINUTES ?= 10
WORKERS ?= 3
DATA ?= mnist
MODEL ?= mnist

VENV := .venv
TOOLS := build/tools
TENSORFLOW := .venv-tensorflow
RUN := $(VENV)/bin/python -m digitgan

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-long test-all fuzz lint docs dist tensorflow pretrained classifier records constraints lock licences audit clean

help: ## list the targets
	@echo "Targets of make:"
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
	@echo "Settings: make demo MINUTES=3 DEMO=runs/mine    make demo PYTHON=/path/to/python3.12"

demo: $(VENV)/.core ## train for a minute on this machine, write 2026, and measure the quality
	$(RUN) train --minutes $(MINUTES) --out $(DEMO) --overwrite
	$(RUN) sample $(DEMO) --per-class 10 --out $(DEMO)/grid.png --overwrite --quiet
	$(RUN) write 2026 $(DEMO) --out $(DEMO)/2026.png --overwrite
	$(RUN) evaluate $(DEMO)
	@echo "Next:"
	@echo "  $(RUN) serve runs          the studio: write, explore, watch and train in the browser"
	@echo "  $(RUN) train --data FOLDER  your own images, a folder for each class"
	@echo "  README.md and docs/        what else there is"

test: lint ## linters, types, import contract, then the tests, without the long ones
	$(VENV)/bin/python -m pytest -n $(WORKERS) -m "not long"

test-long: $(VENV)/.dev ## the long tests: kills at a hundred moments, fuzzing, every recipe in every format, every command of the docs
	$(VENV)/bin/python -m pytest -n $(WORKERS) -m long

test-all: test test-long ## every test

fuzz: $(VENV)/.dev ## fuzz the readers of files and options for FUZZ_MINUTES
	mkdir -p build
	$(VENV)/bin/python -m tests.fuzzing.fuzz -max_total_time=$$(( 60 * $(FUZZ_MINUTES) )) -artifact_prefix=build/

lint: $(VENV)/.dev ## linters, types and import contract alone
	$(VENV)/bin/python -m ruff check .
	$(VENV)/bin/python -m ruff format --check .
	$(VENV)/bin/python -m mypy
	$(VENV)/bin/lint-imports --no-logo

docs: $(VENV)/.dev ## site/VERSION: the documentation as a site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 SITE_DIR=site/$$($(VENV)/bin/python docs/hooks/versions.py) $(VENV)/bin/python -m mkdocs build
	@echo "The documentation: site/index.html"

dist: $(VENV)/.dev ## dist/: the wheel and the sdist, checked
	rm -rf dist && $(VENV)/bin/python -m build
	$(VENV)/bin/python -m twine check --strict dist/*

tensorflow: $(TENSORFLOW)/.done ## an environment with TensorFlow for the tests of Keras exports

pretrained: $(VENV)/.core ## train the shipped model MODEL again: mnist, or cifar10 from the copy DATA
	$(VENV)/bin/python benchmarks/pretrained.py $(MODEL) $(if $(filter-out mnist,$(DATA)),--data $(DATA))

classifier: $(VENV)/.core ## train the shipped classifier of DATA again: mnist, or cifar10, or a folder of its images
	$(VENV)/bin/python benchmarks/train_classifier.py --data $(DATA)

records: $(VENV)/.dev ## measure the quoted figures again, in short form, and compare: ONLY="sampling serving" for some of them
	$(VENV)/bin/python benchmarks/records.py $(ONLY)

constraints: ## pin every dependency at the newest version that pyproject.toml allows
	@$(call check_python)
	rm -rf build/pins && $(PYTHON) -m venv build/pins
	build/pins/bin/python -m pip install --quiet $$(grep '^torch==' constraints.txt) -e '.[dev,diagrams,docs,export,parquet,studio,tensorboard]'
	{ sed -n '/^#/p' constraints.txt; echo; build/pins/bin/python -m pip freeze --exclude-editable \
		| sed 's/^\(torch==[0-9.]*\)+cpu$$/\1/'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt && rm -rf build/pins

lock: $(TOOLS)/.done ## requirements.lock: what a release installs on Linux, with the SHA-256 of every file
	CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
		--no-emit-find-links --extra export --extra studio --constraint constraints.txt --output-file build/lock pyproject.toml
	{ sed -n '/^#/p' requirements.lock; echo; echo "--extra-index-url https://download.pytorch.org/whl/cpu"; \
		sed '/^#/d' build/lock; } > build/requirements.lock
	mv build/requirements.lock requirements.lock && rm build/lock

licences: $(VENV)/.dev $(TOOLS)/.done ## docs/project/licences.md: the licences of the packages that a release installs
	{ sed '/^| /,$$d' docs/project/licences.md; $(TOOLS)/bin/pip-licenses --python $(VENV)/bin/python --from=mixed --with-system --with-urls --format=markdown \
		--order=name --packages $$(sed -n 's/^\([A-Za-z0-9_.-]*\)==.*/\1/p' requirements.lock); } > build/licences.md
	mv build/licences.md docs/project/licences.md

audit: $(TOOLS)/.done ## check requirements.lock against the vulnerability database of PyPI
	$(TOOLS)/bin/pip-audit --requirement requirements.lock --disable-pip --require-hashes

clean: ## remove .venv, caches and build folders; runs/ stays
	rm -rf $(VENV) $(TENSORFLOW) build dist site src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# --- the virtual environment ------------------------------------------------------------------------------------------
# A stamp says that an installation was completed: .core what the program needs, .dev the tools and tests as well.

$(VENV)/.core: pyproject.toml constraints.txt
	@$(call install,.,.core)

$(VENV)/.dev: pyproject.toml constraints.txt
	@$(call install,.[dev$(,)diagrams$(,)docs$(,)export$(,)parquet$(,)studio$(,)tensorboard],.core .dev)

# TensorFlow's dependencies aren't ours: it has an environment of its own, of which the tests call the Python.
$(TENSORFLOW)/.done: Makefile
	@$(call check_python)
	$(PYTHON) -m venv --clear $(TENSORFLOW)
	$(TENSORFLOW)/bin/python -m pip install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0
	touch $@

$(TOOLS)/.done: Makefile
	@$(call check_python)
	$(PYTHON) -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check pip-tools==7.6.2 pip-licenses==5.5.5 pip-audit==2.10.1
	touch $@

, := ,

# It is made anew if an installation was interrupted (.busy is left), if its Python is gone, or if it belongs to another
# copy of this folder; then no stamp counts.
sound := [ ! -e $(VENV)/.busy ] && $(VENV)/bin/python -c 'import sys, importlib.util as i; \
	sys.exit(not (i.find_spec("torch") and i.find_spec("digitgan").origin == "$(CURDIR)/src/digitgan/__init__.py"))'
ifneq ($(shell { $(sound); } >/dev/null 2>&1 && echo yes),yes)
.PHONY: $(VENV)/.core $(VENV)/.dev
endif

define check_python
$(or $(PYTHON),python3) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	echo "digitgan needs Python 3.11 or newer; $(if $(PYTHON),$(PYTHON) is older or missing,neither python3 nor any of" \
		"python3.11 to python3.14 is one). Install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	echo "$(PYTHON) cannot make a virtual environment: its module venv or ensurepip is missing." \
		"On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
endef

# $(call install,WHAT,STAMPS): pip's own failure leaves what was there usable, so only an interruption leaves .busy.
define install
{ $(sound); } >/dev/null 2>&1 || { $(check_python); \
	echo "Making $(VENV) with $$($(PYTHON) --version) ..."; $(PYTHON) -m venv --clear $(VENV) || exit 1; }; \
echo "Installing $(1) (the first time takes a few minutes) ..."; \
[ -t 1 ] || quiet=--quiet; \
touch $(VENV)/.busy; \
$(VENV)/bin/python -m pip install $$quiet --disable-pip-version-check -c constraints.txt -e '$(1)'; failed=$$?; \
rm $(VENV)/.busy; \
[ $$failed = 0 ] && touch $(addprefix $(VENV)/,$(2))
endef
