. "$CORPUS/lib/qemu.sh"
CVE=CVE-2024-7409
# the server keeps a list of its connections in a structure that is there already
PATCH=v7.2.14.diff FIX_ONLY='(^|/|-)nbd(/server)?\.[ch]$|^block/monitor/block-hmp-cmds\.c$'
EXPECT=no SAYS='NBDServerData'
