#!/bin/bash
# lib.sh FUNCTION: a step of a recipe, testdata/oracle/$RECIPE.sh, as internal/test/oracle calls it.
#
# A recipe sets
#   package             Debian's source package
#   deb_cflags          what debian/rules adds to CFLAGS at the package's own level, beyond dpkg-buildflags
#   deb_options         DEB_BUILD_MAINT_OPTIONS of debian/rules
#   cflags, ldflags     what is needed at every level
#   deb_cxxflags, cxxflags   the same for C++
# and defines, with CC, CXX, CFLAGS, CXXFLAGS, CPPFLAGS and LDFLAGS set, in the source tree; where $MACHINE names another machine
# ("aarch64"), these are cross compilers, and AR, RANLIB and $host belong to them:
#   oracle_configure oracle_build       as one would by hand
#   oracle_install                      copies what is to be patched to $DESTDIR
# and in an empty directory, with the installed files in $ROOT, the sources in $TREE and the recipe's own files in $ORACLE:
#   oracle_check                        tests, each through t; the program under test is started through run
set -euo pipefail
ORACLE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
deb_cflags= deb_cxxflags= deb_options= cflags= cxxflags= ldflags=
host=${MACHINE:+$MACHINE-linux-gnu}
oracle_configure() { :; }

# oracle_source: Debian's source tree, patches applied, in $TREE; what is fetched stays in $DL
oracle_source() {
	local dsc version
	mkdir -p "$DL"
	dsc=$(ls -1t "$DL/${package}"_*.dsc 2>/dev/null | head -n 1 || :)
	if [ -z "$dsc" ]; then
		for version in $(apt-cache showsrc --only-source "$package" | sed -n 's/^Version: //p' | sort -rV); do
			(cd "$DL" && apt-get source --download-only -q "$package=$version") >&2 && break
		done
		dsc=$(ls -1t "$DL/${package}"_*.dsc | head -n 1)
	fi
	dpkg-source --no-check -x "$dsc" "$TREE"
	rm -rf "$TREE/.pc"
}

# flags: those of the package, at the level asked for
flags() {
	export DEB_BUILD_MAINT_OPTIONS=$deb_options CC=${host:+$host-}gcc CXX=${host:+$host-}g++ AR=${host:+$host-}ar RANLIB=${host:+$host-}ranlib
	[ "${MACHINE:-}" != aarch64 ] || export DEB_HOST_ARCH=arm64
	CXXFLAGS="$(dpkg-buildflags --get CXXFLAGS) $cxxflags"
	CFLAGS="$(dpkg-buildflags --get CFLAGS) $cflags" CPPFLAGS=$(dpkg-buildflags --get CPPFLAGS)
	LDFLAGS="$(dpkg-buildflags --get LDFLAGS) $ldflags"
	case $LEVEL in
	deb) CFLAGS+=" $deb_cflags" CXXFLAGS+=" $deb_cxxflags" ;;
	O0) CFLAGS=${CFLAGS//-O2/-O0} CXXFLAGS=${CXXFLAGS//-O2/-O0} CPPFLAGS=${CPPFLAGS//-D_FORTIFY_SOURCE=2/} ;;
	O3) CFLAGS=${CFLAGS//-O2/-O3} CXXFLAGS=${CXXFLAGS//-O2/-O3} ;;
	lto | slim)
		local lto=-flto=auto
		[ "$LEVEL" = slim ] || lto+=" -ffat-lto-objects"
		CFLAGS+=" $lto" CXXFLAGS+=" $lto" LDFLAGS+=" $lto"
		;;
	coverage)
		CFLAGS="-g -O0 --coverage -fprofile-update=atomic"
		CXXFLAGS="$CFLAGS $cxxflags" CFLAGS+=" $cflags"
		CPPFLAGS= LDFLAGS="--coverage $ldflags"
		;;
	esac
	export CFLAGS CXXFLAGS CPPFLAGS LDFLAGS
}

# run CMD ARG...: the command, with the patches applied before its main runs if this is a round with patches
run() {
	if [ -n "$CARECTL" ]; then "$CARECTL" run "$PATCHES" -- "$@"; else "$@"; fi
}

# replace CMD ARG...: as run, in place of the shell: for what runs in the background
replace() {
	if [ -n "$CARECTL" ]; then exec "$CARECTL" run "$PATCHES" -- "$@"; else exec "$@"; fi
}

# t NAME CMD ARG...: a test; what it prints and how it ends is the result
t() {
	local name=$1 status=0
	shift
	ORACLE_TEST=1 timeout -k 5 "${TEST_TIMEOUT:-300}" bash "$ORACLE/lib.sh" "$@" >"$OUT/$name" 2>&1 </dev/null || status=$?
	echo "status $status" >>"$OUT/$name"
}

export ORACLE
. "$ORACLE/$RECIPE.sh"
if [ "$1" = oracle_check ]; then
	: # perhaps on a machine that builds nothing
elif [ -n "${ORACLE_TEST:-}" ]; then
	trap 'kill -9 $(jobs -p) 2>/dev/null || :' EXIT # what a test that failed left running
else
	flags
fi
"$@"
