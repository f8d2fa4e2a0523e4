# Front door of an unconfigured tree. `configure` writes GNUmakefile, which GNU make prefers to this file; until then
# every target below installs what is missing, configures and goes on there.
#   make | make check | make demo | make bench | make sim SEED=n | make lint | make install | make help
.PHONY: all check demo bench sim lint install distcheck check-rdma bench-rdma help prepare
.NOTPARALLEL:
jobs := $(shell nproc 2>/dev/null || echo 1)

all demo bench sim lint install distcheck check-rdma bench-rdma: prepare
	@$(MAKE) --no-print-directory -f GNUmakefile -j$(jobs) $@

# Everything is built in parallel, then tested one by one: some tests start whole clusters.
check: prepare
	@$(MAKE) --no-print-directory -f GNUmakefile -j$(jobs) tests-built
	@$(MAKE) --no-print-directory -f GNUmakefile -j1 check

prepare:
	@tools/prepare

help:
	@echo "make            build"
	@echo "make check      build and run every test; half an hour on two processors"
	@echo "make check-rdma three nodes over RDMA, in a virtual machine that needs no hardware"
	@echo "make bench-rdma speed over RDMA against UDP, in the same machine"
	@echo "make demo       a three-node cluster on 127.0.0.1-3, with a crash in it"
	@echo "make bench      speed, side by side with corosync where it is installed"
	@echo "make sim SEED=n one simulated run; SEEDS=n for many"
	@echo "make lint       include layering, format, static analysis"
	@echo "make install    as configured (./configure --help); DESTDIR is honoured"
