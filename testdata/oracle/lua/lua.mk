# Builds lua and luac: what the package builds with libtool, which compiles everything three times, for a library and for C++.
O = $(patsubst %.c,%.o,$(filter-out lua.c luac.c,$(wildcard *.c)))
all: lua luac
lua: lua.o $(O)
luac: luac.o $(O)
lua luac:
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -lm -ldl
%.o: %.c
	$(CC) $(CFLAGS) $(CPPFLAGS) $(SIZE) -c $< -o $@
ifeq ($(LEVEL),deb)
llex.o lparser.o lcode.o: SIZE = -Os
endif
