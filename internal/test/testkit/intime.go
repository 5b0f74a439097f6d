package testkit

import "testing"

// InTime makes attempts until nothing is late in one that counts. On a busy machine some do not, since the stop comes when the wait is over, and
// anything may be late; but a wait that begins anew is late in each that counts.
func InTime(t testing.TB, attempt func() (late, counts bool)) {
	t.Helper()
	counted := 0
	for range 20 {
		late, counts := attempt()
		if counts && !late {
			return
		}
		if counts {
			counted++
		}
	}
	if counted == 0 {
		t.Skip("this machine is too busy")
	}
	t.Errorf("late in all of %d attempts", counted)
}
