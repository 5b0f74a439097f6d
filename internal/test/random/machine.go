package main

import (
	"fmt"
	"strings"

	"gocare/internal/test/trial"
)

// machine is what random programs are made and run on.
type machine struct {
	name       string // as MACHINE names it, "" for this one
	compilers  string // that pairs are made with, if none are asked for
	references []reference
	flags      []string          // of every program
	spelled    *strings.Replacer // what in the sources is another machine's
	landing    string            // of some of the programs: jumps lead to marked places only
	plain      string            // of some of the programs: without something that compilers use there
}

// reference is another way to make a program, which differs where the program uses what has no value or depends on how it is compiled.
type reference struct {
	compiler string
	flags    []string
}

func references(gcc string) []reference {
	return []reference{
		{gcc, []string{"-O0", "-ftrivial-auto-var-init=zero"}},
		{"clang", []string{"-O2", "-ftrivial-auto-var-init=pattern"}},
	}
}

var machines = []machine{
	{
		compilers: "gcc clang", references: references("gcc"),
		flags:   []string{"-msse4.2"}, // csmith uses builtins
		spelled: strings.NewReplacer(),
		landing: "-fcf-protection=full", plain: "-mno-red-zone",
	},
	{
		name: "aarch64", compilers: crossGCC + " clang", references: references(crossGCC),
		flags:   []string{"-ffp-contract=off"}, // else a product and a sum are rounded once or twice, as a compiler likes
		spelled: strings.NewReplacer("__builtin_ia32_crc32qi", "__builtin_expect", `"addl %1, %0"`, `"add %w0, %w0, %1"`),
		landing: "-mbranch-protection=standard", plain: "-mno-outline-atomics",
	},
}

const crossGCC = "aarch64-linux-gnu-gcc"

func machineOf(name string) (*machine, error) {
	for i := range machines {
		if machines[i].name == name {
			return &machines[i], nil
		}
	}
	return nil, fmt.Errorf("parameter MACHINE: no %q; there is aarch64", name)
}

// tools are the compilers that are needed.
func (m *machine) tools(rows []trial.Config) (list []string) {
	for _, r := range rows {
		list = append(list, r.Compiler)
	}
	for _, r := range m.references {
		list = append(list, r.compiler)
	}
	return list
}
