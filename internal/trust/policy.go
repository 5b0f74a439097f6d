package trust

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"gocare/internal/fault"
)

// policy is what the administrator's file says.
type policy struct {
	required bool                 // patches must be signed
	until    map[uint64]time.Time // by key: from then on, nothing that it signed is taken
}

// parsePolicy reads the text of a policy: a word and its values in each line, # begins a comment. It must say whether signatures are
// required, so that a file which was cut off does not mean less than it did.
func parsePolicy(path, text string) (policy, error) {
	p := policy{until: map[uint64]time.Time{}}
	said := false
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		var err error
		switch {
		case words[0] == "require-signature" && said:
			err = fmt.Errorf("require-signature is said twice")
		case words[0] == "require-signature":
			said = true
			p.required, err = parseRequired(words[1:])
		case words[0] == "key-until":
			err = p.parseUntil(words[1:])
		default:
			err = fmt.Errorf("unknown word %q", words[0])
		}
		if err != nil {
			return policy{}, fault.Refuse(fault.BadPolicy, fmt.Sprintf("%s:%d", path, number), "%v", err)
		}
	}
	if !said {
		return policy{}, fault.Refuse(fault.BadPolicy, path, "does not say whether signatures are required").
			WithHint("write require-signature yes, or require-signature no")
	}
	return p, nil
}

func parseRequired(values []string) (bool, error) {
	if len(values) == 1 {
		switch values[0] {
		case "yes":
			return true, nil
		case "no":
			return false, nil
		}
	}
	return false, fmt.Errorf("require-signature %s: neither yes nor no", strings.Join(values, " "))
}

// parseUntil reads a key's id and the last day, of UTC, on which it counts.
func (p *policy) parseUntil(values []string) error {
	if len(values) != 2 {
		return fmt.Errorf("key-until takes the id of a key and a day")
	}
	id, err := strconv.ParseUint(values[0], 16, 64)
	if err != nil {
		return fmt.Errorf("key-until %s: no id of a key, up to 16 hexadecimal digits", values[0])
	}
	day, err := time.Parse(time.DateOnly, values[1])
	if err != nil {
		return fmt.Errorf("key-until %s: no day such as 2027-12-31", values[1])
	}
	if _, twice := p.until[id]; twice {
		return fmt.Errorf("key-until names key %s twice", values[0])
	}
	p.until[id] = day.AddDate(0, 0, 1)
	return nil
}
