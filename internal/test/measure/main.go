// Measure prints figures of the shape of a checkout: files, functions, methods of types, exported names, pairs of files that
// use each other, and words of the documents. Only packages that the programs are made of count, without tests.
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := run(root, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run(root string, out io.Writer) error {
	packages, err := load(root)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	all := packageTable(w, packages)
	typeTable(w, packages)
	if err := wordTable(w, root); err != nil {
		return err
	}
	longest := slices.MaxFunc(all, func(a, b function) int { return cmp.Compare(a.lines, b.lines) })
	fmt.Fprintf(w, "\nlongest function\t%d\t%s\n", longest.lines, longest.name)
	return w.Flush()
}

// packageTable prints a line for each package and one for all of them, and returns all functions.
func packageTable(w io.Writer, packages []pkg) (all []function) {
	fmt.Fprintln(w, "package\tfiles\tlines\tlongest\tfunctions\tmedian\tp90\texported\tarrows\tback")
	total := row{name: "all"}
	for _, p := range packages {
		fns := p.functions()
		r := p.row()
		r.print(w, fns)
		total.add(r)
		all = append(all, fns...)
	}
	total.print(w, all)
	return all
}

// row is a line of the table of packages; longest is in lines, of the longest file.
type row struct {
	name                                          string
	files, lines, longest, exported, arrows, back int
}

func (p *pkg) row() row {
	arrows, back := p.arrows()
	r := row{name: p.path, files: len(p.files), exported: p.exported(), arrows: len(arrows), back: len(back)}
	for _, f := range p.files {
		lines := p.fset.File(f.Pos()).LineCount()
		r.lines, r.longest = r.lines+lines, max(r.longest, lines)
	}
	return r
}

func (r *row) add(o row) {
	r.files, r.lines, r.longest = r.files+o.files, r.lines+o.lines, max(r.longest, o.longest)
	r.exported, r.arrows, r.back = r.exported+o.exported, r.arrows+o.arrows, r.back+o.back
}

func (r row) print(w io.Writer, fns []function) {
	l := lengths(fns)
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\n",
		r.name, r.files, r.lines, r.longest, len(l), quantile(l, 0.5), quantile(l, 0.9), r.exported, r.arrows, r.back)
}

// typeTable prints the types with the most methods.
func typeTable(w io.Writer, packages []pkg) {
	const shown = 5
	type entry struct {
		name string
		n    int
	}
	var list []entry
	for _, p := range packages {
		for name, n := range p.methods() {
			list = append(list, entry{name, n})
		}
	}
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.name, b.name)) })
	fmt.Fprintln(w, "\ntype\tmethods")
	for _, e := range list[:min(shown, len(list))] {
		fmt.Fprintf(w, "%s\t%d\n", e.name, e.n)
	}
}

// wordTable prints how many words each document has.
func wordTable(w io.Writer, root string) error {
	fmt.Fprintln(w, "\ndocument\twords")
	for _, pattern := range []string{"*.md", "doc/*.md", "doc/man/*.[1-8]"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%s\t%d\n", rel, len(bytes.Fields(text)))
		}
	}
	return nil
}
