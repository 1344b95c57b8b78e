# Two commands: `make demo` and `make test`. README shows the same lines for machines without make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

.PHONY: help demo serve setup test test-services test-faults lint types imports schema clean
help:
	@echo "make demo    set up, load the demo shop, start everything (PORT=8000, TORCH_INDEX=URL)"
	@echo "make serve   set up and start without the demo shop"
	@echo "make test    set up and run the tests"
	@echo "make test-services    the tests that ask a database on PostgreSQL, the render drill over SERVICES_BROKERS (Redis, RabbitMQ)"
	@echo "make test-faults    what happens when processes, brokers, databases and disks fail"
	@echo "make lint types imports schema    what CI checks besides the tests"
	@echo "make clean   delete .venv and var/"

# The last thing that venv makes is pip: what an attempt without it left behind is made anew.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12 demo" if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

# torch comes first: the exact pin in requirements.txt is then already satisfied. TORCH_INDEX names where from; without
# it scripts/torch_index.py chooses the small CPU builds for a Linux machine without an NVIDIA GPU.
$(VENV)/.installed: requirements.txt | $(BIN)/pip
	@torch=$$(grep -oE '^torch==[0-9.]+' requirements.txt); \
	if [ -n "$(TORCH_INDEX)" ]; then \
		$(BIN)/python -m pip install --quiet --index-url "$(TORCH_INDEX)" "$$torch" || exit 1; \
	else \
		index=$$($(BIN)/python scripts/torch_index.py); \
		if [ -n "$$index" ]; then \
			echo "No NVIDIA GPU here: torch comes from $$index (another: make TORCH_INDEX=https://pypi.org/simple)"; \
			$(BIN)/python -m pip install --quiet --index-url "$$index" "$$torch" || echo "It did not; pip's own index is next."; \
		fi; \
	fi
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.installed

demo: setup
	@exec $(BIN)/python manage.py demo --port $(PORT)

serve: setup
	@exec $(BIN)/python manage.py serve --port $(PORT)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

# Every test that asks a database, on PostgreSQL (a database test_NAME is made and dropped): make test-services
# TESTS=tests/analytics
SERVICES_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/adplatform
# The render drill kills real workers once for each transport of SERVICES_BROKERS.
SERVICES_BROKERS ?= redis://127.0.0.1:6379/15,amqp://guest:guest@127.0.0.1:5672//
# redis://127.0.0.1:6379/14: throttles and locks in the cache that processes share.
SERVICES_CACHE_URL ?= locmemcache://
TESTS ?= tests
test-services: $(VENV)/.installed-dev
	DATABASE_URL=$(SERVICES_DATABASE_URL) CACHE_URL=$(SERVICES_CACHE_URL) SERVICES_BROKERS=$(SERVICES_BROKERS) $(BIN)/python -m pytest -m "not browser and not faults" $(TESTS)

# Kills, freezes, lost brokers, crashed databases, a full disk, wrong clocks, hostile bodies: servers of its own on
# loopback, up to 15 minutes. Then 200 examples for each operation of the API.
test-faults: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m faults -n 1 --durations=0 tests/faults
	API_EXAMPLES=$(API_EXAMPLES) $(BIN)/python -m pytest tests/test_api_contract.py
API_EXAMPLES ?= 200

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -ll -r accounts adplatform analytics campaigns generation profiles rights clients scripts

types: $(VENV)/.installed-dev
	$(BIN)/mypy .

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

schema: $(VENV)/.installed-dev
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

clean:
	rm -rf $(VENV) var
