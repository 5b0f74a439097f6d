#!/bin/bash
# build.sh redis|nginx DIR: builds the program from Debian's source through carecc, and makes the patch of testdata/packages for it. Prints the paths
# of the program and of the patch. What is in DIR already is taken as it is. carecc and patchmake are those in PATH.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
name=$1 W=$2
case $name in
redis) CASE=redis-acl ;;
nginx) CASE=nginx-script ;;
*) echo "build.sh: no program $name" >&2; exit 2 ;;
esac
mkdir -p "$W"
export CORPUS=$top/testdata/corpus CORPUS_WORK=$W SRC=$W/tree/src WORK=$W CASE
. "$CORPUS/lib/corpus.sh"
. "$CORPUS/cases/$CASE/case.sh"

patches() { ls "$SRC"/patchroot/*.kpatch 2>/dev/null; }

build() {
	corpus_deps
	case_prepare "$SRC"
	cd "$SRC"
	CC=$(command -v carecc); export CC
	(export KPATCH_STAGE=configure; case_configure) </dev/null
	corpus_lpmakefile
	env -u MAKEFLAGS patchmake -s "$SRC" -i soak "$top/testdata/packages/$name.patch" </dev/null
}

patches >/dev/null || (build) >"$W/log" 2>&1 || { tail -n 3 "$W/log" >&2; exit 1; }
printf '%s\n' "$SRC/lpmake/$OBJECT" "$(patches)"
