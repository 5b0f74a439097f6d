package fault

//go:generate go run ./listcodes

// Code is a stable reason code in kebab-case. The register has every one; Go names them by the constants of codes.go.
type Code string

// Reason is what is known about a reason code.
type Reason struct {
	Code  Code
	Stage string // the section of gocare(7)
	// Vouch is what whoever overrides the refusal (patchmake --allow) answers for; "" if it cannot be overridden.
	Vouch string
	// Hint is that of every refusal which is given no other; "" if there is none.
	Hint string
	// Paragraph explains the code, for gocare(7) and for terminals. What stands between `backquotes` is typed as it is.
	Paragraph string
}

// register has the stages in the order of gocare(7), and the codes of each.
var register = []struct {
	stage   string
	reasons []Reason
}{
	{"reading source patches", reading},
	{"building and recording", building},
	{"what changed", changes},
	{"assembly", assembly},
	{"references and the original binary", references},
	{"patch files", patchFiles},
	{"signatures", signatures},
	{"processes", processes},
}

// Reasons returns every reason, stage by stage in the order of gocare(7).
func Reasons() (list []Reason) {
	for _, s := range register {
		for _, r := range s.reasons {
			r.Stage = s.stage
			list = append(list, r)
		}
	}
	return list
}

// Lookup returns what is known about a code.
func Lookup(code Code) (r Reason, known bool) {
	for _, s := range register {
		for _, r := range s.reasons {
			if r.Code == code {
				r.Stage = s.stage
				return r, true
			}
		}
	}
	return Reason{}, false
}

// Overridable reports whether refusals with a reason code can be overridden (patchmake --allow CODE): the patch can be
// made, and the user vouches for it.
func Overridable(code Code) bool {
	r, _ := Lookup(code)
	return r.Vouch != ""
}
