. "$CORPUS/lib/qemu.sh"
CVE=CVE-2024-7409
# clients know their timer and their owner: members in the middle of a structure
PATCH=v7.2.14.diff FIX_ONLY='(^|/|-)nbd(/server)?\.[ch]$|^block/monitor/block-hmp-cmds\.c$'
EXPECT=no SAYS='struct NBDClient has another layout'
