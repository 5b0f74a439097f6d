. "$CORPUS/lib/qemu.sh"
CVE=CVE-2025-11234
# the number of the pending handshake has no place in the structure of open connections
PATCH=v7.2.22.diff FIX_ONLY='^(include/)?io/channel-websock\.[ch]$'
EXPECT=no SAYS='struct QIOChannelWebsock has another layout'
