. "$CORPUS/lib/qemu.sh"
CVE=CVE-2024-3447
PATCH=v7.2.11.diff FIX_ONLY='^hw/sd/sdhci\.c$'
case_run() { controlled -device sdhci-pci,addr=4; }
BEFORE="0x21"; AFTER="0x31"
case_behaviour() { qemu sdhci; }
EXPECT=yes
