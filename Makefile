# make demo and make check do all the set-up themselves; see README.md.
SHELL = /bin/bash
PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
LINKS ?= no
CASES ?=
CASES_aarch64 = cares-zero expat-stop libarchive-pax libxml2-xpath
PACKAGES ?=
FUZZTIME ?= 10s
COMPILERS ?=
LEVELS ?=
DEBUG ?=
SHAPES ?=
CONSTRUCTS ?=
SIZES ?=
N ?=
SEED ?= 1
STEP ?=
KEEP ?=
RUN ?=
PAGES ?=
VMFILES ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/gocare-vm$(PAGES:%=-%)
CYCLES ?=
PAUSE ?=
SHARED ?=
PROGRAMS ?=
BIN ?= bin
MACHINE ?=

GO ?= go
GOFUMPT = mvdan.cc/gofumpt@v0.12.0
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
COMMANDS = carecc patchmake carectl
PACKAGING = gocare-dpkg gocare-rpm
LIBCARE_LINKS = libcare-cc:carecc libcare-patch-make:patchmake libcare-ctl:carectl

export GOFLAGS += -buildvcs=false

all: build

# What the virtual machine needs, where there is an argument.
guest = $(if $(1),scripts/setup --vm && scripts/vm-files "$(VMFILES)")

# Static programs in $(BIN).
build:
	CGO_ENABLED=0 $(GO) build -tags urfave_cli_no_docs -trimpath -ldflags '-s -w' -o $(BIN)/ $(COMMANDS:%=./cmd/%)
	ln -sfn carecc $(BIN)/carec++

# With MACHINE=aarch64 everything, the compiler too, runs in the virtual machine.
demo: setup build
	$(call guest,$(MACHINE))
	GOCARE_VM="$(VMFILES)" GOCARE_BIN=$(abspath $(BIN)) scripts/demo$(MACHINE:%=-%)

# Debian's QEMU, patched while a guest runs; builds it twice. Leaves its tree to make corpus, which needs it too. With MACHINE=aarch64 it is
# cross-built, and runs in the virtual machine.
qemu-demo: build
	scripts/setup --qemu
	$(call guest,$(MACHINE))
	GOCARE_VM="$(VMFILES)" GOCARE_BIN=$(abspath $(BIN)) scripts/qemu-demo

# What CI runs. A test that lacks gcc, ptrace or another tool fails here instead of being skipped. The longest package begins first, and lint
# has vetted all of them; what debuggers need takes a second of linking each.
check:
	@scripts/setup --check
	@$(MAKE) --no-print-directory lint
	CARE_REQUIRE=all $(GO) test -timeout 30m -vet=off -ldflags='-s -w' -v ./internal/test/endtoend ./...

lint:
	@out=$$($(GO) run $(GOFUMPT) -l .) && [ -z "$$out" ] || { echo "not formatted with gofumpt:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	GOARCH=arm64 $(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff

# Real security fixes, live: all cases, or CASES="redis-acl nginx-script". Needs root, for the packages the cases build with. With MACHINE=aarch64 in the
# virtual machine, those that are built by cmake or autoconf and have a host.
corpus: build
	scripts/setup --corpus
	$(call guest,$(MACHINE))
	GOCARE_VM="$(VMFILES)" MACHINE="$(MACHINE)" GOCARE_BIN=$(CURDIR)/bin testdata/corpus/live.sh $(or $(CASES),$(CASES$(MACHINE:%=_%)))

# Live patches for the official binaries of six Debian packages, made by gocare-dpkg and applied while they serve, or PACKAGES="cron zlib".
# Prints the minutes of each. Needs root, as the packages and what they build with are installed.
packages: build
	scripts/setup --packages
	GOCARE_BIN=$(CURDIR)/$(BIN) scripts/packages $(PACKAGES)

# Every construct on every compiler, level and shape, with and without -g; or a part: COMPILERS=clang LEVELS="O0 O2" DEBUG=yes
# SHAPES=pie CONSTRUCTS="cold tls*". Fails on a wrong answer of a patched program and on a refusal that is not expected.
matrix:
	@scripts/setup --matrix
	cd internal/test/endtoend && GOCARE_MATRIX=1 GOCARE_COMPILERS="$(COMPILERS)" GOCARE_LEVELS="$(LEVELS)" GOCARE_DEBUG="$(DEBUG)" \
		GOCARE_SHAPES="$(SHAPES)" GOCARE_CONSTRUCTS="$(CONSTRUCTS)" CARE_REQUIRE=all $(GO) test -timeout 0 -run '^TestMatrix'

# Identity patches of all functions of real programs, under the programs' tests: PROGRAMS="lua zlib" LEVELS="deb O0 O3 lto slim". With
# MACHINE=aarch64 the programs are cross-built, at O0, O2 and O3, and run in the virtual machine.
oracle: setup
	scripts/setup --oracle
	$(call guest,$(MACHINE))
	GOCARE_VM="$(VMFILES)" $(GO) run ./internal/test/oracle

# The self-checking programs of gcc's own tests, patched by themselves and by an edit, the old code overwritten by traps:
# COMPILERS="gcc-11 gcc-12 clang" LEVELS="O0 O2" SHAPES="pie nopie library" KINDS="identity edit" PROGRAMS="2000* builtins/*" SEED=1;
# MACHINE=aarch64 as for the oracle.
torture: setup
	scripts/setup --torture
	$(call guest,$(MACHINE))
	GOCARE_VM="$(VMFILES)" $(GO) run ./internal/test/torture

# Functions taken for changed where a patch only moves lines, in Debian's packages: PROGRAMS="redis nginx", NUMBERS="3"; MACHINE=aarch64 for
# lua5.4 and redis, cross-built.
noise: build
	scripts/setup --corpus
	GOCARE_BIN=$(CURDIR)/$(BIN) scripts/noise $(PROGRAMS)

# N random programs with static locals, patched in the middle of their run: each must go on as its source says or be refused.
# What goes wrong is kept in KEEP, and N=1 SEED=... repeats it. COMPILERS: gcc, clang, aarch64-linux-gnu-gcc (in the virtual machine).
statics:
	$(call guest,$(findstring aarch64,$(COMPILERS)))
	cd patcher && GOCARE_VM="$(VMFILES)" CARE_REQUIRE=all $(GO) test -timeout 0 -v -run '^TestStatics' \
		-args -statics-pairs $(or $(N),10000) -statics-seed $(SEED) -statics-keep "$(abspath $(or $(KEEP),statics.wrong))" \
		$(if $(COMPILERS),-statics-cc "$(COMPILERS)")

# N programs of csmith, edited at random and patched before main: each must print what the edited program prints, or be refused.
# COMPILERS="gcc clang" LEVELS="O0 O2" LIST=yes, MACHINE=aarch64 as for the oracle. What goes wrong is kept in KEEP, and N=1 SEED=... with one of
# each repeats and keeps it.
random: setup
	scripts/setup --random
	$(call guest,$(MACHINE))
	GOCARE_VM="$(VMFILES)" N="$(or $(N),1000)" SEED="$(SEED)" KEEP="$(abspath $(or $(KEEP),random.wrong))" COMPILERS="$(COMPILERS)" LEVELS="$(LEVELS)" \
		$(GO) run ./internal/test/random

# The page of patchmake explain --html in a headless chromium. With KEEP=DIR page and picture stay there.
page: build
	scripts/setup --page
	GOCARE_BIN=$(abspath $(BIN)) KEEP="$(KEEP)" scripts/page

# aarch64, in virtual machines without and with pointer authentication: programs that are cross-built here and patched there while they run,
# and the tests of the engine. CI runs vm-live; vm-all is everything on each processor, at every level and shape. Some tests: PACKAGES="./engine/trace",
# RUN=TestCall. PAGES=16k takes a kernel with such pages.
vm vm-all: VMPART = $(if $(PACKAGES)$(RUN),-part tests)
vm-live: VMPART = -part live
vm-all: VMALL = -all

# vm-live is the first part: COMPILERS="aarch64-linux-gnu-gcc clang" LEVELS="O0 O2 O3" SHAPES="pie nopie library static" CONSTRUCTS="*".
vm vm-all vm-live:
	@scripts/setup --vm
	scripts/vm-files "$(VMFILES)" $(PAGES)
	COMPILERS="$(COMPILERS)" LEVELS="$(LEVELS)" SHAPES="$(SHAPES)" CONSTRUCTS="$(CONSTRUCTS)" GOCARE_VM="$(VMFILES)" \
		$(GO) run ./internal/test/vm $(VMALL) $(VMPART) $(if $(PAGES),-cpu cortex-a76) -run "$(RUN)" $(PACKAGES)

# Numbers to look at, not to pass: SIZES="units=100 threads=1,10,100 asm=10 cases=redis-acl commands=/path/compile_commands.json".
bench: setup build
	GOCARE_BIN=$(abspath $(BIN)) scripts/bench $(SIZES)

# N rounds of commands that run at one time on one process; then carectl, killed at each STEP-th of its system calls, and N times between two
# hooks, with how long that left the process half patched; then CYCLES (10000) of patch and unpatch, PAUSE after each, on redis under
# redis-benchmark and nginx under wrk, which have one half of the processors and the commands the other unless SHARED=yes, 512 patches in a
# process, threads that come and go, a patch of 2,000 functions, and time-outs of a process that is waited for in vain:
# PROGRAMS="redis nginx crowd threads large ticks". SOAK_WORK keeps builds; "make soak-load" is the last part alone.
soak: soak-kills soak-load

soak-kills:
	CARE_REQUIRE=all $(GO) test -timeout 0 -run '^TestConcurrent' ./cmd/carectl -args -rounds $(or $(N),200)
	CARE_REQUIRE=all $(GO) test -timeout 0 -v -run '^TestKilled' ./cmd/carectl -args -call-step $(or $(STEP),1) -half-rounds $(or $(N),200)

soak-load:
	scripts/setup --soak
	CYCLES="$(CYCLES)" PROGRAMS="$(PROGRAMS)" PAUSE="$(PAUSE)" SHARED="$(SHARED)" $(GO) run ./internal/test/soak

# Every fuzz target for FUZZTIME.
fuzz:
	@set -e; for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || :); do \
			echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
		done; \
	done

setup:
	@scripts/setup

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(MANDIR)/man1" "$(DESTDIR)$(MANDIR)/man7" "$(DESTDIR)$(PREFIX)/lib/rpm/macros.d" \
		"$(DESTDIR)$(PREFIX)/share/bash-completion/completions" "$(DESTDIR)$(PREFIX)/share/zsh/site-functions"
	install -m 755 $(COMMANDS:%=$(BIN)/%) $(PACKAGING:%=scripts/%) "$(DESTDIR)$(PREFIX)/bin"
	install -d "$(DESTDIR)$(PREFIX)/lib/gocare"
	install -m 644 scripts/gocare-packages "$(DESTDIR)$(PREFIX)/lib/gocare"
	ln -sfn carecc "$(DESTDIR)$(PREFIX)/bin/carec++"
	install -m 644 $(COMMANDS:%=doc/man/%.1) $(PACKAGING:%=doc/man/%.1) "$(DESTDIR)$(MANDIR)/man1"
	install -m 644 doc/man/gocare.7 doc/man/gocare.h.7 "$(DESTDIR)$(MANDIR)/man7"
	install -d "$(DESTDIR)$(PREFIX)/include"
	install -m 644 builder/include/gocare.h "$(DESTDIR)$(PREFIX)/include"
	ln -sfn carecc.1 "$(DESTDIR)$(MANDIR)/man1/carec++.1"
	install -m 644 scripts/macros.gocare "$(DESTDIR)$(PREFIX)/lib/rpm/macros.d/macros.gocare"
	for p in patchmake carectl $(PACKAGING); do \
		install -m 644 scripts/completion.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p" && \
		install -m 644 scripts/completion.zsh "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p" || exit 1; \
	done
	[ "$(LINKS)" != yes ] || for l in $(LIBCARE_LINKS); do \
		ln -sfn "$${l#*:}" "$(DESTDIR)$(PREFIX)/bin/$${l%:*}" || exit 1; \
	done

# Takes away exactly what install puts there; a libcare-* that is not a link to ours is somebody else's.
uninstall:
	rm -f $(foreach p,$(COMMANDS) carec++ $(PACKAGING),"$(DESTDIR)$(PREFIX)/bin/$(p)") "$(DESTDIR)$(PREFIX)/lib/gocare/gocare-packages" \
		$(foreach p,$(COMMANDS) carec++ $(PACKAGING),"$(DESTDIR)$(MANDIR)/man1/$(p).1") "$(DESTDIR)$(MANDIR)/man7/gocare.7" \
		"$(DESTDIR)$(MANDIR)/man7/gocare.h.7" "$(DESTDIR)$(PREFIX)/include/gocare.h" \
		"$(DESTDIR)$(PREFIX)/lib/rpm/macros.d/macros.gocare" \
		$(foreach p,patchmake carectl $(PACKAGING),"$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$(p)") \
		$(foreach p,patchmake carectl $(PACKAGING),"$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$(p)")
	for l in $(LIBCARE_LINKS); do \
		f="$(DESTDIR)$(PREFIX)/bin/$${l%:*}"; [ "$$(readlink "$$f")" != "$${l#*:}" ] || rm -f "$$f"; \
	done

clean:
	rm -rf $(BIN)

.PHONY: all build demo qemu-demo check lint corpus packages oracle torture matrix noise statics random vm vm-all vm-live page bench soak soak-kills soak-load fuzz setup install uninstall clean
