# QEMU that runs on aarch64 and is a machine of aarch64, cross-built: for scripts/qemu-demo, which sources this behind qemu.sh.
SHARED=${QEMU_TREE:-$CORPUS_WORK/qemu/tree-aarch64}
QEMU_PROGRAMS=qemu-system-aarch64
QEMU_LIBRARIES=$CORPUS_WORK/qemu/arm64
. "$CORPUS/../../scripts/arm64.sh"
export PKG_CONFIG=pkg-config PKG_CONFIG_SYSROOT_DIR=$QEMU_LIBRARIES/root PKG_CONFIG_LIBDIR=$QEMU_LIBRARIES/root/usr/lib/aarch64-linux-gnu/pkgconfig

# qemu_libraries: what it is linked with, unless it is there. Other packages of Debian's are not needed, as their code is not called.
qemu_libraries() {
	local lib=$QEMU_LIBRARIES/root/usr/lib/aarch64-linux-gnu
	[ ! -e "$QEMU_LIBRARIES/ready" ] || return 0
	rm -rf "$QEMU_LIBRARIES"
	arm64_lists "$QEMU_LIBRARIES/apt"
	arm64_unpack "$QEMU_LIBRARIES" libglib2.0-dev libglib2.0-0 libpcre2-dev libpcre2-8-0 libpixman-1-dev libpixman-1-0 zlib1g-dev zlib1g \
		libfdt-dev libfdt1
	ln -sfn "../../..$(readlink "$lib/libz.so")" "$lib/libz.so" # else it is this machine's
	rm -rf "$QEMU_LIBRARIES/apt"
	: >"$QEMU_LIBRARIES/ready"
}

# QEMU's own minimal list of devices lacks what its translator of instructions calls.
case_configure() {
	local lib=$QEMU_LIBRARIES/root/usr/lib/aarch64-linux-gnu devices=configs/devices/aarch64-softmmu
	{
		cat $devices/minimal.mak
		printf 'CONFIG_%s=y\n' ARM_V7M SEMIHOSTING ARM_COMPATIBLE_SEMIHOSTING
	} >$devices/demo.mak
	qemu_configure --cross-prefix=aarch64-linux-gnu- --libdir=/usr/lib/aarch64-linux-gnu --target-list=aarch64-softmmu \
		--without-default-devices --with-devices-aarch64=demo --extra-cflags="-I$QEMU_LIBRARIES/root/usr/include" \
		--extra-ldflags="-L$lib -Wl,-rpath-link,$lib:$QEMU_LIBRARIES/root/lib/aarch64-linux-gnu"
}

# qemu_firmware FILE: for its guest, which counts
qemu_firmware() {
	local object=$1.o
	aarch64-linux-gnu-as -o "$object" - <<<$'again: add x0, x0, #1\nb again' && aarch64-linux-gnu-objcopy -O binary "$object" "$1"
}
