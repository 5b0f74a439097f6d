package srcpatch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"gocare/internal/fault"
)

// tree makes a file system of name, content pairs.
func tree(pairs ...string) fstest.MapFS {
	m := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1]), Mode: 0o644}
	}
	return m
}

// applied parses and applies patches and lists the effect as "old>new mode" and content.
func applied(fsys fstest.MapFS, patches ...string) (map[string]string, error) {
	var all []*Patch
	for _, text := range patches {
		p, err := Parse("fix.patch", []byte(text))
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	c, err := Apply(fsys, all)
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	for _, f := range c.Files {
		key := f.Old + ">" + f.New
		if f.New != "" && f.Mode != 0o644 {
			key += " " + f.Mode.String()
		}
		got[key] = string(f.After)
	}
	return got, nil
}

// deleted is the patch that takes a file away.
func deleted(name, content string) string {
	return fmt.Sprintf("--- a/%s\n+++ /dev/null\n@@ -1,%d +0,0 @@\n-", name, strings.Count(content, "\n")) + strings.ReplaceAll(strings.TrimSuffix(content, "\n"), "\n", "\n-") + "\n"
}

// created is the patch that makes a file.
func created(name, content string) string {
	return fmt.Sprintf("--- /dev/null\n+++ b/%s\n@@ -0,0 +1,%d @@\n+", name, strings.Count(content, "\n")) + strings.ReplaceAll(strings.TrimSuffix(content, "\n"), "\n", "\n+") + "\n"
}

const fooC = `// foo.c
#include <stdio.h>
#include <time.h>

void print_hello(void)
{
	printf("Hello world!\n");
}

int main(void)
{
`

const fooPatch = "--- foo.c\t2020-12-09 15:39:51.159632075 +0800\n" +
	"+++ bar.c\t2020-12-09 15:40:03.818632220 +0800\n" + `@@ -1,10 +1,10 @@
-// foo.c
+// bar.c
 #include <stdio.h>
 #include <time.h>
 
 void print_hello(void)
 {
-	printf("Hello world!\n");
+	printf("Hello world %s!\n", "being patched");
 }
 
 int main(void)
`

var barC = strings.NewReplacer("// foo.c", "// bar.c", `"Hello world!\n"`, `"Hello world %s!\n", "being patched"`).Replace(fooC)

func TestApply(t *testing.T) {
	numbers := "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
	mid := "--- a/n\n+++ b/n\n@@ -4,3 +4,3 @@\n 4\n-5\n+five\n 6\n"
	five := strings.Replace(numbers, "5", "five", 1)
	rows := []struct {
		name    string
		tree    fstest.MapFS
		patches []string
		want    map[string]string
	}{
		{
			"the old name although the new one exists too", tree("foo.c", fooC, "bar.c", barC),
			[]string{fooPatch},
			map[string]string{"foo.c>foo.c": barC},
		},
		{
			"a time stamp behind blanks, as copied from a page", tree("foo.c", fooC, "bar.c", barC),
			[]string{strings.ReplaceAll(fooPatch, "\t2020", " 2020")},
			map[string]string{"foo.c>foo.c": barC},
		},
		{
			"backup name on the old side", tree("n", numbers, "n.orig", numbers),
			[]string{strings.NewReplacer("a/n", "n.orig", "b/n", "n").Replace(mid)},
			map[string]string{"n>n": five},
		},
		{
			"strip 0", tree("src/n", numbers),
			[]string{strings.NewReplacer("a/n", "src/n", "b/n", "src/n").Replace(mid)},
			map[string]string{"src/n>src/n": five},
		},
		{"strip 1 although a directory a exists", tree("n", numbers, "a/n", numbers), []string{mid}, map[string]string{"n>n": five}},
		{
			"strip 2 from below the root", tree("n", numbers),
			[]string{strings.NewReplacer("a/n", "a/lib/n", "b/n", "b/lib/n").Replace(mid)},
			map[string]string{"n>n": five},
		},
		{
			"a level at which all files exist", tree("x/n", numbers, "n", numbers, "m", numbers),
			[]string{"--- x/n\n+++ x/n\n@@ -1 +1 @@\n-1\n+one\n--- x/m\n+++ x/m\n@@ -1 +1 @@\n-1\n+one\n"},
			map[string]string{"n>n": "one" + numbers[1:], "m>m": "one" + numbers[1:]},
		},
		{
			"two patches to one file", tree("n", numbers),
			[]string{mid, strings.NewReplacer("-5", "-five", "+five", "+5th").Replace(mid)},
			map[string]string{"n>n": strings.Replace(numbers, "5", "5th", 1)},
		},
		{
			"a patch and its reverse", tree("n", numbers),
			[]string{mid, strings.NewReplacer("-5\n+five", "-five\n+5").Replace(mid)},
			map[string]string{},
		},
		{"offset down", tree("n", "a\nb\n"+numbers), []string{mid}, map[string]string{"n>n": "a\nb\n" + five}},
		{"offset up", tree("n", numbers[4:]), []string{mid}, map[string]string{"n>n": five[4:]}},
		{
			"nearest of several places", tree("n", "4\n5\n6\nx\n4\n5\n6\nx\nx\nx\nx\n4\n5\n6\n"),
			[]string{mid},
			map[string]string{"n>n": "4\n5\n6\nx\n4\nfive\n6\nx\nx\nx\nx\n4\n5\n6\n"},
		},
		{"no context", tree("n", "a\nb\n"), []string{"--- n\n+++ n\n@@ -1,0 +2 @@\n+new\n"}, map[string]string{"n>n": "a\nnew\nb\n"}},
		{
			"blank of a context line that begins with a tab lost", tree("n", "\ta\nb\n"),
			[]string{"--- a/n\n+++ b/n\n@@ -1,2 +1,3 @@\n\ta\n b\n+\tc\n"},
			map[string]string{"n>n": "\ta\nb\n\tc\n"},
		},
		{
			"blank of an empty context line lost", tree("n", "a\n\nb\n"),
			[]string{"--- n\n+++ n\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n"},
			map[string]string{"n>n": "a\n\nc\n"},
		},
		{
			"mail around, version trailer behind", tree("n", numbers),
			[]string{"From 1234 Mon Sep 17 00:00:00 2001\nSubject: [PATCH] x\n\n- a list\n+ of things\n---\n n | 2 +-\n\n" +
				"diff --git a/n b/n\nindex 1..2 100644\n" + mid + "-- \n2.33.0\n\n"},
			map[string]string{"n>n": five},
		},
		{
			"new file with git header", tree("n", numbers),
			[]string{"diff --git a/s/new.c b/s/new.c\nnew file mode 100755\nindex 0..1\n--- /dev/null\n+++ b/s/new.c\n@@ -0,0 +1,2 @@\n+x\n+y\n"},
			map[string]string{">s/new.c -rwxr-xr-x": "x\ny\n"},
		},
		{"new empty file", tree("n", numbers), []string{"diff --git a/e b/e\nnew file mode 100644\nindex 0..0\n"}, map[string]string{">e": ""}},
		{
			"new file by its time stamp", tree("n", numbers),
			[]string{"--- o/new.c\t1970-01-01 08:00:00.000000000 +0800\n+++ p/new.c\t2020-01-01 00:00:00 +0000\n@@ -0,0 +1 @@\n+x\n" +
				strings.NewReplacer("a/n", "o/n", "b/n", "p/n").Replace(mid)},
			map[string]string{">new.c": "x\n", "n>n": five},
		},
		{
			"epoch stamps on files that exist", tree("n", numbers),
			[]string{strings.NewReplacer("a/n", "a/n\t1970-01-01 00:00:00 +0000", "b/n", "b/n\t1970-01-01 00:00:00 +0000").Replace(mid)},
			map[string]string{"n>n": five},
		},
		{"deleted file", tree("n", "1\n"), []string{"--- a/n\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n"}, map[string]string{"n>": ""}},
		{
			"deleted file by its time stamp", tree("n", "1\n"),
			[]string{"--- a/n\n+++ b/n\t1970-01-01 00:00:00.000000000 +0000\n@@ -1 +0,0 @@\n-1\n"},
			map[string]string{"n>": ""},
		},
		{
			"emptied file", tree("n", "1\n"),
			[]string{"--- a/n\n+++ b/n\t2020-01-01 00:00:00.000000000 +0000\n@@ -1 +0,0 @@\n-1\n"},
			map[string]string{"n>n": ""},
		},
		{
			"rename", tree("d/n", numbers),
			[]string{"diff --git a/d/n b/d/m\nsimilarity index 100%\nrename from d/n\nrename to d/m\n"},
			map[string]string{"d/n>d/m": numbers},
		},
		{
			"rename with a change and blanks", tree("a n", numbers),
			[]string{"diff --git a/a n b/b n\nsimilarity index 90%\nrename from a n\nrename to b n\n" +
				strings.NewReplacer("a/n", "a/a n\t", "b/n", "b/b n\t").Replace(mid)},
			map[string]string{"a n>b n": five},
		},
		{
			"one file goes and another one with most of its code comes", tree("n", numbers),
			[]string{deleted("n", numbers), created("m", "7\n"), created("k", five)},
			map[string]string{"n>k": five, ">m": "7\n"},
		},
		{
			"one file goes and two of its code come", tree("n", numbers),
			[]string{deleted("n", numbers), created("m", five), created("k", five)},
			map[string]string{"n>": "", ">m": five, ">k": five},
		},
		{
			"one file goes and another one with half of its code comes", tree("n", numbers),
			[]string{deleted("n", numbers), created("m", "1\n2\n3\n4\n")},
			map[string]string{"n>": "", ">m": "1\n2\n3\n4\n"},
		},
		{
			"one file goes and another one with its comments and includes comes", tree("n", "/* 1\n2\n3 */\n#include <a>\n#include <b>\nx\ny\n"),
			[]string{deleted("n", "/* 1\n2\n3 */\n#include <a>\n#include <b>\nx\ny\n"), created("m", "/* 1\n2\n3 */\n#include <a>\n#include <b>\nx\nz\n")},
			map[string]string{"n>": "", ">m": "/* 1\n2\n3 */\n#include <a>\n#include <b>\nx\nz\n"},
		},
		{
			"one file goes and one of another kind comes", tree("n.c", numbers),
			[]string{deleted("n.c", numbers), created("n.h", numbers)},
			map[string]string{"n.c>": "", ">n.h": numbers},
		},
		{"copy", tree("n", numbers), []string{"diff --git a/n b/m\nsimilarity index 100%\ncopy from n\ncopy to m\n"}, map[string]string{">m": numbers}},
		{
			"mode only", tree("n", numbers),
			[]string{"diff --git a/n b/n\nold mode 100644\nnew mode 100755\n"},
			map[string]string{"n>n -rwxr-xr-x": numbers},
		},
		{
			"mode of a file in a directory, names without prefixes", tree("d/n", numbers, "n", numbers),
			[]string{"diff --git d/n d/n\nold mode 100644\nnew mode 100755\n"},
			map[string]string{"d/n>d/n -rwxr-xr-x": numbers},
		},
		{
			"rename in a patch with the line ends of a mail program", tree("n", numbers),
			[]string{"diff --git a/n b/m\r\nsimilarity index 100%\r\nrename from n\r\nrename to m\r\n"},
			map[string]string{"n>m": numbers},
		},
		{
			"quoted name that ends in a backslash", tree(`n\`, numbers),
			[]string{"diff --git \"a/n\\\\\" \"b/n\\\\\"\nold mode 100644\nnew mode 100755\n"},
			map[string]string{`n\>n\ -rwxr-xr-x`: numbers},
		},
		{
			"quoted name", tree("\u00e9\".c", "1\n"),
			[]string{"diff --git \"a/\\303\\251\\\".c\" \"b/\\303\\251\\\".c\"\n--- \"a/\\303\\251\\\".c\"\n+++ \"b/\\303\\251\\\".c\"\n@@ -1 +1 @@\n-1\n+2\n"},
			map[string]string{"\u00e9\".c>\u00e9\".c": "2\n"},
		},
		{
			"no line end before", tree("n", "1\n2"),
			[]string{"--- n\n+++ n\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+2\n"},
			map[string]string{"n>n": "1\n2\n"},
		},
		{
			"no line end after", tree("n", "1\n2\n"),
			[]string{"--- n\n+++ n\n@@ -1,2 +1,2 @@\n 1\n-2\n+2\n\\ Kein Zeilenumbruch am Dateiende.\n"},
			map[string]string{"n>n": "1\n2"},
		},
		{
			"no line end on both sides", tree("n", "1\n2"),
			[]string{"--- n\n+++ n\n@@ -1,2 +1,2 @@\n-1\n+one\n 2\n\\ No newline at end of file\n"},
			map[string]string{"n>n": "one\n2"},
		},
		{
			"CR LF in file and hunk, LF in header", tree("n", "1\r\n2\r\n"),
			[]string{"--- n\n+++ n\n@@ -1,2 +1,2 @@\n 1\r\n-2\r\n+3\r\n"},
			map[string]string{"n>n": "1\r\n3\r\n"},
		},
		{
			"CR LF throughout the patch, LF in the file", tree("n", "1\n2\n"),
			[]string{"--- n\r\n+++ n\r\n@@ -1,2 +1,2 @@\r\n 1\r\n-2\r\n+3\r\n"},
			map[string]string{"n>n": "1\n3\n"},
		},
		{
			"CR LF throughout patch and file", tree("n", "1\r\n2\r\n"),
			[]string{"--- n\r\n+++ n\r\n@@ -1,2 +1,2 @@\r\n 1\r\n-2\r\n+3\r\n"},
			map[string]string{"n>n": "1\r\n3\r\n"},
		},
		{
			"lines that look like headers", tree("n", "-- x\n@@ -1 +1 @@\n"),
			[]string{"--- n\n+++ n\n@@ -1,2 +1,2 @@\n--- x\n+++ y\n @@ -1 +1 @@\n"},
			map[string]string{"n>n": "++ y\n@@ -1 +1 @@\n"},
		},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got, err := applied(r.tree, r.patches...)
			if err != nil {
				t.Fatalf("%v", err)
			}
			if d := cmp.Diff(r.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	numbers := tree("n", "1\n2\n3\n", "m", "1\n", "d/x.c", "1\n")
	link := tree("n", "1\n")
	link["l"] = &fstest.MapFile{Data: []byte("n"), Mode: os.ModeSymlink | 0o777}
	link["out"] = &fstest.MapFile{Data: []byte("../elsewhere"), Mode: os.ModeSymlink | 0o777}
	head := "--- n\n+++ n\n"
	rows := []struct {
		name, patch string
		tree        fstest.MapFS
		code        fault.Code
		where       string
		text        string // in the error or its hint
	}{
		{"empty", " \n", numbers, "patch-empty", "fix.patch", "empty"},
		{"garbage", "hello\n", numbers, "patch-syntax", "fix.patch", "no diff"},
		{"git binary", "diff --git a/n b/n\nindex 1..2\nGIT binary patch\nliteral 1\n", numbers, "patch-binary", "fix.patch:3", "binary"},
		{"binary notice", "Binary files a/n and b/n differ\n", numbers, "patch-binary", "fix.patch:1", "binary"},
		{"context diff", "*** n\n--- n\n***************\n*** 1 ****\n! 1\n--- 1 ----\n! 2\n", numbers, "patch-syntax", "fix.patch:1", "context diff"},
		{"ed script", "2c\nx\n.\n", numbers, "patch-syntax", "fix.patch:1", "ed script"},
		{"normal diff", "2c2\n< 2\n---\n> x\n", numbers, "patch-syntax", "fix.patch:1", "without context"},
		{"combined diff", "diff --cc n\nindex 1,2..3\n--- a/n\n+++ b/n\n@@@ -1,1 -1,1 +1,1 @@@\n", numbers, "patch-syntax", "fix.patch:1", "combined"},
		{"hunk alone", "@@ -1 +1 @@\n-1\n+2\n", numbers, "patch-syntax", "fix.patch:1", "without a file header"},
		{"header alone", head, numbers, "patch-syntax", "fix.patch:3", "no hunk"},
		{"cut short", head + "@@ -1,3 +1,3 @@\n 1\n-2\n", numbers, "patch-syntax", "fix.patch:6", "ends inside"},
		{"counts too small", head + "@@ -1,1 +1,1 @@\n-1\n+x\n+y\n", numbers, "patch-syntax", "fix.patch:6", "more lines"},
		{"counts too large", head + "@@ -1,2 +1,2 @@\n-1\n+x\ntext\n", numbers, "patch-syntax", "fix.patch:6", "expected"},
		{"missing line end inside", head + "@@ -1,2 +1,2 @@\n-1\n\\ No newline at end of file\n-2\n+1\n+2\n", numbers, "patch-syntax", "fix.patch:3", "line end"},
		{"missing line end before an old line", head + "@@ -1,1 +1,1 @@\n+1\n\\ No newline at end of file\n-1\n", numbers, "patch-syntax", "fix.patch:3", "line end"},
		{"dot dot", "--- a/../n\n+++ b/../n\n@@ -1 +1 @@\n-1\n+2\n", numbers, "patch-path", "fix.patch:1", "leaves the tree"},
		{"absolute", "--- /etc/n\n+++ /etc/n\n@@ -1 +1 @@\n-1\n+2\n", numbers, "patch-path", "fix.patch:1", "leaves the tree"},
		{"dot dot on one side of a rename", "diff --git a/n b/../m\nrename from n\nrename to ../m\n", numbers, "patch-path", "fix.patch:1", "leaves the tree"},
		{"symbolic link", "--- l\n+++ l\n@@ -1 +1 @@\n-1\n+2\n", link, "patch-path", "l", "not a regular file"},
		{"through a link out of the tree", "--- out/n\n+++ out/n\n@@ -1 +1 @@\n-1\n+2\n", link, "patch-path", "out/n", "leads out"},
		{"link in the patch", "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+n\n", numbers, "patch-syntax", "fix.patch:2", "symbolic link"},
		{"submodule", "diff --git a/l b/l\nindex 1..2 160000\nold mode 160000\nnew mode 160000\n", numbers, "patch-syntax", "fix.patch:3", "submodule"},
		{"no such file", "--- a/none\n+++ b/none\n@@ -1 +1 @@\n-1\n+2\n", numbers, "patch-target", "none", "none of that name"},
		{"does not match", head + "@@ -2,2 +2,2 @@\n 2\n-4\n+5\n", numbers, "patch-reject", "n:2", "hunk 1 of 1 of fix.patch (line 3 of the patch)"},
		{"second hunk does not match", head + "@@ -1 +1 @@\n-1\n+x\n@@ -3 +3 @@\n-x\n+3\n", numbers, "patch-reject", "n:3", "hunk 2 of 2"},
		{"already applied", head + "@@ -1,2 +1,2 @@\n 1\n-x\n+2\n", numbers, "patch-reject", "n:1", "already applied"},
		{"already made", "--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n+1\n", numbers, "patch-reject", "m", "already applied"},
		{"made over another", "--- /dev/null\n+++ b/m\n@@ -0,0 +1 @@\n+2\n", numbers, "patch-reject", "m", "exists already"},
		{"deletes another content", "--- a/n\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-1\n-2\n", numbers, "patch-reject", "n", "differs"},
		{"white space differs", "--- n\n+++ n\n@@ -1 +1 @@\n-1 \n+9\n", numbers, "patch-reject", "n:1", "exactly"},
		{"CR LF in the file only", "--- n\n+++ n\n@@ -1 +1 @@\n-1\n+2\n", tree("n", "1\r\n"), "patch-reject", "n:1", "exactly"},
		{"line glued on", "--- n\n+++ n\n@@ -1,1 +1,1 @@\n-1\n+1\n\\ No newline at end of file\n", numbers, "patch-reject", "n:1", "does not apply"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			_, err := applied(r.tree, r.patch)
			e := fault.As(err)
			if e == nil {
				t.Fatalf("got %v, want a refusal", err)
			}
			if e.Code != r.code || e.Where != r.where || !strings.Contains(e.Error()+"\n"+e.Hint, r.text) {
				t.Errorf("got %s at %q: %v (%s)\nwant %s at %q with %q", e.Code, e.Where, e, e.Hint, r.code, r.where, r.text)
			}
		})
	}
}

// TestApplyLeavesTree proves on a real directory that nothing is written.
func TestApplyLeavesTree(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "foo.c"), []byte(fooC), 0o444); err != nil {
		t.Fatal(err)
	}
	p, err := Parse("x/foo.patch", []byte(fooPatch))
	if err != nil {
		t.Fatal(err)
	}
	c, err := Apply(os.DirFS(dir), []*Patch{p})
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "foo.patch" || len(p.SHA256) != 64 || string(c.Files[0].After) != barC || c.Files[0].Mode != 0o444 {
		t.Errorf("got %q %q %v", p.Name, p.SHA256, c.Files[0].Mode)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "foo.c")); string(data) != fooC {
		t.Error("the tree changed")
	}
}

// TestAgainstPatch compares with patch(1) on diffs that diff(1) makes.
func TestAgainstPatch(t *testing.T) {
	for _, tool := range []string{"diff", "patch"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s", tool)
		}
	}
	before := strings.Repeat("x\ny\nz\n", 20)
	for i := 7; i < 56; i += 7 {
		lines := splitLines(before)
		lines[i] = "changed\n"
		lines = append(lines[:(i*3)%50], lines[(i*3)%50+2:]...)
		dir := t.TempDir()
		write := func(name, s string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		write("a.c", before)
		write("b.c", strings.Join(lines, ""))
		cmd := exec.Command("diff", "-u", "a.c", "b.c")
		cmd.Dir = dir
		out, _ := cmd.Output()
		moved := "first\nsecond\n" + before
		write("moved", moved)
		cmd = exec.Command("patch", "-s", "-o", "-", "moved")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(string(out))
		want, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		got, err := applied(tree("a.c", moved), string(out))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got["a.c>a.c"]); d != "" {
			t.Errorf("line %d: %s\n%s", i, d, out)
		}
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte(fooPatch), fooC)
	f.Add([]byte("diff --git \"a/\\303n\" b/n\nold mode 100644\nnew mode 100755\nrename from n\nrename to m\n"), "1\n")
	f.Add([]byte("--- a/foo.c\n+++ b/foo.c\n@@ -1,2 +1 @@\n-1\n 2\n\\ No newline at end of file\n-- \n2.33.0\n"), "1\n2")
	f.Fuzz(func(t *testing.T, patch []byte, content string) {
		p, err := Parse("fuzz", patch)
		if err != nil {
			if p != nil || fault.As(err) == nil {
				t.Fatalf("value with error, or not a fault: %v", err)
			}
			return
		}
		c, err := Apply(tree("foo.c", content, "n", content), []*Patch{p})
		if err != nil {
			return
		}
		for _, fc := range c.Files {
			for _, name := range []string{fc.Old, fc.New} {
				if name != "" && !filepath.IsLocal(name) {
					t.Fatalf("path %q leaves the tree", name)
				}
			}
			if m := fc.LineMap(); fc.New != "" && fc.Old != "" {
				checkMap(t, fc, m)
			}
			fc.RestoreLines()
			NewEdits([]FileChange{fc}).All()
		}
	})
}

// checkMap proves that mapped lines are equal and rise.
func checkMap(t *testing.T, fc FileChange, m LineMap) {
	before, after := splitLines(string(fc.Before)), splitLines(string(fc.After))
	last := 0
	for i := range after {
		o, ok := m.Old(i + 1)
		if !ok {
			continue
		}
		if o <= last || o > len(before) || before[o-1] != after[i] {
			t.Fatalf("new line %d is mapped to old line %d", i+1, o)
		}
		last = o
	}
}
