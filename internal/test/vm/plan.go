package main

import (
	"cmp"
	"os"
	"slices"
)

// profile is a processor, and the options that programs for it are compiled with.
type profile struct {
	name, cpu, cflags string
	compilers         string // of the constructs
	telling           []job  // what its machines do unless all is asked for
}

// job is what one boot of a machine does.
type job struct {
	name     string
	live     bool     // patch the constructs' programs
	packages []string // whose tests run
	flags    string   // for these
	pattern  string   // of the names of the tests, unless others are asked for
}

var (
	live   = job{name: "live", live: true}
	engine = job{name: "engine", packages: []string{"./engine"}}
	// far runs those of the engine's tests that write many hooks as if nothing were free within reach of calls.
	far = job{
		name: "far", packages: []string{"./engine"}, flags: "-far",
		pattern: "^Test(ApplyAndRevert|Recover|Settle.*|Guardian.*|LeadOutKilled|LeadOutNever|OverPatch|Stale.*|ChangedMeanwhile|Replace|Stack.*|" +
			"SeveralObjects|Imports|LowerRemovedByAnother|RemovalBusy)$",
	}
	// few kills carectl at each eighth place where usually it is killed at every one, which takes two thirds of the time of all tests.
	carectl = job{name: "carectl", packages: []string{"./cmd/carectl"}}
	few     = job{name: "carectl", packages: []string{"./cmd/carectl"}, flags: "-kill-step 8"}
	rest    = job{name: "rest", packages: []string{
		"./internal/arch", "./kpatch", "./engine/link", "./engine/unwind", "./engine/inspect", "./engine/trace",
	}}
)

// everything begins with what takes longest, so that machines side by side end together.
var everything = []job{carectl, engine, live, far, rest}

var profiles = []profile{
	{
		name: "plain", cpu: "cortex-a57", compilers: "aarch64-linux-gnu-gcc clang",
		telling: []job{engine, live, few, far, rest},
	},
	{
		name: "protected", cpu: "max,pauth-impdef=on", cflags: "-mbranch-protection=standard", compilers: "aarch64-linux-gnu-gcc",
		telling: []job{engine, live, far, rest},
	},
}

// plan returns the machines for what is asked for, in the order in which they start.
func (o *options) plan() (list []*machine) {
	profiles := slices.Clone(profiles)
	profiles[0].cpu = cmp.Or(o.cpu, profiles[0].cpu)
	if o.cells != "" {
		return []*machine{{options: o, profile: profile{name: "cells", cpu: profiles[0].cpu}, cells: o.cells}}
	}
	for _, p := range profiles {
		jobs := p.telling
		switch {
		case len(o.packages) > 0:
			jobs = []job{{name: "tests", packages: o.packages}}
		case o.all:
			jobs = everything
		}
		for _, j := range jobs {
			if o.part == "" || o.part == j.name || o.part == "tests" && !j.live {
				list = append(list, &machine{options: o, profile: p, job: j})
			}
		}
	}
	return list
}

// constructs returns the environment that tells the test that makes cells of constructs which ones are wanted: those that variables of the same
// names ask for, else all of a usual build.
func (m *machine) constructs(folder string) []string {
	levels, shapes := "O2", "pie library"
	if m.options.all {
		levels, shapes = "O0 O2 O3", "pie nopie library static"
	}
	asked := func(name, usual string) string { return "GOCARE_" + name + "=" + cmp.Or(os.Getenv(name), usual) }
	return []string{
		"GOCARE_CELLS=" + folder, "GOCARE_FLAGS=" + m.cflags, "CARE_REQUIRE=all",
		asked("COMPILERS", m.compilers), asked("LEVELS", levels), asked("SHAPES", shapes), asked("CONSTRUCTS", ""),
	}
}
