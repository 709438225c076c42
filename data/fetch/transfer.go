package fetch

// This file is the transfer by https. A file comes from the first mirror that has it right; when a transfer is cut, the next attempt, at
// the next mirror or in the next process, asks for the rest only. A server that knows no ranges sends the whole again.

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/descent-go/descent/data"
)

// usualWaits are the pauses before each round over the mirrors: a transfer is tried that often at each.
var usualWaits = []time.Duration{0, time.Second, 3 * time.Second}

const (
	usualStall   = time.Minute
	maxRedirects = 10
	slack        = 1 << 16 // what packing may add to a file that cannot be packed
)

// client makes the client that sends requests.
func client(from *http.Client) *http.Client {
	c := &http.Client{}
	if from != nil {
		*c = *from
	} else {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.ResponseHeaderTimeout = 30 * time.Second
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		c.Transport = t
	}
	c.CheckRedirect = redirects
	return c
}

// redirects follows to https only, and not for ever.
func redirects(to *http.Request, via []*http.Request) error {
	switch {
	case to.URL.Scheme != "https":
		return final(fmt.Errorf("redirected to %s, wanted https: what comes by another way can be read and changed on it", to.URL.Redacted()))
	case len(via) >= maxRedirects:
		return final(fmt.Errorf("redirected %d times, last to %s; given up", len(via), to.URL.Redacted()))
	}
	return nil
}

// finalError is an error that another attempt at the same mirror would not mend.
type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

func final(err error) error { return &finalError{err} }

func isFinal(err error) bool {
	var f *finalError
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	var own *storeError
	return errors.As(err, &f) || errors.As(err, &certificate) || errors.As(err, &name) || errors.As(err, &own)
}

// mirror is a folder on a server.
type mirror struct {
	base      string // ends with a slash
	published bool   // it serves the files as they were published, so that their packed sizes are known
}

// key tells files apart that may be packed differently: the published ones are the same at all mirrors.
func (m mirror) key() string {
	if m.published {
		return "published"
	}
	sum := sha256.Sum256([]byte(m.base))
	return hex.EncodeToString(sum[:6])
}

// shown is the address for messages, without a password.
func (m mirror) shown() string {
	if u, err := url.Parse(m.base); err == nil {
		return u.Redacted()
	}
	return m.base
}

// mirrors are servers of the same files.
type mirrors []mirror

func (m mirrors) name() string {
	if len(m) == 1 {
		return m[0].shown()
	}
	return "the mirrors"
}

func (m mirrors) ready(context.Context, *getter) (place, error) { return m, nil }

func (m mirrors) file(ctx context.Context, g *getter, f data.SetFile) error {
	failed := make([]error, len(m))
	hopeless := func(err error) bool { return err != nil && isFinal(err) }
	for _, wait := range g.waits {
		if !slices.ContainsFunc(failed, func(err error) bool { return !hopeless(err) }) {
			break
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
		for i, one := range m {
			if hopeless(failed[i]) {
				continue
			}
			err := g.fromMirror(ctx, one, f)
			var own *storeError
			if err == nil || ctx.Err() != nil || errors.As(err, &own) {
				return err
			}
			failed[i] = err
		}
	}
	if len(m) == 1 {
		return failed[0]
	}
	for i, err := range failed {
		failed[i] = fmt.Errorf("%s: %w", m[i].shown(), err)
	}
	return &severalError{failed}
}

// severalError is what went wrong at each of several mirrors, in one line.
type severalError struct{ list []error }

func (e *severalError) Error() string {
	var list []string
	for _, err := range e.list {
		list = append(list, err.Error())
	}
	return strings.Join(list, "; ")
}

func (e *severalError) Unwrap() []error { return e.list }

// fromMirror makes one attempt to get a file and stages it. What is left of a cut transfer stays for the next attempt; content that is
// wrong does not.
func (g *getter) fromMirror(ctx context.Context, m mirror, f data.SetFile) error {
	part, name, err := g.store.partial(f, m.key())
	if err != nil {
		return err
	}
	defer part.Close()
	before, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return g.store.failure(err)
	}
	address := m.base + f.Name + ".gz"
	err = g.download(ctx, m, address, f, part)
	var none *missingError
	if errors.As(err, &none) && !m.published {
		// A person's own server may have the files unpacked.
		if plain := g.download(ctx, m, m.base+f.Name, f, part); !errors.As(plain, &none) {
			err = plain
		}
	}
	if err != nil {
		return err
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return g.store.failure(err)
	}
	err = g.store.stage(f, stopping{ctx, part})
	var own *storeError
	if ctx.Err() != nil || errors.As(err, &own) {
		return err // what arrived may be right
	}
	part.Close()
	if gone := g.store.root.Remove(name); gone != nil && err == nil {
		return g.store.failure(gone)
	}
	if err == nil {
		g.came = m.shown()
		return nil
	}
	err = fmt.Errorf("%s: %w", f.Name, err)
	if before > 0 { // the fault may lie in what had arrived before, from elsewhere
		return err
	}
	return final(err)
}

// missingError says that the server has no such file.
type missingError struct{ error }

func (e *missingError) Unwrap() error { return e.error }

// download brings part to the whole file, as far as one request can.
func (g *getter) download(ctx context.Context, m mirror, address string, f data.SetFile, part *os.File) error {
	have, err := part.Seek(0, io.SeekEnd)
	if err != nil {
		return g.store.failure(err)
	}
	// The most bytes that the file can have; of a published one it is the exact number.
	most := f.Packed
	if !m.published {
		most = f.Size + slack
	}
	anew := func() error {
		have = 0
		if err := part.Truncate(0); err != nil {
			return g.store.failure(err)
		}
		_, err := part.Seek(0, io.SeekStart)
		return g.store.failure(err)
	}
	if m.published && have == most {
		return nil
	}
	if have > most {
		if err := anew(); err != nil {
			return err
		}
	}
	ctx, watch := context.WithCancelCause(ctx)
	defer watch(nil)
	idle := time.AfterFunc(g.stall, func() { watch(fmt.Errorf("nothing arrived for %v", g.stall)) })
	defer idle.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return final(err)
	}
	request.Header.Set("User-Agent", "descent")
	// As it lies there: sizes and ranges are those of the packed file. Said openly, so that the client does not ask for gzip by itself.
	request.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		request.Header.Set("Range", "bytes="+strconv.FormatInt(have, 10)+"-")
	}
	g.progress(Progress{Place: m.shown(), File: f.Name, Done: have, Total: f.Packed})
	response, err := g.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, reason(ctx, err))
	}
	defer response.Body.Close()
	wanted := have > 0
	switch code := response.StatusCode; {
	case code == http.StatusOK:
		if err := anew(); err != nil {
			return err
		}
	case code == http.StatusPartialContent && wanted:
		if start, total := contentRange(response.Header.Get("Content-Range")); start != have || m.published && total >= 0 && total != most {
			wrong := fmt.Errorf("%s: the server sends the part %q, wanted the bytes from %d on of %d", f.Name, response.Header.Get("Content-Range"), have, most)
			if err := anew(); err != nil {
				return err
			}
			return wrong
		}
	case code == http.StatusRequestedRangeNotSatisfiable && wanted:
		if err := anew(); err != nil {
			return err
		}
		return fmt.Errorf("%s: the server has nothing after the bytes that had arrived before; they are thrown away", f.Name)
	case code == http.StatusNotFound || code == http.StatusGone:
		return &missingError{final(fmt.Errorf("%s: the server has no such file (%s)", f.Name, response.Status))}
	case code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code >= 500:
		return fmt.Errorf("%s: the server answered %s", f.Name, response.Status)
	default:
		return final(fmt.Errorf("%s: the server answered %s, wanted 200 OK", f.Name, response.Status))
	}
	if n := response.ContentLength; n >= 0 {
		if total := have + n; m.published && total != most {
			return final(fmt.Errorf("%s: the server announces %d bytes, wanted %d", f.Name, total, most))
		} else if total > most {
			return final(fmt.Errorf("%s: the server announces %d bytes, wanted %d at most", f.Name, total, most))
		}
	}
	total := f.Packed
	if n := response.ContentLength; n >= 0 {
		total = have + n
	}
	to := &writer{to: part}
	from := &counted{r: response.Body, done: have, tell: func(done int64, now bool) {
		idle.Reset(g.stall)
		if now {
			g.progress(Progress{Place: m.shown(), File: f.Name, Done: done, Total: total})
		}
	}}
	n, err := io.Copy(to, io.LimitReader(from, most-have+1))
	have += n
	switch {
	case to.err != nil:
		return g.store.failure(to.err)
	case have > most:
		if err := anew(); err != nil {
			return err
		}
		return final(fmt.Errorf("%s: the server sends more than the %d bytes wanted", f.Name, most))
	case err != nil:
		return fmt.Errorf("%s: the transfer was cut after %d bytes of %d: %w", f.Name, have, total, reason(ctx, err))
	case m.published && have < most:
		return fmt.Errorf("%s: the transfer ended after %d bytes of %d", f.Name, have, most)
	}
	return nil
}

// contentRange reads "bytes 100-199/200": where the part starts and how long the whole is, -1 if that is not said.
func contentRange(s string) (start, total int64) {
	s, ok := strings.CutPrefix(s, "bytes ")
	span, whole, ok2 := strings.Cut(s, "/")
	first, _, ok3 := strings.Cut(span, "-")
	start, err := strconv.ParseInt(first, 10, 64)
	if !ok || !ok2 || !ok3 || err != nil {
		return -1, -1
	}
	if total, err = strconv.ParseInt(whole, 10, 64); err != nil {
		total = -1
	}
	return start, total
}

// reason is the cause of a failed request, without the address, which messages name already.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// counted counts what is read and tells of it, now and then.
type counted struct {
	r    io.Reader
	done int64
	last time.Time
	tell func(done int64, now bool)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.done += int64(n)
	if n > 0 {
		const often = 100 * time.Millisecond
		now := time.Since(c.last) >= often
		if now {
			c.last = time.Now()
		}
		c.tell(c.done, now)
	}
	return n, err
}

// stopping reads until the context is canceled.
type stopping struct {
	ctx context.Context
	r   io.Reader
}

func (s stopping) Read(p []byte) (int, error) {
	if err := context.Cause(s.ctx); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
