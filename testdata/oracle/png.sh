# libpng, static: its test programs on its own images, read, transformed, written and read again.
package=libpng1.6
programs='pngtest pngstest pngunknown pngimage pngcp pngfix'

oracle_configure() { ./configure --disable-shared; }
oracle_build() { make -j"$JOBS" $programs; }
oracle_install() { mkdir -p "$DESTDIR" && for p in $programs; do cp $p "$DESTDIR"; done; }

pngtest() { cp "$TREE/pngtest.png" . && run "$ROOT/pngtest" "$@" pngtest.png && sha256sum pngout.png; }
image() { run "$ROOT/pngimage" "$@"; }
simple() { run "$ROOT/pngstest" "$@"; }
unknown() { run "$ROOT/pngunknown" "$@" "$TREE/pngtest.png"; }
copied() { for f in "$TREE"/contrib/pngsuite/$1*.png; do run "$ROOT/pngcp" $2 "$f" copy.png && sha256sum <copy.png; done; }
fixed() { cp "$TREE"/contrib/pngsuite/$1*.png . && run "$ROOT/pngfix" --max=100000 --suffix=.fixed.png --out=fixed.png $1*.png; }

oracle_check() {
	local kind
	t pngtest pngtest
	t pngtest-verbose pngtest -m
	t interlaced image --log "$TREE/pngtest.png"
	for kind in basn0 basn2 basn3 basn4 basn6 ftbbn ftbr ibasn; do
		t "image-$kind" image --log "$TREE"/contrib/pngsuite/$kind*.png
		t "fixed-$kind" fixed "$kind"
	done
	t copied copied basn0 ""
	t copied-slow copied basn6 --level=9
	for kind in gray-1- gray-alpha-8-linear palette-4 rgb-8-1.8 rgb-16-tRNS rgb-alpha-8-sRGB; do
		t "simple-$kind" simple --tmpfile simple- --log "$TREE"/contrib/testpngs/$kind*.png
	done
	t unknown unknown --strict default=discard
	t unknown-keep unknown default=save
	t unknown-safe unknown default=if-safe
	t broken image --log "$TREE"/contrib/pngsuite/../testpngs/crashers/*.png
}
