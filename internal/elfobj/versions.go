package elfobj

import "fmt"

// versionNames maps the version indices of .gnu.version to names: those the file needs and those it defines
// (Linux Standard Base Core 5.0, section 10.7). Indices 0 and 1 (local, global) have none.
func (t *dynTables) versionNames(names strtab) (map[uint16]string, error) {
	versions := map[uint16]string{}
	if err := t.readNeeds(names, versions); err != nil {
		return nil, fmt.Errorf("needs: %w", err)
	}
	if err := t.readDefinitions(names, versions); err != nil {
		return nil, fmt.Errorf("definitions: %w", err)
	}
	return versions, nil
}

// readNeeds walks Verneed records of 16 bytes, each with a chain of Vernaux records of 16 bytes.
func (t *dynTables) readNeeds(names strtab, versions map[uint16]string) error {
	budget := len(t.verneed) / 16 // more records than this means a loop
	at := uint64(0)
	for n := uint64(0); n < t.needCount; n++ {
		need, err := record(t.verneed, at, 16, &budget)
		if err != nil {
			return err
		}
		aux := at + uint64(order.Uint32(need[8:]))
		for range order.Uint16(need[2:]) {
			b, err := record(t.verneed, aux, 16, &budget)
			if err != nil {
				return err
			}
			if versions[order.Uint16(b[6:])&0x7fff], err = names.at(uint64(order.Uint32(b[8:]))); err != nil {
				return err
			}
			next := uint64(order.Uint32(b[12:]))
			if next == 0 {
				break
			}
			aux += next
		}
		next := uint64(order.Uint32(need[12:]))
		if next == 0 {
			break
		}
		at += next
	}
	return nil
}

// readDefinitions walks Verdef records of 20 bytes; the first Verdaux record of each holds its name. The definition
// flagged VER_FLG_BASE (1) names the file, not a version.
func (t *dynTables) readDefinitions(names strtab, versions map[uint16]string) error {
	budget := len(t.verdef) / 8
	at := uint64(0)
	for n := uint64(0); n < t.verdefEntries; n++ {
		def, err := record(t.verdef, at, 20, &budget)
		if err != nil {
			return err
		}
		aux, err := record(t.verdef, at+uint64(order.Uint32(def[12:])), 8, &budget)
		if err != nil {
			return err
		}
		if order.Uint16(def[2:])&1 == 0 {
			if versions[order.Uint16(def[4:])&0x7fff], err = names.at(uint64(order.Uint32(aux))); err != nil {
				return err
			}
		}
		next := uint64(order.Uint32(def[16:]))
		if next == 0 {
			break
		}
		at += next
	}
	return nil
}

func record(table []byte, at, size uint64, budget *int) ([]byte, error) {
	if *budget--; *budget < 0 {
		return nil, fmt.Errorf("more records than fit the table")
	}
	return slice(table, at, size)
}
