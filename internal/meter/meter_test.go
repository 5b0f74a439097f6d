package meter

import (
	"context"
	"testing"
	"time"
)

// TestMeter: time in which several programs are at work counts once, and none of it as own.
func TestMeter(t *testing.T) {
	ctx, m := With(context.Background())
	first, second := Other(ctx), Other(ctx)
	m.since = m.since.Add(-3 * time.Second)
	m.begun = m.begun.Add(-5 * time.Second)
	first()
	if m.others != 0 {
		t.Errorf("%v counted while a program is at work", m.others)
	}
	second()
	if e := m.Read(); e.OthersMS < 3000 || e.OthersMS > 3500 || e.OwnMS < 2000 || e.OwnMS > 2500 || e.MaxRSSKB == 0 || e.OwnCPUMS == 0 {
		t.Errorf("%+v", e)
	}
	Other(context.Background())() // counts nowhere
}
