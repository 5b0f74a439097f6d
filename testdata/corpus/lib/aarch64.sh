# Cases for aarch64: cross-built here, patched in a virtual machine. Sourced by live.sh behind the case, with MACHINE=aarch64. A build takes part that
# honours CC, and CMAKE_OPTIONS or what autoconf reads from the environment.
CROSS=aarch64-linux-gnu-gcc CMAKE_CROSS="-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64"
export KPCCREAL=$CROSS AR=aarch64-linux-gnu-ar RANLIB=aarch64-linux-gnu-ranlib STRIP=aarch64-linux-gnu-strip host_alias=aarch64-linux-gnu

# in_machine: live, in the virtual machine
in_machine() {
	local top=$CORPUS/../.. share=$W/share
	mkdir "$share"
	cp -r "$ROOT" "$share/root"
	cp "$K" "$share/patch.kpatch"
	cp "$WORK/host" "$share"
	(cd "$top" && GOARCH=arm64 CGO_ENABLED=0 go build -o "$share" ./cmd/carectl) || fail "no carectl"
	{
		declare -p CASE PORT BEFORE AFTER made size
		printf 'ROOT=$PWD/root WORK=$PWD W=$PWD K=$PWD/patch.kpatch PATH=$PWD:$PATH pid=\n'
		declare -f now fail ask alive judge live case_run case_probe case_behaviour
		printf 'live\n'
	} >"$share/show"
	echo "ifconfig lo up && cp -r /host /tmp/live && cd /tmp/live && bash show >/host/said 2>&1" >"$share/commands"
	(cd "$top" && go run ./internal/test/vm -share "$share") >"$W/machine.log" 2>&1 || :
	grep -h '^PASS\|^FAIL' "$share/said" || fail "nothing is said in the machine: $(tail -1 "$W/machine.log")"
	grep -q '^PASS' "$share/said"
}
