# SPDX-License-Identifier: BSD-2-Clause
# make            build ./pybpfdbg (no root needed)
# make demo       the main job on a bundled program (needs root to attach)
# make check      every test;  make bench: the benchmarks;  make asan: the tests under ASan+UBSan
# make install    PREFIX=/usr/local DESTDIR=
# V=1 shows the commands.

PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
CC ?= gcc
CLANG ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

PKGS := libbpf libelf libdw jansson libedit
CPPFLAGS += -D_GNU_SOURCE -Iuserspace -I. -Itests/support -I$(BUILD) $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-format-truncation -fno-strict-aliasing
LDLIBS += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lgmp -lZydis -lm

ifeq ($(ASAN),1)
BUILD := build/asan
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -O1 \
	-Wno-maybe-uninitialized
# GCC's own advice: that warning has false alarms with sanitizers.
LDFLAGS += -fsanitize=address,undefined
PROGRAM := $(BUILD)/pybpfdbg
else
PROGRAM := pybpfdbg
endif

LIB_SRCS := $(sort $(wildcard userspace/*/*.c probes/*.c probes/*/*.c))
LIB_OBJS := $(LIB_SRCS:%.c=$(BUILD)/%.o)
MAIN_OBJ := $(BUILD)/userspace/pybpfdbg.o
LIB := $(BUILD)/libpybpfdbg.a

BPF_SRCS := $(sort $(wildcard bpf/*.bpf.c))
SKELS := $(BPF_SRCS:bpf/%.bpf.c=$(BUILD)/skel/%.skel.h)

SUPPORT_OBJS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/support/lib_*.c)))
# An archive, so that only the unit tests, which use its helper, are linked with CUnit.
SUPPORT := $(BUILD)/libsupport.a
UNIT_BINS := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
# Programs that the integration tests run; each is one file with a main.
TOOL_BINS := $(patsubst tests/support/%.c,$(BUILD)/support/%,$(sort $(filter-out tests/support/lib_%,$(wildcard tests/support/*.c))))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

.PHONY: all demo check bench install asan clean tests
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAM)

$(PROGRAM): $(MAIN_OBJ) $(LIB)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(LIB_OBJS)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(SUPPORT): $(SUPPORT_OBJS)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# trace/ includes the skeletons, and so do tests of what the kernel does with one
$(BUILD)/userspace/trace/%.o $(BUILD)/tests/unit/test_load.o $(BUILD)/tests/unit/test_pages.o: CPPFLAGS += -I$(BUILD)/skel
$(BUILD)/tests/unit/test_load.o: $(BUILD)/skel/halt.skel.h
$(BUILD)/tests/unit/test_pages.o: $(BUILD)/skel/pages.skel.h
$(filter $(BUILD)/userspace/trace/%,$(LIB_OBJS)): $(SKELS)

BPF_CFLAGS := -g -O2 -target bpf -mcpu=v3 -Wall -Werror -D__TARGET_ARCH_x86 -I. -Ibpf -idirafter /usr/include/x86_64-linux-gnu
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/*.h) Makefile
	@mkdir -p $(@D)
	$(say) BPF $<
	$(Q)$(CLANG) $(BPF_CFLAGS) -c -o $@ $<
	$(Q)$(LLVM_STRIP) -g $@

# the same source, for other kernels
$(BUILD)/bpf/hold_618.bpf.o: bpf/hold.bpf.c
$(BUILD)/bpf/execs_618.bpf.o: bpf/execs.bpf.c

$(BUILD)/skel/%.skel.h: $(BUILD)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(SUPPORT) $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcunit

$(BUILD)/support/%: $(BUILD)/tests/support/%.o $(SUPPORT) $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A fuzz target has LLVMFuzzerTestOneInput(); lib_fuzz_main.c runs its corpus (make fuzz-NAME: with libFuzzer).
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/lib_fuzz_main.o $(SUPPORT) $(LIB)
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# A real fuzzer on one target (needs libclang-rt-dev); what it finds goes to tests/fuzz/corpus/NAME.
fuzz-%: tests/fuzz/fuzz_%.c $(SKELS)
	@mkdir -p $(BUILD)/libfuzzer $(BUILD)/libfuzzer/corpus-$*
	$(Q)$(CLANG) $(CPPFLAGS) -I$(BUILD)/skel -std=gnu11 -g -O1 -fno-strict-aliasing -Wno-everything \
		-fsanitize=fuzzer,address,undefined -o $(BUILD)/libfuzzer/fuzz_$* $< $(LIB_SRCS) $(LDLIBS)
	$(BUILD)/libfuzzer/fuzz_$* -max_total_time=$(or $(SECONDS),60) $(BUILD)/libfuzzer/corpus-$* tests/fuzz/corpus/$*

tests: $(UNIT_BINS) $(TOOL_BINS) $(FUZZ_BINS) all

demo: all
	tools/demo.sh

check: tests
	tests/run

asan:
	$(MAKE) ASAN=1 tests
	ASAN=1 tests/run

bench: all
	tools/bench/run
	tools/bench/events
	tools/bench/dap_latency
	tools/bench/session

install: all
	install -D -m 0755 pybpfdbg $(DESTDIR)$(PREFIX)/bin/pybpfdbg

clean:
	rm -rf build pybpfdbg

-include $(LIB_OBJS:.o=.d) $(MAIN_OBJ:.o=.d) $(wildcard $(BUILD)/tests/*/*.d)
