package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadMaps(t *testing.T) {
	const text = `00400000-00452000 r-xp 00000000 fd:01 173521                             /usr/bin/dbus daemon
7f0000000000-7f0000001000 rw-s 00002000 00:05 4321 /dev/zero (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]
7ffd00100000-7ffd00101000 ---p 00000000 00:00 0 
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`
	want := []Mapping{
		{Start: 0x400000, End: 0x452000, Read: true, Exec: true, Priv: true, Dev: "fd:01", Inode: 173521, Path: "/usr/bin/dbus daemon"},
		{Start: 0x7f0000000000, End: 0x7f0000001000, Read: true, Write: true, Offset: 0x2000, Dev: "00:05", Inode: 4321, Path: "/dev/zero (deleted)"},
		{Start: 0x7ffd00000000, End: 0x7ffd00021000, Read: true, Write: true, Priv: true, Dev: "00:00", Path: "[stack]"},
		{Start: 0x7ffd00100000, End: 0x7ffd00101000, Priv: true, Dev: "00:00"},
		{Start: 0xffffffffff600000, End: 0xffffffffff601000, Exec: true, Priv: true, Dev: "00:00", Path: "[vsyscall]"},
	}
	got, err := readMaps(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReadMapsRefuses(t *testing.T) {
	for _, line := range []string{
		"", "x", "1000-2000 r-xp 0 00:00", "1000 r-xp 0 00:00 0", "2000-1000 r-xp 0 00:00 0", "1000-1000 r-xp 0 00:00 0",
		"1000-2000 r-x 0 00:00 0", "1000-2000 r-xp z 00:00 0", "1000-2000 r-xp 0 00:00 z", "1000-11112222333344445 r-xp 0 00:00 0",
	} {
		if got, err := readMaps(strings.NewReader(line + "\n")); err == nil {
			t.Errorf("%q is accepted: %+v", line, got)
		}
	}
}

func FuzzReadMaps(f *testing.F) {
	f.Add("00400000-00452000 r-xp 00000000 fd:01 173521     /usr/bin/x\n")
	f.Add("7ffd00100000-7ffd00101000 ---p 00000000 00:00 0 \n")
	f.Fuzz(func(t *testing.T, text string) {
		maps, err := readMaps(strings.NewReader(text))
		if err != nil {
			if maps != nil {
				t.Fatal("a value and an error")
			}
			return
		}
		var again strings.Builder
		for _, m := range maps {
			fmt.Fprintln(&again, format(m))
		}
		second, err := readMaps(strings.NewReader(again.String()))
		if err != nil {
			t.Fatalf("%v; written again as:\n%s", err, again.String())
		}
		if diff := cmp.Diff(maps, second); diff != "" {
			t.Fatal(diff)
		}
	})
}

// format prints a mapping as the kernel does.
func format(m Mapping) string {
	flag := func(set bool, c, other byte) byte {
		if set {
			return c
		}
		return other
	}
	mode := []byte{flag(m.Read, 'r', '-'), flag(m.Write, 'w', '-'), flag(m.Exec, 'x', '-'), flag(m.Priv, 'p', 's')}
	return fmt.Sprintf("%x-%x %s %08x %s %d %s", uint64(m.Start), uint64(m.End), mode, m.Offset, m.Dev, m.Inode, m.Path)
}
