. "$CORPUS/lib/qemu.sh"
CVE=CVE-2024-4467
PATCH=v7.2.13.diff FIX_ONLY='^block(/qcow2)?\.c$'
case_run() { qemu image "$WORK/image"; controlled; }
BEFORE="opened"; AFTER="refused"
case_behaviour() {
	local said
	said=$(qemu qmp blockdev-add "{\"driver\":\"qcow2\",\"node-name\":\"n\",\"file\":{\"driver\":\"file\",\"filename\":\"$WORK/image\"}}")
	case $said in
	'{}') qemu qmp blockdev-del '{"node-name":"n"}' >/dev/null; echo opened;;
	*"Could not open 'json:"*) echo refused;;
	*) echo "$said";;
	esac
}
EXPECT=yes
