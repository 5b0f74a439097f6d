. "$CORPUS/lib/qemu.sh"
CVE=CVE-2023-5088
PATCH=v7.2.7.diff FIX_ONLY='^hw/ide/core\.c$'
case_run() {
	truncate -s 1M "$WORK/disk"
	controlled -machine q35 -drive if=none,id=d,file="$WORK/disk",format=raw,cache=writeback,throttling.bps-write=4096 -device ide-hd,drive=d,bus=ide.0
}
BEFORE="sector 0 overwritten"; AFTER="sector 0 kept"
case_behaviour() { qemu ide "$WORK/disk"; }
EXPECT=yes
