# The menu. Everything installs into .venv with the versions of constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test lint types format bench bench-surfaces bench-population clean

help:
	@echo "make demo    install, then answer the question on the embedded data (landscape analyze)"
	@echo "make test    install, then run the tests"
	@echo "make bench   install, then measure this package against its peers (hours; BENCH='--quick --only landscape': seconds)"
	@echo "make bench-surfaces  the same for slices of the loss, against loss-landscapes"
	@echo "make bench-population  what training many small runs as one batched model saves"
	@echo "make lint    ruff; make types: mypy; make format: rewrite the code in the house's format"

# One environment; made again when what it holds changes.
$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "landscape needs Python 3.11 or newer; try: make PYTHON=python3.11 ...")'
	@echo "Installing into $(VENV): a minute or more, and a large download where torch is not cached"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,lint]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/landscape analyze

test: $(VENV)/.installed
	$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

bench: $(VENV)/.installed
	$(BIN)/python experiments/benchmarks/run.py $(BENCH)

bench-surfaces: $(VENV)/.installed
	$(BIN)/python experiments/benchmarks/surfaces.py $(BENCH)

bench-population: $(VENV)/.installed
	$(BIN)/python experiments/benchmarks/population.py $(BENCH)

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
