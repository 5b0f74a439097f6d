package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"gocare/internal/fault"
	"gocare/internal/plain"
)

// metric is a family of samples of Prometheus' text format, version 0.0.4: gauges, by their labels.
type metric struct {
	name, help string
	labels     []string
	samples    map[string]float64 // by the text of the labels
}

func newMetric(name, help string, labels ...string) *metric {
	return &metric{"gocare_" + name, help, labels, map[string]float64{}}
}

// add adds to the sample with these values of the labels.
func (m *metric) add(n float64, values ...string) { m.samples[m.key(values)] += n }

// key is the text of the labels with these values.
func (m *metric) key(values []string) string {
	var pairs []string
	for i, name := range m.labels {
		pairs = append(pairs, name+`="`+escapeLabel(values[i])+`"`)
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

// escapeLabel writes a value as the format wants it. Nothing that is not to be seen is left.
func escapeLabel(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(plain.Line(value))
}

func (m *metric) write(b *strings.Builder) {
	fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", m.name, m.help, m.name)
	var lines []string
	for labels, n := range m.samples {
		lines = append(lines, m.name+labels+" "+strconv.FormatFloat(n, 'f', -1, 64)+"\n")
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

// writeMetrics writes what was found to a file, as a whole.
func writeMetrics(path string, s *survey, given []string) error {
	text := metricsOf(s, len(given) > 0, time.Now())
	if err := renameio.WriteFile(path, []byte(text), 0o644); err != nil {
		return fault.New(fault.Environment, path, "cannot write the numbers").WithCause(err).WithHint("name a file in a directory that can be written to")
	}
	return nil
}

// metricsOf counts processes. judged says that patches were given, without which nothing is known of vulnerable ones.
func metricsOf(s *survey, judged bool, now time.Time) string {
	all := hostMetrics(s, now)
	if judged {
		all = append(all, givenMetrics(s)...)
	}
	var b strings.Builder
	for _, m := range all {
		m.write(&b)
	}
	return b.String()
}

// patchLabels name a patch.
var patchLabels = []string{"target", "build_id", "patch_id"}

// hostMetrics says what runs on the machine.
func hostMetrics(s *survey, now time.Time) []*metric {
	looked := newMetric("processes", "Processes that were looked at.")
	looked.add(float64(s.Summary.Processes))
	left := newMetric("left_out_processes", "Processes that the user has no rights over.")
	left.add(float64(s.LeftOut))
	unknown := newMetric("failed_processes", "Processes that could not be looked at.", "reason")
	for _, f := range s.Failed {
		unknown.add(1, f.Error.Code)
	}
	applied := newMetric("patch_applied_processes", "Processes in which a patch is applied.", patchLabels...)
	for _, p := range s.Patches {
		applied.add(1, p.Target, p.BuildID, p.ID)
	}
	gone := newMetric("outdated_processes", "Processes that run from a file which was deleted or replaced.", "target", "state")
	for _, h := range s.Processes {
		for _, o := range h.Outdated {
			gone.add(1, o.Target, string(o.State))
		}
	}
	at := newMetric("info_timestamp_seconds", "When the processes were looked at, in seconds since 1970.")
	at.add(float64(now.Unix()))
	return []*metric{looked, left, unknown, applied, gone, at}
}

// givenMetrics says what the given patches are to the processes.
func givenMetrics(s *survey) []*metric {
	with := func(label string) []string { return append(slices.Clone(patchLabels), label) }
	exposed := newMetric("vulnerable_processes", "Processes that run what a given patch would replace.", patchLabels...)
	fixed := newMetric("patched_processes", "Processes in which what a given patch changes is in effect.", patchLabels...)
	obstructed := newMetric("obstructed_processes", "Vulnerable processes to which a given patch cannot be applied now.", with("reason")...)
	cves := newMetric("patch_cve_info", "CVEs that a given patch fixes, where a process is concerned; always 1.", with("cve")...)
	for _, h := range s.Processes {
		for _, o := range h.Objects {
			labels := []string{o.Target, o.BuildID, o.ID}
			bad := 0.0
			if o.State == vulnerable {
				bad = 1
			}
			exposed.add(bad, labels...)
			fixed.add(1-bad, labels...)
			if o.Obstacle != nil {
				obstructed.add(1, append(labels, o.Obstacle.Code)...)
			}
			for _, cve := range o.CVEs {
				cves.samples[cves.key(append(labels, cve))] = 1
			}
		}
	}
	return []*metric{exposed, fixed, obstructed, cves}
}
