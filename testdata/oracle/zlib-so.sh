# zlib as a shared library: the tests of zlib, with programs linked to libz.so.1, of which the library alone is patched.
. "$ORACLE/zlib.sh"

oracle_configure() { CHOST=$host CFLAGS="$CFLAGS $CPPFLAGS" ./configure --shared; }
oracle_build() { make -j"$JOBS" minigzipsh examplesh; }
oracle_install() { mkdir -p "$DESTDIR" && cp -P libz.so* minigzipsh examplesh "$DESTDIR" && cd "$DESTDIR" && ln -sf minigzipsh minigzip && ln -sf examplesh example; }

oracle_check() {
	local option file
	export LD_LIBRARY_PATH=$ROOT
	cat "$TREE"/*.c >text
	head -c 300000 /dev/zero >zeros
	t example example example
	for option in -1 -4 -6 -9 "-9 -f" "-6 -h" "-6 -r"; do
		for file in text zeros; do
			t "round$option-$file" round minigzip "$option" "$file"
		done
	done
	t inplace in_place minigzip text
}
