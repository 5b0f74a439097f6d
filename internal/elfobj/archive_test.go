package elfobj

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// archiveOf writes members as ar does: 60-byte header, contents, padding to even.
func archiveOf(magic string, members ...[2]string) []byte {
	var b strings.Builder
	b.WriteString(magic)
	for _, m := range members {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", m[0], 0, 0, 0, "644", len(m[1]), m[1])
		if len(m[1])%2 != 0 {
			b.WriteByte('\n')
		}
	}
	return []byte(b.String())
}

func TestMembers(t *testing.T) {
	long := "a_very_long_member_name.o/\nsub/dir.o/\n"
	for _, row := range []struct {
		name string
		data []byte
		want []Member
	}{
		{"empty", []byte(archiveMagic), nil},
		{
			"short name", archiveOf(archiveMagic, [2]string{"a.o/", "abc"}, [2]string{"b.o/", "de"}),
			[]Member{{"a.o", []byte("abc"), 8, 0}, {"b.o", []byte("de"), 72, 0}},
		},
		{
			"long name and index", archiveOf(archiveMagic, [2]string{"/", "index"}, [2]string{"//", long}, [2]string{"/27", "xy"}),
			[]Member{{"sub/dir.o", []byte("xy"), 8 + 66 + 60 + int64(len(long)), 0}},
		},
		{"BSD long name", archiveOf(archiveMagic, [2]string{"#1/4", "n.o\x00data"}), []Member{{"n.o", []byte("data"), 8, 0}}},
		{"name without slash", archiveOf(archiveMagic, [2]string{"c.o", "1"}), []Member{{"c.o", []byte("1"), 8, 0}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := Members(row.data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMembersThin(t *testing.T) {
	long := "sub/dir.o/\n"
	data := archiveOf(thinArchiveMagic, [2]string{"//", long + "\n"})
	var want []Member
	// The second as GNU ar writes it for a name of 15 characters, the third for a member of an archive.
	for name, origin := range map[string]int64{"/0": 0, "/0             /": 0, "/0:82": 82} {
		want = append(want, Member{Name: "sub/dir.o", Offset: int64(len(data)), Origin: origin})
		data = append(data, fmt.Sprintf("%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "644", 123456)...)
	}
	got, err := Members(data)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestMembersRefused(t *testing.T) {
	good := archiveOf(archiveMagic, [2]string{"a.o/", "abcd"})
	for _, row := range []struct {
		name string
		data []byte
		want string
	}{
		{"foreign", []byte("\x7fELF"), "not an archive"},
		{"cut header", good[:40], "reach past the end"},
		{"cut contents", good[:len(good)-1], "reach past the end"},
		{"header end", []byte(strings.Replace(string(good), "`\n", "xx", 1)), "bad header end"},
		{"size", archiveOfSize("-1"), "bad size"},
		{"huge size", archiveOfSize("9999999999"), "reach past the end"},
		{"long name past the table", archiveOf(archiveMagic, [2]string{"/7", "x"}), "bad long name"},
		{"no offset in another archive", archiveOf(thinArchiveMagic, [2]string{"//", "a.a/\n"}, [2]string{"/0:x", ""}), "bad long name"},
		{"BSD name past the contents", archiveOf(archiveMagic, [2]string{"#1/70", "x"}), "bad long name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got, err := Members(row.data); err == nil || !strings.Contains(err.Error(), row.want) || got != nil {
				t.Errorf("got %v, %v, want error with %q", got, err, row.want)
			}
		})
	}
}

func archiveOfSize(size string) []byte {
	return fmt.Appendf(nil, "%s%-48s%-10s`\n", archiveMagic, "a.o/", size)
}

func FuzzMembers(f *testing.F) {
	f.Add(archiveOf(archiveMagic, [2]string{"//", "long_name.o/\n"}, [2]string{"/0", "abc"}))
	f.Add(archiveOf(thinArchiveMagic, [2]string{"//", "long_name.o/\n"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := Members(data)
		if err != nil && members != nil {
			t.Fatal("members and an error")
		}
		total := 0
		for _, m := range members {
			total += len(m.Data)
		}
		if total > len(data) {
			t.Fatalf("%d bytes of members from %d bytes", total, len(data))
		}
	})
}
