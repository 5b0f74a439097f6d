package inspect

import (
	"encoding/binary"
	"io"
	"os"
)

// Span is the addresses [Start, End).
type Span struct{ Start, End Addr }

// Populated returns the parts of [start, end) that have pages, in memory or swapped out (/proc/PID/pagemap): to read others
// would make the kernel give the process pages of zeros.
func (p *Process) Populated(start, end Addr) ([]Span, error) {
	f, err := os.Open(p.proc("pagemap"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []Span
	buf := make([]byte, 64<<10)
	pageSize := Addr(p.Machine.PageSize)
	for at := start &^ (pageSize - 1); at < end; {
		n, err := f.ReadAt(buf[:min(len(buf), int((end-at+pageSize-1)/pageSize)*8)], int64(at/pageSize)*8)
		if n < 8 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return list, err
		}
		for i := 0; i+8 <= n; i, at = i+8, at+pageSize {
			const present, swapped = 1 << 63, 1 << 62
			if binary.LittleEndian.Uint64(buf[i:])&(present|swapped) == 0 {
				continue
			}
			if last := len(list) - 1; last >= 0 && list[last].End == at {
				list[last].End = min(at+pageSize, end)
			} else {
				list = append(list, Span{max(at, start), min(at+pageSize, end)})
			}
		}
	}
	return list, nil
}
