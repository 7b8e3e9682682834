# SPDX-License-Identifier: Apache-2.0
# The two commands of README: `make demo` and `make check`. Packagers use ./configure and ninja.
BUILD ?= build

.PHONY: all demo check bench bench-quick deps clean

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	./scripts/install-deps.sh build
	./configure --build=$(BUILD)

demo: all
	./scripts/demo.sh $(BUILD)

check:
	./scripts/install-deps.sh build test
	@if [ -f $(BUILD)/build.ninja ]; then \
		meson setup --reconfigure $(BUILD) >/dev/null; \
	else \
		./configure --build=$(BUILD); \
	fi # a tree configured before its tests' tools came finds them now
	ninja -C $(BUILD)
	./scripts/check.sh $(BUILD)

bench: all
	./scripts/install-deps.sh test
	python3 tests/bench/suite.py $(BUILD)

bench-quick: all
	./scripts/install-deps.sh test
	python3 tests/bench/suite.py $(BUILD) --quick

clean:
	rm -rf $(BUILD)
