package asmpack

import "bytes"

// Labels of one kind are numbered through a text, whatever the lines are like in which they stand; so are the lines of the source in directives of
// both shapes:
//
//	.loc 1 12 3 is_stmt 1 view .LVU7
//	.loc 1 13 5 view .LVU8
//
// So for each kind it is kept what the last number was, for the next to be told from that.

// counters are the kinds of numbers.
type counters struct {
	index   map[string]int
	last    []uint64
	byShape [][]int // for each number of each shape its kind, noCounter if it has none
}

const noCounter = -1

// sameCounter are labels that are numbered with others.
var sameCounter = map[string]string{".LVUS": ".LLST", ".LBE": ".LBB", ".LBI": ".LBB"}

// of returns the last number of the kind that a number of a shape has, nil if it has none.
func (c *counters) of(shapes [][]byte, shape, index int) *uint64 {
	for n := len(c.byShape); n <= shape; n++ {
		c.byShape = append(c.byShape, c.kinds(shapes[n]))
	}
	kind := c.byShape[shape][index]
	if kind == noCounter {
		return nil
	}
	return &c.last[kind]
}

func (c *counters) kinds(shape []byte) (list []int) {
	for i, mark := range shape {
		if mark == hexMark || mark == numberMark {
			list = append(list, c.kind(counterName(shape, i, len(list))))
		}
	}
	return list
}

func (c *counters) kind(name string) int {
	if name == "" {
		return noCounter
	}
	kind, known := c.index[name]
	if !known {
		if c.index == nil {
			c.index = map[string]int{}
		}
		kind = len(c.last)
		c.index[name] = kind
		c.last = append(c.last, 0)
	}
	return kind
}

// counterName is the kind of the number of which the mark is at an offset of a shape, "" if it has none. index counts the numbers.
func counterName(shape []byte, at, index int) string {
	if string(shape) == stringLabel { // not the number, but how far from guessed
		return ""
	}
	name := bytes.TrimRightFunc(shape[:at], func(r rune) bool { return r >= 'A' && r <= 'Z' })
	if label := string(shape[max(len(name)-1, 0):at]); len(label) > 2 && label[:2] == ".L" {
		if same, known := sameCounter[label]; known {
			return same
		}
		return label
	}
	if bytes.HasPrefix(shape, []byte("\t.loc ")) && index < 3 {
		return "file, line, column"[:index+1]
	}
	return ""
}
