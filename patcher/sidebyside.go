package patcher

// Row is a line of two texts side by side.
type Row struct {
	Kind         RowKind
	OldNo, NewNo int // line numbers from 1; 0 for none
	Old, New     string
}

// RowKind says what became of a line; it is a class of the page's style.
type RowKind string

const (
	rowSame    RowKind = "same"
	rowChanged RowKind = "changed"
	rowRemoved RowKind = "removed"
	rowAdded   RowKind = "added"
	rowGap     RowKind = "gap" // lines that are left out
)

const (
	// maxCompared bounds the work on two texts: the product of their differing parts' lengths, in lines.
	maxCompared = 4 << 20
	// aroundRows is how many equal lines stand around a difference.
	aroundRows = 3
)

// sideBySide lines up two texts. key gives what of a line counts.
func sideBySide(before, after []string, key func(string) string) []Row {
	a, b := keysOf(before, key), keysOf(after, key)
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	var rows []Row
	i, j := 0, 0
	same := func() {
		rows = append(rows, Row{rowSame, i + 1, j + 1, before[i], after[j]})
		i, j = i+1, j+1
	}
	for i < start {
		same()
	}
	for _, m := range commonLines(a[start:len(a)-end], b[start:len(b)-end]) {
		rows = append(rows, differing(before, after, i, j, start+m[0], start+m[1])...)
		i, j = start+m[0], start+m[1]
		same()
	}
	rows = append(rows, differing(before, after, i, j, len(a)-end, len(b)-end)...)
	i, j = len(a)-end, len(b)-end
	for i < len(a) {
		same()
	}
	return rows
}

func keysOf(lines []string, key func(string) string) []string {
	keys := make([]string, len(lines))
	for i, line := range lines {
		keys[i] = key(line)
	}
	return keys
}

// differing puts lines [i, toI) beside [j, toJ).
func differing(before, after []string, i, j, toI, toJ int) (rows []Row) {
	for i < toI || j < toJ {
		r := Row{Kind: rowChanged}
		if i < toI {
			i++
			r.OldNo, r.Old = i, before[i-1]
		} else {
			r.Kind = rowAdded
		}
		if j < toJ {
			j++
			r.NewNo, r.New = j, after[j-1]
		} else {
			r.Kind = rowRemoved
		}
		rows = append(rows, r)
	}
	return rows
}

// commonLines returns the pairs of a longest common subsequence; none where the texts are too long for that.
func commonLines(a, b []string) (pairs [][2]int) {
	if len(a)*len(b) > maxCompared || len(a)*len(b) == 0 {
		return nil
	}
	width := len(b) + 1
	lengths := make([]int32, (len(a)+1)*width) // of the common subsequence of a[i:] and b[j:]
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				lengths[i*width+j] = lengths[(i+1)*width+j+1] + 1
			} else {
				lengths[i*width+j] = max(lengths[(i+1)*width+j], lengths[i*width+j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case lengths[(i+1)*width+j] >= lengths[i*width+j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// excerpt keeps the differences with the lines around them.
func excerpt(rows []Row) (kept []Row) {
	near := make([]bool, len(rows))
	for i, r := range rows {
		if r.Kind != rowSame {
			for k := max(0, i-aroundRows); k <= min(len(rows)-1, i+aroundRows); k++ {
				near[k] = true
			}
		}
	}
	for i, r := range rows {
		if near[i] {
			kept = append(kept, r)
		} else if i > 0 && near[i-1] {
			kept = append(kept, Row{Kind: rowGap})
		}
	}
	return kept
}
