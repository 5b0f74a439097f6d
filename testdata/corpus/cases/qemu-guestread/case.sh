. "$CORPUS/lib/qemu.sh"
# The guest reads sector 8 all the time; patched, the first byte that it sees is another.
EDITS=block/io.c
case_edit() {
	sed -i '/^static int coroutine_fn bdrv_aligned_preadv/,/^}/s/^    return ret < 0/    if (ret >= 0 \&\& qiov \&\& offset == 4096) {\n        qemu_iovec_memset(qiov, qiov_offset, 80, 1);\n    }\n&/' block/io.c
}
case_host() {
	as --32 -o "$WORK/reader.o" "$CORPUS/hosts/reader.s" && ld -m elf_i386 -Ttext=0x7c00 --oformat binary -o "$WORK/disk" "$WORK/reader.o" &&
		truncate -s 1M "$WORK/disk" && printf D | dd of="$WORK/disk" bs=512 seek=8 conv=notrunc status=none
}
case_run() { guest -accel tcg -drive if=virtio,file="$WORK/disk",format=raw; }
case_probe() { qemu qmp query-status | grep -q '"running": *true' && qemu hmp 'xp /1xb 0x8001' | grep -q 0x01; }
BEFORE="D"; AFTER="P"
case_behaviour() { qemu hmp 'xp /1cb 0x8000' | sed "s/.*'\(.\)'.*/\1/"; }
EXPECT=yes
