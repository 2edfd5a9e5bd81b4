# Everything starts here: `make help`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest
HALVES := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 -p tests.workers
SITE := .venv-site
TF1 := .venv-tf1
TF1_PYTHONS = python3.6 python3.7 $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/3.[67].*/bin/python3) \
$(wildcard $(HOME)/*conda*/envs/*/bin/python3.[67]) $(wildcard /opt/*conda*/envs/*/bin/python3.[67])
PLATFORM := and platform_machine == 'x86_64' and sys_platform == 'linux'
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.PHONY: help setup figures test quick lint bench site browser tf1 python36 lock clean

help:  ## this list
	@grep -E '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 10

setup: $(STAMP)  ## make .venv with the pinned packages

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(not (3, 11) <= v < (3, 14) and \
	"Python 3.11 to 3.13 is needed and $(PYTHON) is %d.%d; try: make setup PYTHON=python3.12" % v)'
	@echo "setting up $(VENV): 1 GB to download, 3.6 GB on disk, 3 to 10 minutes the first time"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

figures: setup  ## run every notebook (default profile) and write figures/
	@$(BIN)/enamel reproduce --profile default

test: lint  ## lint, unit tests, notebooks through papermill (quick) and nbval, facts
	@$(PYTEST) $(HALVES) --durations=15
	@$(PYTEST) $(HALVES) --durations=15 --dist load tests/quick_notebooks.py tests/clone_notebooks.py
	@rm -rf build/nbval
	@ENAMEL_OUTPUT_ROOT=build/nbval $(PYTEST) $(HALVES) --nbval-lax --nbval-current-env --nbval-cell-timeout=900 \
	--nbval-sanitize-with tests/nbval_sanitize.cfg \
	notebooks/0[2-9]* notebooks/1[014]* notebooks/0[01]* notebooks/1[!014]*  # in this order: none of minutes comes last
	@ENAMEL_OUTPUT_ROOT=build/nbval $(PYTEST) tests/test_facts.py

quick: setup  ## run every notebook small (quick profile, into build/)
	@$(BIN)/enamel reproduce --profile quick

lint: setup  ## ruff: rules and format
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet

bench: setup  ## measure map speed, windows per second
	@$(BIN)/python -m tests.bench.maps

site: setup $(SITE)/.ready  ## render the notebooks as last run, and the README, as pages: build/site/index.html
	@rm -rf build/.site
	@$(SITE)/bin/sphinx-build -q -E -W --keep-going -c .ci/site -d build/.site/doctrees . build/.site/html
	@cp build/.site/html/README.html build/.site/html/index.html
	@rm -rf build/site && mv build/.site/html build/site && rm -rf build/.site
	@$(PYTEST) --noconftest tests/site_pages.py

$(SITE)/.ready: requirements-site.lock
	@echo "setting up $(SITE) (half a minute the first time)"
	@$(PYTHON) -m venv --clear $(SITE)
	@$(SITE)/bin/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements-site.lock
	@touch $@

browser: setup $(VENV)/.browser  ## run 00 and the viewer in JupyterLab as a reader sees them; pictures in build/browser/
	@test -x /usr/bin/chromium || { echo "no /usr/bin/chromium found; try: apt-get install chromium"; exit 1; }
	@$(PYTEST) --noconftest tests/browser/jupyterlab.py tests/browser/viewer.py

$(VENV)/.browser: $(STAMP) requirements-browser.lock
	@$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check --require-hashes -r requirements-browser.lock
	@touch $@

tf1: $(TF1)/.ready  ## make .venv-tf1 with TensorFlow 1.14, for original StyleGAN2 snapshots (needs Python 3.6 or 3.7)

$(TF1)/.ready: requirements-tf1.txt
	@python=$$($(MAKE) -s python36 2> /dev/null) || { echo "no Python 3.6 or 3.7 found; try: pyenv install 3.6.15"; exit 1; }; \
	echo "setting up $(TF1) with $$python (a minute the first time)"; $$python -m venv --clear $(TF1)
	@$(TF1)/bin/python -m pip install -qq --no-compile --disable-pip-version-check pip==21.3.1
	@$(TF1)/bin/python -m pip install -qq --no-compile --disable-pip-version-check -r requirements-tf1.txt
	@touch $@

python36:  # print a Python 3.6 or 3.7 that works (a shim of pyenv may not)
	@for python in $(TF1_PYTHONS); do $$python -c 'import ensurepip, venv' 2> /dev/null && echo $$python && exit; done; exit 1

lock:  ## remake requirements*.lock (needs uv)
	@$(call pin,requirements.lock,setup,pyproject.toml --extra dev)
	@$(call pin,requirements-site.lock,site,--group site)
	@$(call pin,requirements-browser.lock,browser,--group browser --constraint requirements.lock)

define pin
	echo '# What `make $(2)` installs: Linux on x86-64, Python 3.11 to 3.13. Made by `make lock`; do not edit.' > $(1).new
	@uv pip compile $(3) --universal --fork-strategy fewest --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-annotate --no-header --quiet \
	| sed -E "s/ ; python_full_version < '3.14' $(PLATFORM)//; s/ $(PLATFORM)//" >> $(1).new
	@mv $(1).new $(1)
endef

clean:  ## remove .venv*, build/ and generated data
	@rm -rf $(VENV) $(SITE) $(TF1) build data/processed *.egg-info .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
