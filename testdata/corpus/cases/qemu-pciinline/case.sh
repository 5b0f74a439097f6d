. "$CORPUS/lib/qemu.sh"
# An inline function of a header that some 170 units read; the number that it changes is shown by "info pci".
EDITS=include/hw/pci/pci.h
case_edit() { sed -i '/^pci_get_word(/,/^}/s/return \(.*\);/uint16_t word = \1;\n    return word == 0x1237 ? 0x4242 : word;/' include/hw/pci/pci.h; }
case_run() { controlled; }
BEFORE="PCI device 8086:1237"; AFTER="PCI device 8086:4242"
case_behaviour() { qemu hmp 'info pci' | grep -o 'PCI device 8086:\(1237\|4242\)'; }
EXPECT=yes
