package srcpatch

import (
	"path"
	"slices"
	"strings"

	"gocare/internal/csource"
)

// renamings puts a file that goes and one that comes together where these are one by another name, which only git's patches say: most of the
// code is the same, and neither has as much in common with another one.
func renamings(files []FileChange) (list []FileChange) {
	partner := map[int]int{}
	for i := range files {
		if k, found := likest(files, i); found {
			if back, mutual := likest(files, k); mutual && back == i {
				partner[i] = k
			}
		}
	}
	for i, f := range files {
		k, paired := partner[i]
		switch {
		case !paired:
			list = append(list, f)
		case f.comes():
			list = append(list, renaming(files[k], f))
		}
	}
	return list
}

// renaming is the change that two are together.
func renaming(gone, made FileChange) FileChange {
	before, after := splitLines(string(gone.Before)), splitLines(string(made.After))
	return FileChange{
		Old: gone.Old, New: made.New, Before: gone.Before, After: made.After, Mode: made.Mode, OldMode: gone.OldMode, origin: sharedLines(before, after),
	}
}

// likest returns the file that comes which is most like file i that goes, or the other way round, if most of their code is the same, and
// no other one is as like.
func likest(files []FileChange, i int) (best int, found bool) {
	most := 0
	for k := range files {
		changes := files[i].goes() && files[k].comes() || files[i].comes() && files[k].goes()
		if !changes || path.Ext(files[i].path()) != path.Ext(files[k].path()) {
			continue
		}
		switch n := alike(files[i], files[k]); {
		case n > most:
			best, most, found = k, n, true
		case n == most:
			found = false
		}
	}
	return best, found
}

func (f *FileChange) goes() bool { return f.New == "" }

func (f *FileChange) comes() bool { return f.Old == "" }

// alike counts the lines of code that two files have in common, 0 if these are not most of either.
func alike(a, b FileChange) (common int) {
	one, other := codeLines(a), codeLines(b)
	size := max(len(one), len(other))
	left := map[string]int{}
	for _, line := range one {
		left[line]++
	}
	for _, line := range other {
		if left[line] > 0 {
			left[line]--
			common++
		}
	}
	if 2*common <= size {
		return 0
	}
	return common
}

// codeLines are the lines of a file that goes, or comes, which say something, without comments and includes.
func codeLines(f FileChange) []string {
	text := f.Before
	if f.comes() {
		text = f.After
	}
	code := strings.Split(csource.Text(strings.Split(string(text), "\n")), "\n")
	for i := range code {
		code[i] = strings.Join(strings.Fields(code[i]), " ")
	}
	return slices.DeleteFunc(code, func(line string) bool {
		return strings.HasPrefix(line, "#include") || !strings.ContainsFunc(line, func(r rune) bool { return r > 0x7f || csource.IsWordByte(byte(r)) })
	})
}

// sharedLines returns the line of one text that each of another is, 0 for one that is new.
func sharedLines(before, after []string) []int {
	origin := ends(before, after)
	first, last := slices.Index(origin, 0), len(after)
	if first < 0 {
		return origin
	}
	for last > first && origin[last-1] > 0 {
		last--
	}
	end := len(before) - (len(after) - last)
	for _, pair := range inCommon(before[first:end], after[first:last]) {
		origin[first+pair.New] = first + pair.Old + 1
	}
	return origin
}
