# SPDX-License-Identifier: GPL-2.0
#
# PCI error recovery, as an overlay on the Linux source.  Not part of what is put
# onto the kernel's tree: there, the kernel's own Makefile builds everything.

LINUX ?= 6.12
PCI_RECOVERY_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pci-recovery
export LINUX PCI_RECOVERY_CACHE

# Of the demonstration, and none of what is built for it: those know theirs.
ARCH ?= s390
unexport ARCH
# The kernel's own Makefile has another of that name.
unexport M
MAKEOVERRIDES =

tree = $$(case "$(LINUX)" in */*) echo "$(LINUX)";; *) tests/fetch "$(LINUX)";; esac)

.PHONY: help demo test bench coverage mutate lint shell kernel splice unsplice
.PHONY: clean distclean setup

help:
	@echo 'make demo       break a PCI function and watch it heal, in two guests;'
	@echo '                ARCH=powerpc by EEH, default: ARCH=s390'
	@echo 'make test       run all tests; T="test-a test-b" runs only these'
	@echo 'make bench      how long PCI functions that fail together take to recover,'
	@echo '                and how long by EEH of upstream; what gates cost'
	@echo 'make coverage   how much of the core the KUnit suites and the torture reach'
	@echo 'make mutate     break the code in one place after the other, and see if a test'
	@echo '                sees it; M="gate drain" only where that is in the name'
	@echo 'make lint       check the style of everything here'
	@echo 'make shell      a guest to play in, on this terminal'
	@echo 'make kernel     build the guest kernel, say where it is'
	@echo 'make splice     put the overlay onto the kernel tree, do not build'
	@echo 'make unsplice   take it off again'
	@echo 'make clean      remove what was built'
	@echo 'make distclean  remove everything that was built or downloaded'
	@echo
	@echo 'B=x86-debug  for test, shell and kernel: only this build of the kernel, one of'
	@echo '             s390x, ppc64le, x86-debug, x86-kcsan and x86-gcov, or for times'
	@echo '             x86-plain, s390x-plain and ppc64le-plain'
	@echo 'LINUX=$(LINUX)    the kernel: a version that Debian has, or the path of a tree'
	@echo 'PCI_RECOVERY_CACHE=$(PCI_RECOVERY_CACHE)'

setup:
	@tests/setup

demo: setup
	@tests/demo --arch "$(ARCH)"

test: setup
	@tests/run $(if $(B),--builds "$(B)") $(T)

bench: setup
	@tests/bench

coverage: setup
	@tests/coverage

mutate: setup
	@tests/mutate $(if $(M),"$(M)")

lint:
	@tests/setup --lint
	@tests/lint

shell: setup
	@tests/vm --shell $(if $(B),--build $(B))

kernel: setup
	@tests/kernel $(B)

splice: setup
	@tools/splice/splice "$(tree)"

unsplice:
	@tools/splice/splice "$(tree)" --undo

clean:
	mkdir -p "$(PCI_RECOVERY_CACHE)"
	cd "$(PCI_RECOVERY_CACHE)" && rm -rf bench build kernel log lint qemu

distclean: clean
	cd "$(PCI_RECOVERY_CACHE)" && \
		rm -rf ccache lock src busybox-* linux-source-* qemu-source-*
