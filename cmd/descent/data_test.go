package main

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// callCached prepares the program with a cache of its own.
func callCached(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	c := call(t, dir, args...)
	c.Env = append(c.Env, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "HOME="+dir, "PATH=") // without the go command: nothing is got from outside
	return c
}

func TestDataList(t *testing.T) {
	dir := t.TempDir()
	r := ended(t, callCached(t, dir, "data", "list"))
	for _, part := range []string{"digits", "1,797", "in the program", "CC BY-SA 3.0", "no: descent data get fashion-mnist", filepath.Join(dir, "cache", "descent", "datasets")} {
		if r.status != 0 || !strings.Contains(r.stdout, part) {
			t.Errorf("status %d, without %q:\n%s", r.status, part, r.stdout)
		}
	}
	// A set that is there and wrong.
	bad := filepath.Join(dir, "cache", "descent", "datasets", "mnist")
	if err := os.MkdirAll(bad, 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bad, "train-images-idx3-ubyte"), "short")
	if r := ended(t, callCached(t, dir, "data", "list")); !strings.Contains(r.stdout, "mnist is damaged: file train-images-idx3-ubyte has 5 bytes, wanted 47040016; get it anew") {
		t.Errorf("%s", r.stdout)
	}
	for _, args := range [][]string{{"data", "show", "mnist"}, {"train", "mnist"}, {"train", "mnist", "--dry-run"}} {
		if r := ended(t, callCached(t, dir, args...)); r.status != 1 || !strings.Contains(r.stderr, "descent data get mnist") {
			t.Errorf("%v: status %d: %s", args, r.status, r.stderr)
		}
	}
	sets := objects(t, ended(t, callCached(t, dir, "data", "list", "--json")).stdout)[0]["sets"].([]any)
	if len(sets) != 3 {
		t.Fatalf("%v", sets)
	}
	fashion := sets[2].(map[string]any)
	if fashion["name"] != "fashion-mnist" || fashion["here"] != false || fashion["classes"].([]any)[9] != "Ankle boot" {
		t.Errorf("%v", fashion)
	}
}

func TestDataShow(t *testing.T) {
	dir := t.TempDir()
	copyFiles(t, dir)
	o := objects(t, must(t, dir, "data", "show", "digits", "--json").stdout)[0]
	split := o["split"].(map[string]any)
	if o["rows"] != 1797.0 || split["train"] != 1294.0 || split["validation"] != 144.0 || split["test"] != 359.0 || o["scaling"] != "range" {
		t.Errorf("%v", o)
	}
	rows := 0.0
	for _, c := range o["classes"].([]any) {
		c := c.(map[string]any)
		if c["train"].(float64)+c["validation"].(float64)+c["test"].(float64) != c["rows"].(float64) {
			t.Errorf("%v", c)
		}
		rows += c["rows"].(float64)
	}
	if rows != 1797 {
		t.Errorf("classes have %v rows", rows)
	}
	image := o["features"].([]any)[0].(map[string]any)
	if image["low"] != 0.0 || image["high"] != 16.0 || len(image["shape"].([]any)) != 2 {
		t.Errorf("%v", image)
	}
	// What is shown is what a training does.
	plan := objects(t, must(t, dir, "train", "digits", "--dry-run", "--json").stdout)[0]
	if parts := plan["rows"].(map[string]any); parts["train"] != split["train"] || parts["test"] != split["test"] || plan["fingerprint"] != o["fingerprint"] {
		t.Errorf("plan %v, shown %v", plan, o)
	}
	houses := objects(t, must(t, dir, "data", "show", "houses.csv", "--task", "regression", "--json").stdout)[0]
	if houses["task"] != "regression" || houses["target_range"] == nil || houses["classes"] != nil {
		t.Errorf("%v", houses)
	}
	if r := invoke(t, dir, "data", "show", "houses.csv", "--label", "none"); r.status != 1 || !strings.Contains(r.stderr, "none") {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
}

func TestDataGetRefused(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"get", 2, "NAME is missing"},
		{"get mnist fashion-mnist", 2, "too many arguments"},
		{"get ../mnist", 1, `there is no data set "../mnist"`},
		{"get mnits", 1, "did you mean mnist?"},
		{"get mnist --from http://mirror.example/", 1, "wanted https"},
		{"get mnist --from none", 1, "there is no folder"},
		{"get mnist --from empty", 1, "no file train-images-idx3-ubyte"},
		{"get mnist --from=", 2, "--from is empty"},
		{"get mnist --form x", 2, "did you mean --from?"},
		{"gte mnist", 2, "did you mean descent data get?"},
		{"list all", 2, "too many arguments"},
	} {
		r := ended(t, callCached(t, dir, append([]string{"data"}, strings.Fields(c.args)...)...))
		if r.status != c.status || r.stdout != "" || !strings.Contains(r.stderr, c.want) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("data %s: status %d, wanted %d with %q:\n%s%s", c.args, r.status, c.status, c.want, r.stdout, r.stderr)
		}
	}
}

// sendsZeros serves every file with its published size and nothing right in it; what the program trusts is its certificate.
func sendsZeros(t *testing.T, from http.HandlerFunc) (server *httptest.Server, environment string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the roots that a program trusts are given by SSL_CERT_FILE on Linux")
	}
	server = httptest.NewUnstartedServer(from)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	root := filepath.Join(t.TempDir(), "root.pem")
	write(t, root, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	return server, "SSL_CERT_FILE=" + root
}

func TestDataGetByHTTPS(t *testing.T) {
	dir := t.TempDir()
	server, roots := sendsZeros(t, func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 47040016)) })
	c := callCached(t, dir, "data", "get", "mnist", "--from", server.URL)
	c.Env = append(c.Env, roots)
	r := ended(t, c)
	for _, part := range []string{server.URL, "train-images-idx3-ubyte", "SHA-256", "wanted ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"} {
		if r.status != 1 || !strings.Contains(r.stderr, part) {
			t.Errorf("status %d, without %q: %s", r.status, part, r.stderr)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "cache", "descent", "datasets", "*mnist*"))
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".lock") {
		t.Errorf("left: %v", left)
	}
	// Without the root the server is nobody.
	if r := ended(t, callCached(t, dir, "data", "get", "mnist", "--from", server.URL)); r.status != 1 || !strings.Contains(r.stderr, "certificate") {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
}

func TestDataGetStopped(t *testing.T) {
	dir := t.TempDir()
	begun := make(chan bool, 10)
	server, roots := sendsZeros(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(1<<20))
		w.Write(make([]byte, 5000))
		w.(http.Flusher).Flush()
		begun <- true
		<-r.Context().Done()
	})
	c := callCached(t, dir, "data", "get", "mnist", "--from", server.URL)
	c.Env = append(c.Env, roots)
	go func() {
		<-begun
		time.Sleep(100 * time.Millisecond)
		c.Process.Signal(os.Interrupt)
	}()
	r := ended(t, c)
	if r.status != 130 || !strings.Contains(r.stderr, "go on with the same command") {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	parts, _ := filepath.Glob(filepath.Join(dir, "cache", "descent", "datasets", ".mnist.part", "train-images-idx3-ubyte.*"))
	if len(parts) != 1 {
		t.Fatalf("what arrived: %v", parts)
	}
	if n := len(read(t, parts[0])); n != 5000 {
		t.Errorf("%d bytes stayed, wanted 5000", n)
	}
}
