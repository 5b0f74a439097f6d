. "$CORPUS/lib/nginx.sh"
PORT=21014
# Debian's fix counts in a module of its own, as the structure of requests must not grow: running processes cannot get that. Here the count
# is a shadow variable (gocare.h).
PATCH=FIX-HTTP2bomb.patch
case_prepare() { corpus_prepare "$1" && cp "$CORPUS/cases/nginx-headers/fix.patch" "$1/../fix.patch"; }
BEFORE=200; AFTER=400
case_behaviour() { http GET /index.html $(seq -f 'x%g:1' 1500) | cut -d' ' -f1; }
EXPECT=yes
