# Two commands on a fresh machine with Python ≥ 3.11 and make:  make demo  ·  make test
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
AUDIT := .venv-audit/.tried
AUDIT_PYTHON := .venv-audit/bin/python

.PHONY: demo test check lint types prove mutants audit fuzz bench lock clean

demo: $(READY)  ## run the main job on sample data, offline
	@$(BIN)/sync-connector demo

test: $(READY)  ## run the tests
	@$(BIN)/pytest --numprocesses auto --dist worksteal

check: lint types audit test prove  ## all that CI asks for

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(READY)
	@$(BIN)/mypy

prove: $(READY)  ## 2,000 random lives of a company, and a death at every fault point (EXAMPLES=50000 for a long run; some minutes)
	@$(BIN)/python -m tests.proof --examples $(or $(EXAMPLES),2000) --seed $(or $(SEED),1)
	@$(BIN)/python -m tests.faults.sweep
	@test -z "$$SYNC_CONNECTOR_TEST_POSTGRES" || $(BIN)/python -m tests.faults.sweep --lost --once --postgres "$$SYNC_CONNECTOR_TEST_POSTGRES" \
		night plan rejects pull messages forget papers

mutants: $(READY)  ## break the product on purpose, one mistake after the other, and see each of them noticed (half an hour)
	@$(BIN)/python -m tests.proof --mutations --examples 300

audit: $(READY) $(AUDIT)  ## look the locked dependencies up for known vulnerabilities; needs a network, and says so where there is none
	@$(BIN)/python tests/audit/run.py --pip-audit $(AUDIT_PYTHON) requirements.lock

fuzz: $(READY)  ## fuzz the parsers, guided by coverage, for MINUTES=30
	@test -d .fuzz || $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --target .fuzz --requirement tests/fuzz/atheris.lock \
		|| echo "Atheris has no wheel for this Python or cannot be fetched; going on without coverage"
	@PYTHONPATH=.fuzz $(BIN)/python -m tests.fuzz.run --minutes $(or $(MINUTES),30)

bench: $(READY)  ## measure speed and memory (half an hour; ROWS=100000 for a quick look)
	@$(BIN)/python bench/run.py $(if $(ROWS),--rows $(ROWS),--rows 1000000 --also 5000000)
	@$(BIN)/python bench/databases.py $(if $(ROWS),--rows $(ROWS)) --sync 100000
	@$(BIN)/python bench/callbacks.py $(if $(ROWS),--seconds 2 --rounds 1)
	@$(BIN)/python bench/pulling.py $(if $(ROWS),--count 5000 --rounds 1)
	@$(BIN)/python bench/quality.py $(if $(ROWS),--rows $(ROWS))
	@$(BIN)/python bench/suggestions.py
	@$(BIN)/python bench/messages.py $(if $(ROWS),--planned 10000 --sent 1000 --rounds 1)
	@$(BIN)/python bench/faults.py $(if $(ROWS),--rows 10000)

lock: $(READY)  ## pin the newest versions of everything, with hashes
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links --all-extras --group dev pyproject.toml --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links tests/singer.in --output-file tests/singer.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links bench/duplicates.in --output-file bench/duplicates.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links tests/audit/pip-audit.in --output-file tests/audit/pip-audit.lock
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		--no-emit-index-url --no-emit-find-links tests/fuzz/atheris.in --output-file tests/fuzz/atheris.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12"; exit 1; }
	@echo "making .venv (once; a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Where pip-audit cannot be fetched, the audit says that nothing was audited, and the next one tries again.
$(AUDIT): tests/audit/pip-audit.lock | $(READY)
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/audit/pip-audit.lock && touch $@ \
		|| echo "pip-audit cannot be installed here"

clean:
	rm -rf .venv .venv-audit .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis demo bench/out
