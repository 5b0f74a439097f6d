package wrapper

import (
	"os"
	"path/filepath"
	"strings"
)

// maxResponses ends response files that name each other; libiberty allows as many.
const maxResponses = 2000

// expandResponse replaces each @FILE by the arguments in it, as libiberty's expandargv does; a file that cannot be read
// stays as it is.
func expandResponse(args []string, dir string) []string {
	expanded, _ := readResponses(args, dir)
	return expanded
}

// readResponses also returns the absolute paths of the files it read.
func readResponses(args []string, dir string) (expanded, files []string) {
	return expandSome(args, dir, &files), files
}

func expandSome(args []string, dir string, files *[]string) []string {
	if !anyResponse(args) {
		return args
	}
	var out []string
	for _, a := range args {
		name, ok := strings.CutPrefix(a, "@")
		if !ok || name == "" || len(*files) == maxResponses {
			out = append(out, a)
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			out = append(out, a)
			continue
		}
		*files = append(*files, name)
		out = append(out, expandSome(splitWords(string(data)), dir, files)...)
	}
	return out
}

func anyResponse(args []string) bool {
	for _, a := range args {
		if strings.HasPrefix(a, "@") {
			return true
		}
	}
	return false
}

// splitWords splits as libiberty's buildargv: white space separates, single and double quotes group, a backslash takes
// the next character as it is, in quotes too.
func splitWords(s string) []string {
	var words []string
	var word strings.Builder
	started := false
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && i+1 < len(s):
			i++
			word.WriteByte(s[i])
			started = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			started = true
		case quote == 0 && strings.IndexByte(" \t\n\r\v\f", c) >= 0:
			if started {
				words = append(words, word.String())
			}
			word.Reset()
			started = false
		default:
			word.WriteByte(c)
			started = true
		}
	}
	if started {
		words = append(words, word.String())
	}
	return words
}

// splitOptions splits COLLECT_GCC_OPTIONS: each argument in single quotes, a quote inside written as '\” (GCC's
// set_collect_gcc_options).
func splitOptions(s string) []string {
	var opts []string
	for {
		start := strings.IndexByte(s, '\'')
		if start < 0 {
			return opts
		}
		var word strings.Builder
		s = s[start+1:]
		for {
			end := strings.IndexByte(s, '\'')
			if end < 0 {
				return append(opts, word.String()+s)
			}
			word.WriteString(s[:end])
			s = s[end+1:]
			rest, escaped := strings.CutPrefix(s, `\''`)
			if !escaped {
				break
			}
			word.WriteByte('\'')
			s = rest
		}
		opts = append(opts, word.String())
	}
}
