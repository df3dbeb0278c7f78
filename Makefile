# SPDX-License-Identifier: GPL-2.0-or-later
#
# make            build the libraries, the program and its tools into $(O)
# make demo       the main job: boot a virtual CXL machine, tier a workload in it, judge the result
# make accuracy   how well we and kernel DAMON see what is hot, in that machine, beside the truth
# make check      unit tests and, as root with QEMU, the lab tests
# make unit       unit tests alone           make lab-check    lab tests alone
# make asan       unit tests under address and undefined-behaviour sanitizers
# make tsan       those that have threads under the thread sanitizer
# make lint       formatting, static checks, man pages, shell scripts
# make bench      micro-benchmarks           make fuzz         fuzz targets, FUZZ_SECONDS=60 each
# make install    honours DESTDIR and PREFIX make uninstall    takes it away again
# make deps       what is missing on this machine; as root also installs it (Debian packages)
# make help       this text
#
# O=build/x  CC=clang  V=1  WERROR=1  PREFIX=/usr  WITH_TRACEEVENT=auto|yes|no  WITH_SYSTEMD=... WITH_PFM=... WITH_CXL=...

VERSION    := 0.1.0
SOVERSION  := 0
O          ?= build
PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(DATADIR)/man
UNITDIR    ?= $(PREFIX)/lib/systemd/system
LABDIR     ?= $(LIBDIR)/thermocline/lab
PKG_CONFIG ?= pkg-config
INSTALL    ?= install
CFLAGS     ?= $(if $(SAN),-O1 -g1,-O2 -g)
FUZZ_SECONDS ?= 60

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $1 $(patsubst $(O)/%,%,$@))

# --- features: "y" when wanted and present; "yes" insists, "no" never looks ---
has_pkg = $(shell $(PKG_CONFIG) --exists $1 2>/dev/null && echo y)
has_lib = $(shell echo 'int main(void){return 0;}' | $(CC) -include $1 -x c - $2 -o /dev/null 2>/dev/null && echo y)
feature = $(if $(filter no,$(WITH_$1)),,$(or $2,$(if $(filter yes,$(WITH_$1)),$(error WITH_$1=yes, but it was not found: make deps))))

HAVE_TRACEEVENT := $(call feature,TRACEEVENT,$(call has_pkg,libtraceevent))
HAVE_SYSTEMD    := $(call feature,SYSTEMD,$(call has_pkg,libsystemd))
# libpfm4 ships no .pc file.
HAVE_PFM        := $(call feature,PFM,$(call has_lib,perfmon/pfmlib.h,-lpfm))
HAVE_CXL        := $(call feature,CXL,$(call has_pkg,libcxl))
# Only the bench is compared with it, nothing links it.
HAVE_CK         := $(call feature,CK,$(call has_pkg,ck))
HAVE            := $(foreach f,TRACEEVENT SYSTEMD PFM CXL,$(if $(HAVE_$f),$f))
PKGS            := json-c hwloc libzstd libxxhash $(if $(HAVE_TRACEEVENT),libtraceevent) $(if $(HAVE_SYSTEMD),libsystemd) $(if $(HAVE_CXL),libcxl)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wpointer-arith -Wwrite-strings -Wundef -Wformat=2 -Wimplicit-fallthrough \
	$(if $(WERROR),-Werror)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null) $(if $(HAVE_PFM),-lpfm)
override CPPFLAGS += -D_GNU_SOURCE -DTHERMO_VERSION='"$(VERSION)"' -DTHERMO_LAB_DIR='"$(LABDIR)"' \
	-I. -Iinclude $(HAVE:%=-DHAVE_%=1) $(PKG_CFLAGS)
override CFLAGS  += -std=gnu11 -pthread -fPIC -fvisibility=hidden $(WARN) \
	$(SAN:%=-fsanitize=%) $(if $(SAN),-fno-omit-frame-pointer -fno-sanitize-recover=all)
override LDFLAGS += -pthread $(SAN:%=-fsanitize=%)
override LDLIBS  += $(PKG_LIBS) -lm

# --- files: the libraries are everything but programs and the lab.  libthermocline is what a
# program needs to report its accesses, and needs the C library alone; libthermocline-monitor,
# which needs it, is all the rest ---
LIB_SRC   := $(wildcard core/*.c sources/*.c report_api/*.c tiering/*.c)
REPORT_SRC := core/error.c $(patsubst %,report_api/%.c,reporter claim drain client)
MON_SRC   := $(filter-out $(REPORT_SRC),$(LIB_SRC))
CLI_SRC   := $(wildcard cli/*.c tests/lab/*.c)
WORK_SRC  := $(wildcard bench/workload/*.c)
SIM_SRC   := $(wildcard bench/sim/*.c)
# `thermocline bench` measures with it; its memory is mapped as the workload generator's.
OVER_SRC  := $(wildcard bench/overhead/*.c)
TRUTH_SRC := $(filter-out %/plugin.c %/vpmu.c %/vpmu_data_src.c %/vchmu.c %/chmu_device.c %/physical.c %/touch.c,$(wildcard tests/lab/truth/*.c))
JUDGE_SRC := $(filter-out %/clock.c,$(wildcard tests/lab/accuracy/*.c))
TEST_SRC  := $(wildcard tests/unit/*/test_*.c)
BENCH_SRC := $(wildcard bench/bench_*.c)
FUZZ_SRC  := $(wildcard tests/fuzz/fuzz_*.c)

REPORT_OBJ := $(REPORT_SRC:%.c=$(O)/%.o)
MON_OBJ   := $(MON_SRC:%.c=$(O)/%.o)
CLI_OBJ   := $(CLI_SRC:%.c=$(O)/%.o)
WORK_OBJ  := $(WORK_SRC:%.c=$(O)/%.o)
SIM_OBJ   := $(SIM_SRC:%.c=$(O)/%.o)
OVER_OBJ  := $(OVER_SRC:%.c=$(O)/%.o)
TRUTH_OBJ := $(TRUTH_SRC:%.c=$(O)/%.o)
JUDGE_OBJ := $(JUDGE_SRC:%.c=$(O)/%.o) $(O)/tests/lab/truth/reader.o
REPORT_LIB := $(O)/libthermocline.a
REPORT_SO := $(O)/libthermocline.so.$(SOVERSION)
MON_LIB   := $(O)/libthermocline-monitor.a
MON_SO    := $(O)/libthermocline-monitor.so.$(SOVERSION)
LIBS      := $(MON_LIB) $(REPORT_LIB)
PROGRAM   := $(O)/thermocline
WORKLOAD  := $(O)/bench/workload-gen
TRUTH     := $(O)/lab/truth-report
JUDGE     := $(O)/lab/truth-accuracy
CLOCK     := $(O)/lab/truth-clock
REPORTS   := $(O)/lab/source-reports
PLUGIN    := $(O)/lab/truth.so
LAB_FILES := $(patsubst %,$(O)/lab/%.sh,debian fetch-kernel build-initramfs init)
TESTS     := $(TEST_SRC:%.c=$(O)/%)
BENCHES   := $(BENCH_SRC:%.c=$(O)/%)
FUZZERS   := $(FUZZ_SRC:%.c=$(O)/%)

.PHONY: all check tests unit lab-check bench fuzz asan tsan lint install uninstall clean help deps demo accuracy \
	build-deps check-deps bench-deps lab-deps client-check FORCE
all: $(LIBS) $(REPORT_SO) $(MON_SO) $(PROGRAM) $(WORKLOAD) $(TRUTH) $(JUDGE) $(CLOCK) $(REPORTS) $(PLUGIN) $(LAB_FILES)

# Objects depend on the command that built them: changing a flag rebuilds.
CMD := $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LDLIBS)
$(O)/command: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(CMD))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(CMD))' >$@

$(O)/%.o: %.c $(O)/command
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(REPORT_LIB): $(REPORT_OBJ)
$(MON_LIB): $(MON_OBJ)
$(LIBS):
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(REPORT_SO): $(REPORT_OBJ)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(@F) $(if $(SAN),,-Wl,-z,defs) $^ -o $@
	$(Q)ln -sf $(@F) $(@:.$(SOVERSION)=)

$(MON_SO): $(MON_OBJ) $(REPORT_SO)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-soname,$(@F) $(MON_OBJ) -L$(O) -lthermocline $(LDLIBS) -o $@
	$(Q)ln -sf $(@F) $(@:.$(SOVERSION)=)

$(PROGRAM): $(CLI_OBJ) $(OVER_OBJ) $(O)/bench/workload/arena.o $(LIBS)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(WORKLOAD): $(WORK_OBJ) $(LIBS)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(TRUTH): $(TRUTH_OBJ) $(LIBS)
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(JUDGE): $(JUDGE_OBJ) $(LIBS)
$(CLOCK): $(O)/tests/lab/accuracy/clock.o
$(REPORTS): $(O)/tests/lab/reports/sum.o $(LIBS)
$(JUDGE) $(CLOCK) $(REPORTS):
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

# QEMU loads the plugin: it gets no sanitizer and none of our libraries.
VPMU_SRC   := tests/lab/truth/vpmu.c tests/lab/truth/vpmu_data_src.c
PLUGIN_SRC := $(VPMU_SRC) $(patsubst %,tests/lab/truth/%.c,plugin vchmu chmu_device physical)
$(PLUGIN): $(PLUGIN_SRC) $(wildcard tests/lab/truth/*.h) sources/virtual_pmu.h sources/virtual_chmu.h sources/chmu_regs.h $(O)/command
	$(call say,LD)
	@mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE -I. -std=gnu11 -O2 -g $(WARN) -pthread -fPIC -shared $(PLUGIN_SRC) -o $@

$(O)/lab/%: tests/lab/%
	@mkdir -p $(@D)
	$(Q)$(INSTALL) -m 755 $< $@

# Tests of bench and cli link their objects, and benches the simulation; all else needs the library only.
# --wrap lets a test stand in for a system call (tests name what they wrap).
$(O)/tests/%.o $(O)/bench/%.o: override CPPFLAGS += -DTEST_DATA='"$(CURDIR)/tests/data"'
$(TESTS): override LDLIBS += -lcmocka
$(O)/bench/bench_report.o: override CPPFLAGS += $(if $(HAVE_CK),-DHAVE_CK=1)
$(filter $(O)/tests/unit/bench/%,$(TESTS)): $(filter-out %/main.o,$(WORK_OBJ)) $(SIM_OBJ) $(OVER_OBJ)
$(BENCHES): $(SIM_OBJ)
$(O)/bench/bench_perf: $(O)/cli/perfdata_import.o $(O)/cli/perfdata_look.o $(O)/cli/perfdata_memory.o $(O)/cli/perfdata_names.o $(O)/cli/samples.o
$(filter $(O)/tests/unit/cli/%,$(TESTS)): $(filter-out %/main.o,$(CLI_OBJ)) $(OVER_OBJ) \
	$(O)/bench/workload/arena.o
$(filter $(O)/tests/unit/lab/%,$(TESTS)): $(filter-out %/main.o,$(JUDGE_OBJ)) $(VPMU_SRC:%.c=$(O)/%.o) \
	$(O)/tests/lab/pmu_options.o $(O)/tests/lab/topology_parse.o
$(O)/tests/unit/sources/test_virtual_pmu: $(VPMU_SRC:%.c=$(O)/%.o)
$(O)/tests/unit/lab/test_vchmu $(O)/tests/unit/sources/test_chmu: $(O)/tests/lab/truth/vchmu.o
$(TESTS) $(BENCHES): %: %.o $(LIBS)
	$(call say,LD)
	$(Q)$(CC) $(LDFLAGS) $(filter %.o,$^) $(LIBS) $(LDLIBS) -o $@

# --- running ---
RUN := $(TESTS:%=%.run) $(BENCHES:%=%.run)
.PHONY: $(RUN)
$(RUN): %.run: %
	$(Q)$(abspath $<)

# Nothing but make and a compiler is needed to start: what is missing comes first.
build-deps: ; @sh packaging/deps.sh install build
check-deps: ; @sh packaging/deps.sh install build check
bench-deps: ; @sh packaging/deps.sh install build bench
lab-deps: ; @sh packaging/deps.sh install build check lab
deps: ; @sh packaging/deps.sh list build bench check lint lab; sh packaging/deps.sh install build bench check lint lab

# Unit tests on all CPUs, unless somebody said on how many; lab tests are of a machine with nothing else to do.
check: check-deps
	$(Q)+$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) --output-sync=target unit
	$(Q)+$(MAKE) --no-print-directory lab-check
tests: $(TESTS)
unit: $(TESTS:%=%.run) client-check
# The installed client library, as other people's programs use it.
client-check: all
	$(Q)$(if $(SAN),echo "client-check: SKIPPED: sanitized libraries cannot be installed",\
		MAKE='$(MAKE)' O='$(O)' PREFIX='$(PREFIX)' LIBDIR='$(LIBDIR)' \
		CC='$(CC)' CXX='$(CXX)' sh tests/client/check.sh)
lab-check: all $(O)/tests/unit/sources/test_perf_live
	$(Q)O=$(O) sh tests/lab/run-tests.sh
bench: bench-deps
	$(Q)+$(MAKE) --no-print-directory $(BENCHES:%=%.run)
demo: lab-deps
	$(Q)+$(MAKE) --no-print-directory all
	$(Q)O=$(O) sh tests/lab/demo.sh
accuracy: lab-deps
	$(Q)+$(MAKE) --no-print-directory all
	$(Q)O=$(O) sh tests/lab/accuracy.sh

asan: ; $(Q)+$(MAKE) --no-print-directory O=$(O)/asan SAN='address undefined' unit
# Where nobody starts a thread there is nothing to see for that one.
THREADED = $(shell grep -lE 'pthread_create|runner_start|migrator_start|thermo_reporter_new|daemon_sources|fake_(intake|monitor|daemon)\.h' \
	$(TEST_SRC)) $(wildcard tests/unit/bench/test_overhead_*.c tests/unit/bench/test_workload_run.c)
tsan: ; $(Q)+$(MAKE) --no-print-directory O=$(O)/tsan SAN=thread $(THREADED:%.c=$(O)/tsan/%.run)

FUZZED := $(filter-out %/main.c,$(LIB_SRC) $(WORK_SRC) $(CLI_SRC) $(OVER_SRC))
$(O)/tests/fuzz/%: tests/fuzz/%.c $(FUZZED) $(O)/command
	$(call say,FUZZ)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu11 -g -O1 -pthread -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all $< $(FUZZED) $(LDLIBS) -o $@
fuzz: $(FUZZERS)
	$(Q)for f in $(FUZZERS); do mkdir -p $$f.corpus && \
		$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 $$f.corpus \
			$$(ls -d tests/fuzz/seeds/$${f##*/} 2>/dev/null) || exit 1; done

OUR_C  := $(shell git ls-files '*.c' '*.h' 2>/dev/null || find . -name '*.[ch]')
OUR_SH := $(shell git ls-files '*.sh' 2>/dev/null) .ci/run
lint:
	$(Q)clang-format --dry-run -Werror $(OUR_C)
	$(Q)awk -f tests/lint/atomics.awk $(OUR_C)
	$(Q)awk -f tests/lint/layers.awk $(OUR_C)
	$(Q)for s in $$(sed -n 's/^const struct thermo_source \([a-z_]*\) = {.*/\1/p' sources/*.c); do \
		grep -q "&$$s," sources/registry.c || { echo "$$s is not in sources/registry.c"; exit 1; }; done
	$(Q)cppcheck --quiet --error-exitcode=1 --inline-suppr --enable=warning,portability \
		--suppress=missingIncludeSystem -I. -Iinclude $(HAVE:%=-DHAVE_%=1) \
		-DTHERMO_LAB_DIR='""' -DTHERMO_VERSION='""' $(LIB_SRC) $(CLI_SRC) $(WORK_SRC) $(OVER_SRC) $(SIM_SRC) $(TRUTH_SRC) $(JUDGE_SRC)
	$(Q)printf '%s\n' $(LIB_SRC) $(CLI_SRC) $(WORK_SRC) $(OVER_SRC) $(SIM_SRC) $(TRUTH_SRC) $(JUDGE_SRC) | \
		xargs -P "$$(nproc)" -n 8 sh -c 'clang-tidy --quiet "$$@" -- $(subst ','\'',$(CPPFLAGS)) -std=gnu11' clang-tidy
	$(Q)for m in docs/man/*.[1-8]; do groff -man -ww -z -Tutf8 $$m || exit 1; done
	$(Q)shellcheck -x $(OUR_SH)

# --- installing ---
D := $(DESTDIR)
MAN_PAGES := $(wildcard docs/man/*.[1-8])
install: all
	$(INSTALL) -D -m 755 $(PROGRAM) $(D)$(BINDIR)/thermocline
	$(INSTALL) -D -m 755 $(WORKLOAD) $(D)$(BINDIR)/thermocline-workload
	$(INSTALL) -d $(D)$(LIBDIR)
	$(INSTALL) -m 644 $(LIBS) $(D)$(LIBDIR)
	$(INSTALL) -m 755 $(REPORT_SO) $(MON_SO) $(D)$(LIBDIR)
	for l in libthermocline libthermocline-monitor; do \
		ln -sf $$l.so.$(SOVERSION) $(D)$(LIBDIR)/$$l.so || exit 1; done
	$(INSTALL) -d $(D)$(LIBDIR)/pkgconfig $(D)$(UNITDIR) $(D)$(LABDIR)
	for p in thermocline thermocline-monitor; do \
		sed 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|; s|@PKGS@|$(strip $(PKGS))|; s|@PFM@|$(if $(HAVE_PFM), -lpfm)|' \
			packaging/$$p.pc.in >$(D)$(LIBDIR)/pkgconfig/$$p.pc || exit 1; done
	sed 's|@BINDIR@|$(BINDIR)|; $(if $(HAVE_SYSTEMD),,s|^Type=notify|Type=exec|)' \
		packaging/thermocline.service.in >$(D)$(UNITDIR)/thermocline.service
	$(INSTALL) -m 755 $(LAB_FILES) $(TRUTH) $(D)$(LABDIR)
	$(INSTALL) -m 644 $(PLUGIN) $(D)$(LABDIR)
	$(INSTALL) -d $(D)$(INCLUDEDIR)/thermocline
	$(INSTALL) -m 644 include/thermocline/*.h $(D)$(INCLUDEDIR)/thermocline
	$(INSTALL) -d $(D)$(DATADIR)/thermocline/workloads
	$(INSTALL) -m 644 bench/workload/configs/*.cfg $(D)$(DATADIR)/thermocline/workloads
	for m in $(MAN_PAGES); do $(INSTALL) -D -m 644 $$m $(D)$(MANDIR)/man$${m##*.}/$${m##*/} || exit 1; done

uninstall:
	rm -rf $(D)$(BINDIR)/thermocline $(D)$(BINDIR)/thermocline-workload \
		$(foreach l,libthermocline libthermocline-monitor,$(addprefix $(D)$(LIBDIR)/$l,.a .so .so.$(SOVERSION))) \
		$(D)$(LIBDIR)/pkgconfig/thermocline.pc $(D)$(LIBDIR)/pkgconfig/thermocline-monitor.pc \
		$(D)$(LIBDIR)/thermocline $(D)$(INCLUDEDIR)/thermocline $(D)$(UNITDIR)/thermocline.service \
		$(D)$(DATADIR)/thermocline
	for m in $(MAN_PAGES); do rm -f $(D)$(MANDIR)/man$${m##*.}/$${m##*/}; done

clean:
	rm -rf $(O)

help:
	@sed -n '3,/^$$/s/^# \{0,1\}//p' Makefile

-include $(shell find $(O) -name '*.d' 2>/dev/null)
