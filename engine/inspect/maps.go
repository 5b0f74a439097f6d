package inspect

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"gocare/internal/procfs"
)

// readMaps parses the text of /proc/PID/maps (proc_pid_maps(5)).
func readMaps(r io.Reader) ([]Mapping, error) {
	var maps []Mapping
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 64<<10) // a path is at most 4096 bytes, each at most 4 when escaped
	for scanner.Scan() {
		m, err := parseMapping(scanner.Text())
		if err != nil {
			return nil, fmt.Errorf("maps line %d: %w", len(maps)+1, err)
		}
		maps = append(maps, m)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("maps: %w", err)
	}
	return maps, nil
}

// parseMapping parses "55d0-55e0 r-xp 00001000 fd:01 1234    /bin/cat".
func parseMapping(line string) (Mapping, error) {
	var f [5]string
	rest := line
	for i := range f {
		f[i], rest, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
	}
	start, end, ok := strings.Cut(f[0], "-")
	if !ok || len(f[1]) != 4 || f[4] == "" {
		return Mapping{}, fmt.Errorf("malformed: %q", line)
	}
	m := Mapping{
		Read: f[1][0] == 'r', Write: f[1][1] == 'w', Exec: f[1][2] == 'x', Priv: f[1][3] == 'p',
		Dev: f[3], Path: strings.TrimLeft(rest, " "),
	}
	for _, n := range []struct {
		text string
		base int
		to   *uint64
	}{{start, 16, (*uint64)(&m.Start)}, {end, 16, (*uint64)(&m.End)}, {f[2], 16, &m.Offset}, {f[4], 10, &m.Inode}} {
		v, err := strconv.ParseUint(n.text, n.base, 64)
		if err != nil {
			return Mapping{}, fmt.Errorf("malformed: %q", line)
		}
		*n.to = v
	}
	if m.Start >= m.End {
		return Mapping{}, fmt.Errorf("empty range: %q", line)
	}
	return m, nil
}

// Maps reads the mappings anew.
func (p *Process) Maps() ([]Mapping, error) { return readMapsFile(p.proc("maps")) }

// MapsText reads the text of /proc/PID/maps: to compare it takes less time than to understand it.
func (p *Process) MapsText() ([]byte, error) { return procfs.Read(p.proc("maps")) }

// ParseMaps parses the text of /proc/PID/maps.
func ParseMaps(text []byte) ([]Mapping, error) { return readMaps(bytes.NewReader(text)) }

func readMapsFile(path string) ([]Mapping, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readMaps(f)
}
