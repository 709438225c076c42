package par

import (
	"sync/atomic"
	"testing"
	"time"
)

// A worker without a piece does what it has been offered, once for each offer.
func TestIdle(t *testing.T) {
	p := New(2)
	defer p.Close()
	var done atomic.Int32
	value := 0 // the race detector sees a change while Do reads it
	h := &Idle{}
	h.Do = func() {
		if value > 0 {
			done.Add(1)
		}
	}
	offered := int32(0)
	for deadline := time.Now().Add(10 * time.Second); done.Load() < 20; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d offers were taken", done.Load(), offered)
		}
		if h.Begin() {
			value++
			h.End(p, true)
			offered++
		}
		p.Run(2, newCount(2, 2))
		time.Sleep(20 * time.Microsecond) // the worker waits and does not sleep
	}
	for range 100 {
		p.Run(2, newCount(2, 2))
		time.Sleep(20 * time.Microsecond)
	}
	if n := done.Load(); n > offered {
		t.Errorf("%d offers were taken %d times", offered, n)
	}
}

// What Do reads can't be changed while it runs, and Runs go on meanwhile.
func TestIdleIsBusy(t *testing.T) {
	p := New(2)
	defer p.Close()
	began, end := make(chan bool), make(chan bool)
	h := &Idle{Do: func() { began <- true; <-end }}
	h.Begin()
	h.End(p, true)
	deadline := time.Now().Add(10 * time.Second)
	for waiting := true; waiting; {
		if time.Now().After(deadline) {
			t.Fatal("an offer was not taken")
		}
		p.Run(2, newCount(2, 2))
		select {
		case <-began:
			waiting = false
		case <-time.After(time.Millisecond):
		}
	}
	if h.Begin() {
		t.Error("a change was let in while a worker is at it")
	}
	c := newCount(50, 2)
	p.Run(50, c)
	c.check(t)
	end <- true
	for !h.Begin() {
		time.Sleep(time.Millisecond)
	}
	h.End(nil, false)
}
