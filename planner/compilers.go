package planner

import (
	"bytes"
	"context"

	"gocare/buildtree"
	"gocare/internal/fault"
)

const otherCompiler = "install that compiler again, or build the original with this one (--clean) and restart what runs it"

// compilerCheck compares the programs that compiled units.
type compilerCheck struct{ b *Builds }

// sameCompilers refuses units of which another version of the compiler made the patched version.
func (c compilerCheck) sameCompilers(ctx context.Context, links []pairedLink) error {
	if c.b.Allow(fault.OtherOptions) {
		return nil
	}
	for _, l := range links {
		for _, u := range l.units {
			before, err := c.ident(u.orig.AsmID)
			if err != nil {
				return err
			}
			after, err := c.ident(u.asm)
			if err != nil {
				return err
			}
			if before != after && before != "" && after != "" {
				return fault.Refuse(fault.OtherOptions, c.b.sourceName(u.orig), "the original was compiled by %q, and the patched version by %q", before, after).WithHint(otherCompiler)
			}
			if err := c.samePrograms(ctx, &u); err != nil {
				return err
			}
		}
	}
	return nil
}

// ident is how a compiler names itself in assembly, "" if it does not.
func (c compilerCheck) ident(asm buildtree.Digest) (string, error) {
	text, err := c.b.Store.Blob(asm)
	if err != nil {
		return "", err
	}
	_, after, _ := bytes.Cut(text, []byte("\n\t.ident\t\"")) // a regular expression would take longer than all else here
	line, _, _ := bytes.Cut(after, []byte("\n"))
	return string(line[:max(0, bytes.LastIndexByte(line, '"'))]), nil
}

// samePrograms refuses a unit of which the compiler, as far as files tell, is another one than the original's, unless that makes no difference
// to the original: it is compiled again, to the same assembly, and that assembled to the same object. What cannot be compiled again is refused.
func (c compilerCheck) samePrograms(ctx context.Context, u *pairedUnit) error {
	path, err := c.otherProgram(u)
	if err != nil || path == "" {
		return err
	}
	same, err := c.makesTheSame(ctx, u.orig)
	if err != nil || same {
		return err
	}
	why := "makes other code of it"
	if u.orig.Lang != "asm" && !compilable(u.orig) {
		why = "it cannot be compiled again to see whether that matters"
	}
	return fault.Refuse(fault.OtherOptions, c.b.sourceName(u.orig), "%s is another one than when the original was compiled, and %s", path, why).
		WithHint(otherCompiler)
}

// otherProgram returns a program that is not the same for the two versions of a unit, "" if there is none or that is not known.
func (c compilerCheck) otherProgram(u *pairedUnit) (string, error) {
	before, after := u.orig.Programs, u.record.Programs
	if before == "" {
		return "", nil
	}
	if u.record.AsmID != u.asm { // compiled just now
		var err error
		if after, err = c.b.Store.Programs(&u.record, c.b.Env); err != nil {
			return "", err
		}
	}
	if before == after || after == "" {
		return "", nil
	}
	was, err := c.b.Store.Blob(before)
	if err != nil {
		return "", err
	}
	is, err := c.b.Store.Blob(after)
	return buildtree.OtherProgram(buildtree.ParseReads(was), buildtree.ParseReads(is)), err
}

// makesTheSame reports whether the compiler and the assembler of today make of a unit of the original what it was.
func (c compilerCheck) makesTheSame(ctx context.Context, u *buildtree.Unit) (bool, error) {
	switch {
	case u.Lang == "asm": // no compiler made its text
	case !compilable(u): // from standard input: what it was made of is gone
		return false, nil
	default:
		results, err := c.b.compileHere(ctx, []request{{unit: u}})
		if err != nil || results[0].err != nil {
			return false, err
		}
		if same, err := c.b.sameButStamps(u.AsmID, results[0].asm); err != nil || !same {
			return false, err
		}
	}
	if u.As == u.Driver { // which assembles inside, and otherwise than it does a text
		return true, nil
	}
	text, err := c.b.Store.Blob(u.AsmID)
	if err != nil {
		return false, err
	}
	object, err := Assemble(ctx, c.b.Store, u, text)
	return err == nil && buildtree.DigestOf(object) == u.ObjectID, nil
}
