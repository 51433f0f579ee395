# SPDX-License-Identifier: GPL-2.0
# The front door.  `make help` says what there is.

BUILD ?= build
# What `all` and `install` cover: the kernel modules, user space.
PARTS ?= kmod user
# The newest kernel whose headers are installed.
KVER ?= $(shell ls -d /lib/modules/*/build 2>/dev/null | cut -d/ -f4 | sort -V | tail -n 1)
KDIR ?= /lib/modules/$(KVER)/build
# The root of another Debian, if that is where KDIR and its compiler are.
KROOT ?=
DESTDIR ?=
PREFIX ?= /usr

# `make` must find its folders wherever it was called from, and with any BUILD.
top := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
build := $(abspath $(BUILD))
kbuild := $(KROOT)$(if $(KROOT),/usr/src/ftstack$(subst /,-,$(build)),$(build)/kmod-$(KVER))
kmods := $(DESTDIR)/lib/modules/$(KVER)/updates/ftstack
export BUILD := $(build)

# A check that stands alone is as thorough as one within `make check`.
CHECKS := check-style check-unit check-coverage check-bus check-fuzz check-model check-qemu

.PHONY: all kmod user install $(PARTS:%=install-%) dkms-install dkms-remove uninstall deb guest demo bench bench-fuzz bench-powercut \
	check $(CHECKS) check-kasan check-kernels check-servers check-dumps clean help deps-kmod deps-build

all: $(PARTS)

help:
	@sed -n 's/^## //p' $(top)/Makefile

## make                  build the kernel modules and user space into BUILD (build/)
## make kmod             the kernel modules, for the newest installed headers; KVER= or KDIR= choose
deps-kmod:
	@$(top)/scripts/deps kmod

kmod: deps-kmod
	@# Found anew by a make of its own: the headers may have been installed just now.
	@$(MAKE) --no-print-directory -C $(top) kmod-build

.PHONY: kmod-build
kmod-build:
	@test -d "$(KROOT)$(KDIR)" || { echo "no kernel headers in $(KDIR): install" \
		"linux-headers-$(KVER), or name them with KDIR=" >&2; exit 1; }
	@mkdir -p $(kbuild)
	@rsync -a --delete --exclude '*.o' --exclude '*.ko' --exclude '*.mod*' --exclude '.*.cmd' \
		--exclude '.probe-*' --exclude 'Module.symvers' --exclude 'modules.order' \
		--exclude '.tmp_*' $(top)/kmod/ $(kbuild)/
	@$(if $(KROOT),$(top)/scripts/in-root $(KROOT) make,$(MAKE)) --no-print-directory \
		-C $(KDIR) M=$(kbuild:$(KROOT)%=%) $(KFLAGS) modules

## make user             the daemon and the command line
deps-build:
	@$(top)/scripts/deps build

# A fresh clone compiles what no earlier one has: the folder's name does not count.
export CCACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/ftstack/ccache
export CCACHE_BASEDIR := $(top)
export CCACHE_NOHASHDIR := 1
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CMAKE_CXX_COMPILER_LAUNCHER := ccache

user: deps-build
	@test -f $(build)/user/build.ninja || cmake -S $(top) -B $(build)/user -G Ninja \
		-DCMAKE_INSTALL_PREFIX=$(PREFIX) -DCMAKE_BUILD_TYPE=RelWithDebInfo $(CMAKE_FLAGS)
	@cmake --build $(build)/user

## make install          everything into DESTDIR (/), kernel modules for kernel KVER
install: $(PARTS:%=install-%)

install-kmod: kmod
	@$(MAKE) --no-print-directory -C $(top) install-kmod-files

.PHONY: install-kmod-files
install-kmod-files:
	@install -d $(kmods)
	@for ko in $(kbuild)/*.ko; do \
		install -m 644 $$ko $(kmods)/ && \
		strip --strip-debug $(kmods)/$${ko##*/} || exit; \
	done
	@depmod $(if $(DESTDIR),-b $(DESTDIR)) $(KVER)

install-user: user
	@DESTDIR=$(DESTDIR) cmake --install $(build)/user --strip >/dev/null
	@test -n "$(DESTDIR)" || { systemctl daemon-reload && journalctl --update-catalog && \
		udevadm control --reload; }

## make dkms-install     the kernel modules through DKMS: rebuilt with each new kernel
dkms-install:
	@$(top)/scripts/dkms-install

## make uninstall        take away what `make install` has put there
uninstall:
	@$(top)/scripts/uninstall $(build)/user/install_manifest.txt

## make dkms-remove      take the kernel modules out of DKMS again
dkms-remove:
	@$(top)/scripts/dkms-remove

## make deb              Debian packages for this release, in BUILD/deb: ftstack, ftstack-dkms
deb:
	@$(top)/scripts/deps build deb
	@$(top)/scripts/deb $(build)/deb

## make guest            a guest with two I/O modules, its console here; scripts/ftvm pulls and plugs
guest:
	@$(top)/scripts/ftvm guest

## make demo             pull a module out from under a running service and put it back
demo:
	@$(top)/scripts/demo

## make bench            measure (AREA=mirror|bond|control|dump: only that, FIGURE=rw4k: only
##                       the figures AREA.rw4k*); results in BUILD/bench
bench:
	@$(top)/scripts/deps guest bench
	@FIGURE=$(FIGURE) $(top)/tests/bench/run $(AREA)

## make bench-fuzz       the bus, configurations and state files fuzzed for long (FUZZ_SECONDS=600 each)
FUZZ_SECONDS ?= 600
bench-fuzz:
	@FT_FUZZ_SECONDS=$(FUZZ_SECONDS) $(top)/tests/fuzz/run
	@$(top)/scripts/build-asan
	@FT_FUZZ_SECONDS=$(FUZZ_SECONDS) FT_TIME_FACTOR=$(FUZZ_SECONDS) BUILD=$(build) \
		$(top)/tests/bus/run fuzzed

## make bench-powercut   power cuts by the hundred: killed guests over disks with a volatile cache,
##                       and points of a recorded run (POWERCUTS=200, POINTS=2000)
POWERCUTS ?= 200
POINTS ?= 2000
bench-powercut:
	@POWERCUTS=$(POWERCUTS) POINTS=$(POINTS) $(top)/scripts/scenario -v --timeout 14400 \
		$(top)/tests/scenarios/mirror_powercut.py \
		$(top)/tests/scenarios/mirror_powercut_replay.py

## make check            all checks; also one by one:
##   check-style         format, checkpatch, sparse, syntax
##   check-unit          unit tests
##   check-coverage      95 % of the lines of ftd/model are run by them
##   check-bus           the daemon on a bus of its own
##   check-fuzz          hostile superblocks, configurations, state files; the replay tool
##   check-model         the model of the mirror's protocol
##   check-qemu          the scenarios, in guests
check:
	@$(top)/scripts/check $(CHECKS)

## make check-kasan      the kernel modules' scenarios in a kernel with KASAN, lockdep and
##                       kmemleak, which is built first: ten minutes, once

## make check-servers    the packages in a Debian of their own, root on a mirror among them: an hour
## make check-dumps      panics of each kind, a full disk, pulls and a database meanwhile: 20 minutes
## make check-kernels    a mirror, a bond and hot swap on the kernels of KERNELS, each a Debian
##                       suite ("bookworm trixie sid"), fetched when first needed
$(CHECKS) check-kasan check-kernels check-servers check-dumps:
	@$(top)/scripts/$@

## make clean            remove BUILD
clean:
	rm -rf $(build)
