# shared by the QEMU cases and scripts/qemu-demo: one tree, built once. It is Debian's source with the fixes of all cases taken out.
PKG=qemu VERSION='1:7.2+dfsg-7+deb12u18'; OBJECT=usr/bin/qemu-system-x86_64
BUILD_DEPS='g++ ninja-build meson pkg-config flex bison libglib2.0-dev libpixman-1-dev libfdt-dev zlib1g-dev seabios'
SHARED=${QEMU_TREE:-$CORPUS_WORK/qemu/tree} BUILD_DIR=build
QEMU_PROGRAMS='qemu-system-x86_64 qemu-img qemu-io'

# qemu_source TREE: the source, unless it is there; a file says so, as unpacking may be interrupted
qemu_source() {
	local tree=$1 dsc case
	[ ! -e "$tree/.prepared" ] || return 0
	dsc=$(corpus_fetch) || return 1
	rm -rf "$tree"; mkdir -p "$(dirname "$tree")"
	dpkg-source --no-check -x "$dsc" "$tree" >/dev/null 2>&1 || { echo "prepare: cannot unpack $dsc" >&2; return 1; }
	for case in $(qemu_fixes); do
		(. "$CORPUS/cases/$case/case.sh"; corpus_fix "$tree") | patch -d "$tree" -R -p1 -s -f --no-backup-if-mismatch >/dev/null ||
			{ echo "prepare: the fix of $case is not in the source" >&2; return 1; }
	done
	: >"$tree/.prepared"
}

# qemu_fixes lists the cases whose fixes Debian's source has, the newest first
qemu_fixes() {
	grep -l '^PATCH=' "$CORPUS"/cases/qemu-*/case.sh | while read -r file; do
		(. "$file"; echo "$PATCH $(basename "$(dirname "$file")")")
	done | sort -rV | cut -d' ' -f2
}

# A case has a fix (PATCH), or an edit of its own: case_edit changes the file EDITS in the working directory.
case_prepare() {
	qemu_source "$1" || return 1
	if [ -n "${PATCH:-}" ]; then corpus_fix "$1" >"$W/fix.patch"; else qemu_edit "$1" "$EDITS" case_edit >"$W/fix.patch"; fi
}

# qemu_edit TREE FILE COMMAND: what COMMAND makes of FILE, as a patch
qemu_edit() {
	local dir; dir=$(mktemp -d) || return 1
	mkdir -p "$dir/a/$(dirname "$2")" "$dir/b/$(dirname "$2")"
	cp "$1/$2" "$dir/a/$2"; cp "$1/$2" "$dir/b/$2"
	(cd "$dir/b" && "$3")
	(cd "$dir" && ! diff -u "a/$2" "b/$2") || { echo "prepare: nothing changed in $2" >&2; rm -rf "$dir"; return 1; }
	rm -rf "$dir"
}

# of its features, what the cases use
case_configure() {
	qemu_configure --libdir=/usr/lib/x86_64-linux-gnu --firmwarepath=/usr/share/qemu:/usr/share/seabios:/usr/lib/ipxe/qemu \
		--target-list=x86_64-softmmu --enable-kvm --enable-tools --enable-vhost-kernel --enable-vhost-net --enable-vhost-user
}

# qemu_configure OPTION...: with Debian's flags
qemu_configure() {
	[ ! -e build/build.ninja ] || return 0
	rm -rf build; mkdir build; cd build || return 1
	env -u CC ../configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var --libexecdir=/usr/lib/qemu \
		--disable-install-blobs --disable-strip --with-git-submodules=ignore \
		--extra-cflags='-g -O2 -fstack-protector-strong -Wformat -Werror=format-security -Wdate-time -D_FORTIFY_SOURCE=2' \
		--extra-ldflags='-Wl,-z,relro -Wl,--as-needed' --without-default-features --audio-drv-list= \
		--enable-tcg --enable-pie --enable-coroutine-pool --enable-fdt=system "$@"
}
case_build() { ninja -C build -j "$JOBS" $QEMU_PROGRAMS; }
case_clean() { ninja -C build -t clean; }
case_install() {
	local p
	for p in $QEMU_PROGRAMS; do install -D -m755 "build/$p" "$ROOT/usr/bin/$p" || return 1; done
}

# guest ARGUMENT...: a machine that is asked over sockets, in the foreground
guest() {
	exec "$ROOT/usr/bin/qemu-system-x86_64" -L /usr/share/seabios -nodefaults -display none -machine pc -m 64 -qmp unix:"$WORK/qmp",server=on,wait=off "$@"
}
qemu() { python3 "$CORPUS/lib/qemu.py" "$WORK" "$@"; }
case_probe() { qemu qmp query-status | grep -q '"running": *true'; }

# no guest code runs: the devices are spoken to over a socket
controlled() { guest -accel qtest -qtest unix:"$WORK/qtest",server=on,wait=off -qtest-log none "$@"; }
