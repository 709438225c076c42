package fetch

// Transfers from a server of this process, by TLS with a root that only the tests know.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// server serves a sample's packed files; behave, if it is not nil, does so in its place where it returns true.
type server struct {
	*httptest.Server
	mutex  sync.Mutex
	asked  []string // file names with the ranges asked for
	sample sample
	behave func(s *server, w http.ResponseWriter, r *http.Request, name string) bool
}

func serve(t *testing.T, s sample, behave func(*server, http.ResponseWriter, *http.Request, string) bool) *server {
	t.Helper()
	one := &server{sample: s, behave: behave}
	one.Server = httptest.NewUnstartedServer(one)
	one.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are meant to
	one.StartTLS()
	t.Cleanup(one.Close)
	return one
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(filepath.Base(r.URL.Path), ".gz")
	s.mutex.Lock()
	s.asked = append(s.asked, strings.TrimSpace(name+" "+r.Header.Get("Range")))
	s.mutex.Unlock()
	if s.behave != nil && s.behave(s, w, r, name) {
		return
	}
	content, ok := s.sample.packed[name]
	if !ok || !strings.HasSuffix(r.URL.Path, ".gz") {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// times is how often a file was asked for.
func (s *server) times(name string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	n := 0
	for _, a := range s.asked {
		if f, _, _ := strings.Cut(a, " "); f == name {
			n++
		}
	}
	return n
}

// getter asks these servers as the known mirrors.
func (s sample) from(servers ...*server) *getter {
	g := s.getter()
	g.client = client(servers[0].Client()) // all test servers have one root
	for _, one := range servers {
		g.known.mirrors = append(g.known.mirrors, one.URL+"/"+s.set.Name+"/")
	}
	return g
}

func TestTransfer(t *testing.T) {
	s := newSample()
	a := serve(t, s, nil)
	dir := t.TempDir()
	g := s.from(a)
	last := map[string]Progress{}
	g.progress = func(p Progress) { last[p.File] = p }
	r, err := g.get(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.whole(t, dir)
	if r.Place != a.URL+"/sample/" || len(r.Missed) != 0 || len(a.asked) != len(s.set.Files) {
		t.Errorf("%+v after %v", r, a.asked)
	}
	if p := last[largest]; p.Total != int64(len(s.packed[largest])) || p.Done <= 0 || p.Done > p.Total {
		t.Errorf("progress %+v", p)
	}
}

func TestOwnServer(t *testing.T) {
	s := newSample()
	for _, c := range []struct {
		name   string
		behave func(*server, http.ResponseWriter, *http.Request, string) bool
	}{
		{"as published", nil},
		{"unpacked", func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
			if strings.HasSuffix(r.URL.Path, ".gz") {
				http.NotFound(w, r)
			} else {
				http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(s.sample.plain[name]))
			}
			return true
		}},
		{"packed otherwise, size not said", func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
			if !strings.HasSuffix(r.URL.Path, ".gz") {
				return false
			}
			half := len(s.sample.plain[name]) / 2
			w.Write(pack(s.sample.plain[name][:half]))
			w.(http.Flusher).Flush()
			w.Write(pack(s.sample.plain[name][half:])) // gzip allows several members
			return true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, dir := serve(t, s, c.behave), t.TempDir()
			g := s.getter()
			g.client = client(a.Client())
			r, err := g.get(t.Context(), Options{From: a.URL + "/some/folder", Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			s.whole(t, dir)
			if r.Place != a.URL+"/some/folder/" {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestTransferRefused(t *testing.T) {
	s := newSample()
	size := len(s.packed[largest])
	spoiled := bytes.Clone(s.plain[largest])
	spoiled[7] ^= 1
	only := func(f func(*server, http.ResponseWriter, *http.Request)) func(*server, http.ResponseWriter, *http.Request, string) bool {
		return func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
			if name == largest {
				f(s, w, r)
			}
			return name == largest
		}
	}
	exact := func(content []byte) []byte { // brings content to the published size
		if len(content) > size {
			return content[:size]
		}
		return append(content, make([]byte, size-len(content))...)
	}
	for _, c := range []struct {
		name     string
		behave   func(*server, http.ResponseWriter, *http.Request)
		attempts int
		keeps    bool // what arrived stays, to go on with
		want     []string
	}{
		{"other content", func(_ *server, w http.ResponseWriter, r *http.Request) {
			w.Write(exact(spoiled))
		}, 1, false, []string{"the content has ", "bytes, wanted 300000"}},
		{"announces more", func(_ *server, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "1000000000000")
		}, 1, false, []string{"announces 1000000000000 bytes, wanted " + strconv.Itoa(size)}},
		{"announces less", func(_ *server, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
		}, 1, false, []string{"announces 10 bytes, wanted " + strconv.Itoa(size)}},
		{"sends more without saying", func(_ *server, w http.ResponseWriter, r *http.Request) {
			for range 100 {
				w.Write(make([]byte, 1<<16))
				w.(http.Flusher).Flush()
			}
		}, 1, false, []string{"sends more than the " + strconv.Itoa(size) + " bytes wanted"}},
		{"cut every time", func(s *server, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(size))
			w.WriteHeader(http.StatusOK)
			w.Write(s.sample.packed[largest][:1000])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 3, true, []string{"cut after 1000 bytes of " + strconv.Itoa(size)}},
		{"ends early without saying", func(s *server, w http.ResponseWriter, r *http.Request) {
			w.Write(s.sample.packed[largest][:1000])
			w.(http.Flusher).Flush()
		}, 3, true, []string{"ended after 1000 bytes of " + strconv.Itoa(size)}},
		{"redirect to http", func(_ *server, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://user:secret@"+r.Host+"/elsewhere", http.StatusFound)
		}, 1, false, []string{"redirected to http://user:xxxxx@", "wanted https"}},
		{"redirect to a file", func(_ *server, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, 1, false, []string{"redirected to file:///etc/passwd, wanted https"}},
		{"redirects without end", func(_ *server, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://"+r.Host+r.URL.Path+"?again", http.StatusFound)
		}, 10, false, []string{"redirected 10 times"}},
		{"not there", func(_ *server, w http.ResponseWriter, r *http.Request) {
			http.NotFound(w, r)
		}, 1, false, []string{"no such file (404 Not Found)"}},
		{"forbidden", func(_ *server, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		}, 1, false, []string{"403 Forbidden, wanted 200"}},
		{"out of order", func(_ *server, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}, 3, false, []string{"503 Service Unavailable"}},
		{"a part that nobody asked for", func(_ *server, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusPartialContent)
		}, 1, false, []string{"206 Partial Content, wanted 200"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, dir := serve(t, s, only(c.behave)), t.TempDir()
			_, err := s.from(a).get(t.Context(), Options{Dir: dir})
			wantError(t, err, "sample", largest)
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error tells a password: %v", err)
			}
			if n := a.times(largest); n != c.attempts {
				if c.name != "redirects without end" || a.times(largest) > 20 {
					t.Errorf("asked %d times, wanted %d: %v", n, c.attempts, a.asked)
				}
			}
			kept := false
			for name := range tree(t, dir) {
				if strings.HasPrefix(name, "sample") {
					t.Errorf("%s appeared in the cache", name)
				}
				kept = kept || strings.Contains(name, largest)
			}
			if kept != c.keeps {
				t.Errorf("what arrived stays: %v, wanted %v", kept, c.keeps)
			}
			// The next call, when the server is well again, needs the rest only.
			b := serve(t, s, nil)
			if _, err := s.from(b).get(t.Context(), Options{Dir: dir}); err != nil {
				t.Fatal(err)
			}
			s.whole(t, dir)
			for _, f := range s.set.Files[:2] { // before the largest one
				if b.times(f.Name) != 0 {
					t.Errorf("%s was there and was asked for again", f.Name)
				}
			}
			if want := largest + " bytes=1000-"; c.keeps != (b.asked[0] == want) {
				t.Errorf("asked for %v", b.asked)
			}
		})
	}
}

func TestWrongChecksum(t *testing.T) {
	s := newSample()
	a, dir := serve(t, s, nil), t.TempDir()
	g := s.from(a)
	g.waits = []time.Duration{0, time.Hour} // nothing to wait for: no other attempt would help
	g.set.Files = slices.Clone(s.set.Files)
	found := g.set.Files[2].SHA256
	wanted := strings.Repeat("5", len(found))
	g.set.Files[2].SHA256 = wanted
	_, err := g.get(t.Context(), Options{Dir: dir})
	wantError(t, err, a.URL+"/sample/: "+largest+": the content has SHA-256 "+found+", wanted "+wanted)
	if a.times(largest) != 1 {
		t.Errorf("asked for %v", a.asked)
	}
	for name := range tree(t, dir) {
		if strings.Contains(name, largest) || strings.HasPrefix(name, "sample") {
			t.Errorf("%s was left", name)
		}
	}
}

// Cut at every server several times, the file arrives in pieces.
func TestGoesOnAcrossMirrors(t *testing.T) {
	s := newSample()
	cuts := func(at int) func(*server, http.ResponseWriter, *http.Request, string) bool {
		return func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
			content, start := s.sample.packed[name], 0
			fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &start)
			if len(content)-start <= at {
				return false
			}
			if start > 0 {
				w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, len(content)-1, len(content)))
			}
			w.Header().Set("Content-Length", strconv.Itoa(len(content)-start))
			if start > 0 {
				w.WriteHeader(http.StatusPartialContent)
			}
			w.Write(content[start : start+at])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
	}
	a, b, dir := serve(t, s, cuts(40_000)), serve(t, s, cuts(50_000)), t.TempDir()
	if _, err := s.from(a, b).get(t.Context(), Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	s.whole(t, dir)
	if n := a.times(largest) + b.times(largest); n < 3 || n > 5 {
		t.Errorf("asked %d times: %v %v", n, a.asked, b.asked)
	}
}

func TestAnsweredOtherwise(t *testing.T) {
	s := newSample()
	size := len(s.packed[largest])
	for _, c := range []struct {
		name   string
		behave func(s *server, w http.ResponseWriter, r *http.Request)
		have   []byte
	}{
		{"server without ranges", func(s *server, w http.ResponseWriter, r *http.Request) { w.Write(s.sample.packed[largest]) }, s.packed[largest][:5000]},
		{"what is here is wrong", nil, make([]byte, 5000)},
		{"what is here is whole and wrong", nil, make([]byte, size)},
		{"what is here is whole", nil, s.packed[largest]},
		{"what is here is too long", nil, make([]byte, size+5)},
		{"another part than asked for", func(s *server, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				w.Write(s.sample.packed[largest])
				return
			}
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 100-%d/%d", size-1, size))
			w.WriteHeader(http.StatusPartialContent)
			w.Write(s.sample.packed[largest][100:])
		}, s.packed[largest][:5000]},
		{"range refused", func(s *server, w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				w.Write(s.sample.packed[largest])
				return
			}
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
		}, s.packed[largest][:5000]},
		{"well only the second time", func(s *server, w http.ResponseWriter, r *http.Request) {
			if s.times(largest) == 1 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			w.Write(s.sample.packed[largest])
		}, nil},
		{"redirect to https", func(s *server, w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery == "" {
				http.Redirect(w, r, r.URL.Path+"?here", http.StatusFound)
				return
			}
			w.Write(s.sample.packed[largest])
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.have != nil {
				if err := os.Mkdir(filepath.Join(dir, ".sample.part"), 0o777); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, ".sample.part", largest+".published"), c.have)
			}
			a := serve(t, s, func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
				if c.behave == nil || name != largest {
					return false
				}
				c.behave(s, w, r)
				return true
			})
			if _, err := s.from(a).get(t.Context(), Options{Dir: dir}); err != nil {
				t.Fatal(err)
			}
			s.whole(t, dir)
			if whole := bytes.Equal(c.have, s.packed[largest]); whole != (a.times(largest) == 0) {
				t.Errorf("asked for %v", a.asked)
			}
		})
	}
}

func TestSecondMirror(t *testing.T) {
	s := newSample()
	bad := serve(t, s, func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
		other := bytes.Clone(s.sample.packed[name])
		other[len(other)-1] ^= 1 // of the size that gzip keeps at its end
		w.Write(other)
		return true
	})
	good, dir := serve(t, s, nil), t.TempDir()
	r, err := s.from(bad, good).get(t.Context(), Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	s.whole(t, dir)
	if r.Place != good.URL+"/sample/" {
		t.Errorf("%+v", r)
	}
}

func TestUnknownCertificate(t *testing.T) {
	s := newSample()
	a, dir := serve(t, s, nil), t.TempDir()
	g := s.from(a)
	g.client = client(nil) // knows the system's roots only
	_, err := g.get(t.Context(), Options{Dir: dir})
	wantError(t, err, "certificate", a.URL)
	if len(a.asked) != 0 {
		t.Errorf("asked %v", a.asked)
	}
	if found := tree(t, dir); len(found) != 0 {
		t.Errorf("left: %v", found)
	}
}

func TestStandstill(t *testing.T) {
	s := newSample()
	release := make(chan struct{})
	a := serve(t, s, func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
		w.Header().Set("Content-Length", strconv.Itoa(len(s.sample.packed[name])))
		w.Write(s.sample.packed[name][:100])
		w.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	})
	defer close(release)
	g := s.from(a)
	g.stall, g.waits = 50*time.Millisecond, g.waits[:1]
	_, err := g.get(t.Context(), Options{Dir: t.TempDir()})
	wantError(t, err, "nothing arrived for 50ms", "after 100 bytes")

	t.Run("no answer", func(t *testing.T) {
		silent := serve(t, s, func(_ *server, _ http.ResponseWriter, r *http.Request, _ string) bool {
			<-r.Context().Done()
			return true
		})
		g := s.from(silent)
		g.stall, g.waits = 50*time.Millisecond, g.waits[:1]
		_, err := g.get(t.Context(), Options{Dir: t.TempDir()})
		wantError(t, err, "nothing arrived for 50ms")
	})
	t.Run("slow is not still", func(t *testing.T) {
		slow := serve(t, s, func(s *server, w http.ResponseWriter, r *http.Request, name string) bool {
			content := s.sample.packed[name]
			for i := 0; name == largest && i < 8; i++ {
				w.Write(content[:100])
				content = content[100:]
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
			}
			w.Write(content)
			return true
		})
		g := s.from(slow)
		g.stall = 600 * time.Millisecond
		if _, err := g.get(t.Context(), Options{Dir: t.TempDir()}); err != nil || slow.times(largest) != 1 {
			t.Errorf("%v after %v", err, slow.asked)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		dir := t.TempDir()
		ctx, cancel := context.WithCancelCause(t.Context())
		stopped := errors.New("stopped")
		time.AfterFunc(100*time.Millisecond, func() { cancel(stopped) })
		begin := time.Now()
		if _, err := s.from(a).get(ctx, Options{Dir: dir}); !errors.Is(err, stopped) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("stopping took %v", took)
		}
		kept := false
		for name := range tree(t, dir) {
			kept = kept || strings.HasSuffix(name, ".published")
		}
		if !kept {
			t.Error("what had arrived is gone")
		}
	})
}

func TestContentRange(t *testing.T) {
	for _, c := range []struct {
		text         string
		start, total int64
	}{
		{"bytes 100-199/200", 100, 200},
		{"bytes 100-199/*", 100, -1},
		{"bytes */200", -1, -1},
		{"", -1, -1},
		{"lines 1-2/3", -1, -1},
		{"bytes -5-6/7", -1, -1},
	} {
		if start, total := contentRange(c.text); start != c.start || total != c.total {
			t.Errorf("%q: %d, %d", c.text, start, total)
		}
	}
}
