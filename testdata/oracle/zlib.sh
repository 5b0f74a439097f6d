# zlib, static: its two test programs.
package=zlib
deb_cflags='-Wall -D_REENTRANT -O3 -DUNALIGNED_OK'

oracle_configure() { CHOST=$host CFLAGS="$CFLAGS $CPPFLAGS" ./configure --static; }
oracle_build() { make -j"$JOBS" minigzip example minigzip64 example64; }
oracle_install() { mkdir -p "$DESTDIR" && cp minigzip example minigzip64 example64 "$DESTDIR"; }

# round PROGRAM OPTION FILE: packs, prints the digest, unpacks, compares
round() {
	run "$ROOT/$1" $2 <"$3" >packed && sha256sum <packed && run "$ROOT/$1" -d <packed | cmp - "$3" && echo same
}
# in_place PROGRAM FILE: by file name
in_place() {
	cp "$2" copy && run "$ROOT/$1" copy && sha256sum copy.gz && run "$ROOT/$1" -d copy.gz && cmp copy "$2" && echo same
}
damaged() {
	run "$ROOT/minigzip" <"$1" >whole && head -c 1000 whole >part
	run "$ROOT/minigzip" -d <part >rest || echo "status $?"
	sha256sum <rest
}
example() { run "$ROOT/$1" "$PWD/$1.gz"; }

oracle_check() {
	local option program
	cat "$TREE"/*.c >text
	head -c 300000 /dev/zero >zeros
	head -c 200000 text | od -An -v -tx8 >digits
	: >empty
	t example example example
	t example64 example example64
	for option in -1 -2 -3 -4 -5 -6 -7 -8 -9 "-9 -f" "-6 -h" "-6 -r" -0; do
		for file in text zeros digits empty; do
			t "round$option-$file" round minigzip "$option" "$file"
		done
	done
	t round64 round minigzip64 -6 text
	t inplace in_place minigzip text
	t damaged damaged text
}
