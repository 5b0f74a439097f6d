package ui

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"gocare/internal/fault"
)

// completionFlag is the CLI library's own last argument when the shell asks for completions.
const completionFlag = "--generate-bash-completion"

// Permute reorders arguments (without the program name) so that options come first, as the CLI library wants them:
// urfave/cli v2 reads options with package flag, which stops at the first positional argument, and has no setting that
// changes this; nor does it know "-j64". flags are all options that may occur; --help and -h are known too.
//
// "--" ends the options. "-j64" and "-j=64" become "-j 64". Short options are not bundled. An unknown option, an option
// without its value and a value for an option that takes none are wrong usage. When a positional argument begins with
// "-" (other than "-" itself), "--" precedes the positional arguments.
func Permute(args []string, flags []cli.Flag) ([]string, error) {
	p := permuter{takesValue: flagNames(flags)}
	if n := len(args); n > 0 && args[n-1] == completionFlag {
		return append([]string(nil), args...), nil
	}
	for len(args) > 0 {
		n, err := p.take(args)
		if err != nil {
			return nil, err
		}
		args = args[n:]
	}
	return p.result(), nil
}

// flagNames maps each name of each flag to whether it takes a value.
func flagNames(flags []cli.Flag) map[string]bool {
	names := map[string]bool{"help": false, "h": false}
	for _, f := range flags {
		value := true
		if d, ok := f.(cli.DocGenerationFlag); ok {
			value = d.TakesValue()
		}
		for _, name := range f.Names() {
			names[name] = value
		}
	}
	return names
}

type permuter struct {
	takesValue  map[string]bool
	options     []string
	positionals []string
}

// take moves the first argument, and its value if it has one, to where it belongs. It returns how many it moved.
func (p *permuter) take(args []string) (int, error) {
	arg := args[0]
	switch {
	case arg == "--":
		p.positionals = append(p.positionals, args[1:]...)
		return len(args), nil
	case arg == "-" || !strings.HasPrefix(arg, "-"):
		p.positionals = append(p.positionals, arg)
		return 1, nil
	case strings.HasPrefix(arg, "--"):
		return p.long(arg, args[1:])
	}
	return p.short(arg, args[1:])
}

func (p *permuter) long(arg string, rest []string) (int, error) {
	name, _, attached := strings.Cut(arg[2:], "=")
	value, known := p.takesValue[name]
	switch {
	case !known || len(name) < 2:
		return 0, unknownOption("--" + name)
	case attached || !value:
		p.options = append(p.options, arg)
		return 1, nil
	}
	return p.withNext(arg, rest)
}

func (p *permuter) short(arg string, rest []string) (int, error) {
	name, attached := arg[1:2], arg[2:]
	value, known := p.takesValue[name]
	switch {
	case !known:
		return 0, unknownOption(arg)
	case attached == "" && !value:
		p.options = append(p.options, arg)
		return 1, nil
	case attached == "":
		return p.withNext(arg, rest)
	case !value:
		return 0, unknownOption(arg).WithHint("options are not bundled: write them apart, and long ones with two dashes")
	}
	p.options = append(p.options, "-"+name, strings.TrimPrefix(attached, "="))
	return 1, nil
}

func (p *permuter) withNext(arg string, rest []string) (int, error) {
	if len(rest) == 0 {
		return 0, fault.New(fault.Usage, "", "option %s needs a value", arg)
	}
	p.options = append(p.options, arg, rest[0])
	return 2, nil
}

func (p *permuter) result() []string {
	out := append([]string{}, p.options...)
	for _, arg := range p.positionals {
		if len(arg) > 1 && arg[0] == '-' {
			out = append(out, "--")
			break
		}
	}
	return append(out, p.positionals...)
}

func unknownOption(arg string) *fault.Error {
	return fault.New(fault.Usage, "", "unknown option %s", arg).WithHint("see --help for the options")
}

// Command takes the first positional argument out of args when it is one of names; else name is empty and rest is args.
// flags are all options that may occur before it. A wrong option is left for Permute to report.
func Command(args []string, flags []cli.Flag, names []string) (name string, rest []string) {
	p := permuter{takesValue: flagNames(flags)}
	for at := 0; at < len(args) && args[at] != "--"; {
		before := len(p.positionals)
		n, err := p.take(args[at:])
		if err != nil || len(p.positionals) == before {
			at += max(n, 1)
			continue
		}
		if !slices.Contains(names, args[at]) {
			return "", args
		}
		return args[at], slices.Concat(args[:at], args[at+1:])
	}
	return "", args
}
