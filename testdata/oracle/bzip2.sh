# bzip2: the program and bzip2recover, with the package's samples and files of ours.
package=bzip2
deb_options=hardening=+all
deb_cflags='-Wall -Winline'
cflags='-D_FILE_OFFSET_BITS=64 -D_REENTRANT'

oracle_build() { make -j"$JOBS" CC="$CC" AR="$AR" RANLIB="$RANLIB" CFLAGS="$CFLAGS $CPPFLAGS" LDFLAGS="$LDFLAGS" bzip2 bzip2recover; }
oracle_install() { mkdir -p "$DESTDIR" && cp bzip2 bzip2recover "$DESTDIR"; }

sample() { run "$ROOT/bzip2" "-$1" <"$TREE/sample$1.ref" | cmp - "$TREE/sample$1.bz2" && run "$ROOT/bzip2" $2 -d <"$TREE/sample$1.bz2" | cmp - "$TREE/sample$1.ref" && echo same; }
round() { run "$ROOT/bzip2" $1 <"$2" >packed && sha256sum <packed && run "$ROOT/bzip2" -d $3 <packed | cmp - "$2" && echo same; }
in_place() {
	cp "$1" copy && run "$ROOT/bzip2" -v copy && run "$ROOT/bzip2" -tv copy.bz2 && run "$ROOT/bzip2" -dvk copy.bz2 && cmp copy "$1" && echo same
	run "$ROOT/bzip2" -d copy.bz2
}
damaged() {
	run "$ROOT/bzip2" -1 <"$1" >packed
	head -c $(($(wc -c <packed) / 2)) packed >part.bz2
	run "$ROOT/bzip2" -tvv part.bz2
	run "$ROOT/bzip2recover" part.bz2
	run "$ROOT/bzip2" -dc rec*part.bz2 | sha256sum
}
plain() { run "$ROOT/bzip2" "$@"; }

oracle_check() {
	local n file option
	cat "$TREE"/*.c "$TREE"/*.c "$TREE"/*.c >text
	head -c 300000 /dev/zero >zeros
	head -c 200000 text | od -An -v -tx8 >digits
	: >empty
	for n in 1 2 3; do
		t "sample$n" sample $n
		t "sample$n-small" sample $n -s
	done
	for option in -1 -5 -9 -s -6v -9vvv "--best --small" "--fast -k"; do
		for file in text zeros digits empty; do
			t "round${option// /}-$file" round "$option" "$file"
		done
	done
	t inplace in_place text
	t damaged damaged text
	t help plain --help
	t license plain -L
	t missing plain -d no-such-file
	t wrong plain -dv "$TREE/Makefile"
	t option plain --no-such-option
	t test plain -t "$TREE/sample1.bz2"
	t force plain -fdc text
}
