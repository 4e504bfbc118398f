# Each target sets up what it needs in .venv first, and only what changed since the last time.
VENV := .venv
PYTHON := $(VENV)/bin/python
CSRC := $(shell find csrc -type f ! -name '*.o')
PYTEST := $(PYTHON) -m pytest

.PHONY: setup demo test check bench fuzz soak leak fmt clean
.DELETE_ON_ERROR:

setup: $(VENV)/.core $(VENV)/.extra-test $(VENV)/.extra-check
demo: $(VENV)/.core
	$(PYTHON) demo/main_job.py
test: $(VENV)/.core $(VENV)/.extra-test
	$(PYTEST) $(ARGS)
check: $(VENV)/.core $(VENV)/.extra-check
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(PYTHON) tools/c_warnings.py
bench: $(VENV)/.core $(VENV)/.extra-bench
	$(PYTHON) bench/run.py $(ARGS)
fuzz: $(VENV)/.core $(VENV)/.extra-test
	$(PYTEST) -m fuzz $(ARGS)
soak: $(VENV)/.core $(VENV)/.extra-test
	$(PYTEST) -m soak --timeout 0 $(ARGS)
leak: $(VENV)/.core $(VENV)/.extra-test
	PYTHONPATH=. $(PYTHON) tests/native/leak/run.py $(ARGS)
fmt: $(VENV)/.extra-check
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
clean:
	rm -rf $(VENV) build dist localvault.egg-info localvault/_core.c localvault/_core*.so

$(VENV)/.base: pyproject.toml setup.py tools/setup.sh
	@sh tools/setup.sh base
$(VENV)/.core: $(VENV)/.base $(CSRC) tools/preflight.py
	@sh tools/setup.sh core
$(VENV)/.extra-%: $(VENV)/.base
	@sh tools/setup.sh extra-$*
