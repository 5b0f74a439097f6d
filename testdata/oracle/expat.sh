# expat: its test program, which holds the library, and xmlwf, with documents of ours.
package=expat
deb_cflags=-Wall
ldflags=-Wl,-Bsymbolic-functions

oracle_configure() { cd expat && ./buildconf.sh && ./configure --disable-shared --without-docbook; }
oracle_build() { make -C expat/lib -j"$JOBS" && make -C expat/xmlwf -j"$JOBS" xmlwf && make -C expat/tests -j"$JOBS" runtests; }
oracle_install() { mkdir -p "$DESTDIR" && cp expat/tests/runtests expat/xmlwf/xmlwf "$DESTDIR"; }

suite() { run "$ROOT/runtests" "$@"; }
# documents OPTION...: what xmlwf says of every document, and what it writes
documents() {
	mkdir out
	run "$ROOT/xmlwf" -d out -k "$@" "$ORACLE"/expat/*.xml | sed "s|$ORACLE/||" || echo "status $?"
	tail -n +1 out/*
	rm -r out
}
encoded() {
	iconv -f UTF-8 -t "$1" "$ORACLE/expat/text.xml" >doc.xml
	run "$ROOT/xmlwf" -d . -c doc.xml && cat doc.xml
}

oracle_check() {
	local option encoding
	t suite suite -v
	t quiet suite -q
	t usage run "$ROOT/xmlwf" -h
	t version run "$ROOT/xmlwf" -v
	for option in "" -s "-n -m" "-p -x" "-r -w" -c -m -t -N "-a 2 -b 1000"; do
		t "documents${option// /}" documents $option
	done
	for encoding in UTF-16 UTF-16LE UTF-16BE ISO-8859-1; do
		t "encoded-$encoding" encoded $encoding
	done
}
