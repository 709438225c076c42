package main

// Signals end a training in order: the step is finished, a checkpoint written, and the report says how to go on. Whatever else is going on
// has a moment to end, and a second Ctrl-C ends anything at once.

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// stopSignal is the signal that ended the command, as the cause of its context.
type stopSignal struct {
	name   string
	status int
}

// Error is the signal's name, which is what a run's record says.
func (s *stopSignal) Error() string { return s.name }

// stopSignals are those that we answer, by what the system calls them.
func stopSignals() map[os.Signal]*stopSignal {
	return map[os.Signal]*stopSignal{
		syscall.SIGHUP:  {"SIGHUP", 129},
		os.Interrupt:    {"SIGINT", 130},
		syscall.SIGTERM: {"SIGTERM", 143},
	}
}

type signals struct {
	context context.Context
	// training says that a training is under way, which ends by itself when the context is canceled.
	training atomic.Bool
}

// grace is what anything but a training has to end after a signal.
const grace = time.Second

// watchSignals cancels the context at the first signal, with the signal as its cause. Signals that the parent process has set to be ignored,
// as nohup does, stay ignored.
func watchSignals(stderr *os.File) *signals {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &signals{context: ctx}
	known := stopSignals()
	got := make(chan os.Signal, 8)
	for sig := range known {
		if !signal.Ignored(sig) {
			signal.Notify(got, sig)
		}
	}
	go func() {
		first := known[<-got]
		cancel(first)
		late := time.AfterFunc(grace, func() {
			if !s.training.Load() {
				fmt.Fprintf(stderr, "descent: stopped by %s\n", first.name)
				os.Exit(first.status)
			}
			fmt.Fprintln(stderr, "descent: finishing the step and writing a checkpoint; a second Ctrl-C ends at once, without them")
		})
		defer late.Stop()
		for sig := range got {
			if sig == os.Interrupt {
				os.Exit(known[sig].status)
			}
		}
	}()
	return s
}

// ignoreBrokenPipe makes writes to a closed standard output an error in place of the end of the process.
func ignoreBrokenPipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
