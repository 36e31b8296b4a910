// Requests: those that were sent to real daemons, changed at random, and new ones by the tables.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"math/rand"
	"os"
	"strings"
)

type header [2]string

type request struct {
	method, target string
	headers        []header
	body           string
	chunked        bool
	pad            int // blanks behind the body: they take it out of the plugin's sight
}

// splitmix is a generator that costs nothing to seed: each case has its own.
type splitmix uint64

func (s *splitmix) Seed(seed int64) { *s = splitmix(seed) }
func (s *splitmix) Int63() int64    { return int64(s.Uint64() >> 1) }
func (s *splitmix) Uint64() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

type generator struct {
	routes  []*route
	bodies  []*route // those with a schema
	fields  map[string][]field
	vectors []request
	*rand.Rand
}

func readVectors(path string) []request {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	var out []request
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var v struct {
			Request struct {
				Method, Target, Body string
				Target64             string `json:"target_b64"`
				Body64               string `json:"body_b64"`
				Headers              []header
				Chunked              bool
				Pad                  int `json:"pad_blanks"`
			}
		}
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			log.Fatal(err)
		}
		r := v.Request
		if b, err := base64.StdEncoding.DecodeString(r.Body64); err == nil && len(b) > 0 {
			r.Body = string(b)
		}
		if b, err := base64.StdEncoding.DecodeString(r.Target64); err == nil && len(b) > 0 {
			r.Target = string(b)
		}
		out = append(out, request{r.Method, r.Target, r.Headers, r.Body, r.Chunked, r.Pad})
	}
	return out
}

func (r *request) bytes() []byte {
	var b strings.Builder
	length := false
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: docker\r\n", r.method, r.target)
	for _, h := range r.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
		length = length || strings.EqualFold(h[0], "Content-Length")
	}
	switch {
	case r.chunked:
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n")
		if r.body != "" {
			fmt.Fprintf(&b, "%x\r\n%s\r\n", len(r.body), r.body)
		}
		b.WriteString("0\r\n\r\n")
	case length || r.body == "":
		b.WriteString("\r\n" + r.body)
	default:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(r.body), r.body)
	}
	return []byte(b.String())
}

func (g *generator) chance(percent int) bool { return g.Intn(100) < percent }

func (g *generator) pick(words []string) string { return words[g.Intn(len(words))] }

var (
	names = []string{"a", "victim", "a/b", "a%2fb", "json", "kill", "create", "a%0Ab", "%00", "\u00e9",
		"%C3%A9", "a/kill", "a/exec", "%2e%2e", "a+b", "a%25b", "v1.41", "", "a//b", "prune", "a%20b", "b",
		"0123456789ab", "a-b_c.d", "x", "y", "z"}
	prefixes = []string{"", "", "/v1.41", "/v1.23", "/v1.41.", "/v", "/v/v1", "/v999", "/v.", "/v01.0022", "/V1.41", "/%76%31.41",
		"/v1.41%2f..", "//", "/v1.41/v1.40", "/v1.12"}
	keys = []string{"signal", "stdin", "logs", "checkpoint", "checkpoint-dir", "dir", "path", "remote", "networkmode",
		"fromImage", "fromSrc", "repo", "tag", "name", "force", "version", "rollback", "Signal", "s%69gnal", "sig+nal",
		"t", "all", "buildargs", "session", "cgroupparent", "signal%00", "%EF%BC%A1"}
	values = []string{"", "0", "1", "true", "False", "NONE", "no", "+0", "%20false%09", "KILL", "-", "alpine:3", "host",
		"%2Fetc", "a=b", "previous", "2", "%C2%A00", "%c2%85no", "\u00a0none", "fa%6cse", "%ff", "a+b", "%E2%80%80no"}
	pieces = []string{"%2f", "%2F", "/", "//", "/./", "/../", "%2e", "?", "#", ";", "&", "=", "+", "%", "%zz", "%00", "%0a",
		"\xff", "\u00e9", "%ff", "http:", "http://x/", "x:", "%3f", "%26", "%3B", "%256b", "json", "kill", ":", "@", "\\", "~"}
	mediaTypes = []string{"application/json", "Application/JSON; charset=utf-8", "text/plain", "application/x-www-form-urlencoded",
		"multipart/form-data; boundary=x", "application/x-tar", "application/json;", "application/json; a", "bad/", "",
		"application/jsonx", " application/json", "application/json , text/plain"}
	methods = []string{"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "post", "FOO", "CONNECT", "PATCH"}
	texts   = []string{"", "host", "none", "default", "bridge", "container:a", "local", "bind", "volume", "/", "/etc",
		"/:/host", "/etc:/x:ro", "ALL", "SYS_ADMIN", "cap_sys_admin", "seccomp=unconfined", "runc", "a=b", "plugin",
		"alpine", "o", "device", "json-file", "\u00e9", "\u212a", "\u2028", "\U0001f600", "\\ud83d\\ude00", "\\\"", "\\/", "\\u002f", "<&>", "80/tcp", "\u007f", "\\n"}
	odd = []string{"a\\u0000b", "\\ud800", "\xff", "\\ude00\\ud83d", "a\nb", "\\x", "\\u12"}
)

// next is case i of a run.
func (g *generator) next(seed, i int64) *request {
	mix := splitmix(seed*0x5851f42d4c957f2d + i)
	g.Rand = rand.New(&mix)
	r := &request{}
	switch n := g.Intn(10); {
	case n < 3:
		*r = g.vectors[g.Intn(len(g.vectors))]
		r.headers = append([]header(nil), r.headers...)
		if g.chance(10) {
			r.body += strings.Repeat(" ", r.pad)
		}
	case n < 5:
		g.fresh(r, g.routes[g.Intn(len(g.routes))])
	default:
		g.fresh(r, g.bodies[g.Intn(len(g.bodies))])
	}
	for g.chance(25) {
		g.change(r)
	}
	return r
}

func (g *generator) path(pattern string) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(pattern, '{')
		if at < 0 {
			return b.String() + pattern
		}
		b.WriteString(pattern[:at])
		b.WriteString(g.pick(names))
		pattern = pattern[at+strings.IndexByte(pattern[at:], '}')+1:]
	}
}

func (g *generator) pair() string {
	if g.chance(10) {
		return g.pick(keys)
	}
	return g.pick(keys) + "=" + g.pick(values)
}

func (g *generator) fresh(r *request, route *route) {
	r.method = route.method
	if r.method == "ANY" {
		r.method = g.pick(methods)
	}
	if g.chance(50) {
		r.target = g.pick(prefixes)
	}
	r.target += g.path(route.pattern)
	separator := "?"
	for g.chance(40) {
		r.target += separator + g.pair()
		separator = "&"
	}
	if route.schema != "" || g.chance(10) {
		r.headers = append(r.headers, header{"Content-Type", "application/json"})
		schema := route.schema
		if schema == "" || g.chance(2) {
			schema = g.bodies[g.Intn(len(g.bodies))].schema
		}
		r.body = g.object(schema, 0)
		r.chunked = g.chance(5)
	} else if g.chance(10) {
		g.form(r)
	}
}

// form is a body whose pairs come before the query's; a second Content-Type may cover it.
func (g *generator) form(r *request) {
	r.headers = append(r.headers, header{"Content-Type", "application/x-www-form-urlencoded"})
	if g.chance(50) {
		r.headers = append(r.headers, header{"Content-Type", g.pick(mediaTypes)})
	}
	r.body = g.pair() + "&" + g.pair()
	r.chunked = g.chance(30)
}

func splice(s string, from, to int, in string) string { return s[:from] + in + s[to:] }

func (g *generator) damage(s string, words []string) string {
	if s == "" {
		return g.pick(words)
	}
	at := g.Intn(len(s))
	switch g.Intn(5) {
	case 0:
		return splice(s, at, at+1, "")
	case 1:
		return splice(s, at, at+1, fmt.Sprintf("%%%02x", s[at]))
	case 2:
		end := at + g.Intn(len(s)-at)
		return splice(s, at, at, s[at:end])
	case 3:
		return splice(s, at, at+1, string([]byte{byte(g.Intn(256))}))
	}
	return splice(s, at, at, g.pick(words))
}

func (g *generator) change(r *request) {
	switch g.Intn(9) {
	case 0:
		r.method = g.pick(methods)
	case 1, 2:
		r.target = g.damage(r.target, pieces)
	case 3:
		separator := "&"
		if !strings.Contains(r.target, "?") {
			separator = "?"
		}
		r.target += separator + g.pair()
	case 4:
		other := header{"Content-Type", g.pick(mediaTypes)}
		if g.chance(50) {
			r.headers = append(r.headers, other)
		} else {
			r.headers = append([]header{other}, r.headers...)
		}
	case 5:
		if len(r.headers) > 0 {
			at := g.Intn(len(r.headers))
			r.headers = append(r.headers[:at], r.headers[at+1:]...)
		}
	case 6:
		r.chunked = !r.chunked
	case 7:
		r.headers = append(r.headers, header{"Content-Length", fmt.Sprint(g.Intn(3) * len(r.body) / 2)})
	case 8:
		r.body = g.damage(r.body, []string{"{", "}", "[", "]", ",", ":", "\"", "null", "true", "1", " ", "\t", "\x00",
			"\ufeff", "\\u0000", "\xff", "\"Privileged\":true,", "\\", "\\u017f", "\u017f", "\u212a"})
	}
}

// key spells a field's name as Go would still find it, mostly.
func (g *generator) key(name string) string {
	if g.chance(70) {
		return name
	}
	var b strings.Builder
	for _, c := range name {
		switch {
		case g.chance(30):
			b.WriteString(strings.ToUpper(string(c)))
		case g.chance(30):
			b.WriteString(strings.ToLower(string(c)))
		case g.chance(10):
			fmt.Fprintf(&b, "\\u%04x", c)
		case (c == 's' || c == 'S') && g.chance(50):
			b.WriteString("\u017f")
		case (c == 'k' || c == 'K') && g.chance(50):
			b.WriteString("\u212a")
		case g.chance(1):
			b.WriteString("\\u0000")
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func min(a, b int) int {
	if a < b {
		return a
	}
	return b
}

func (g *generator) object(schema string, depth int) string {
	fields := g.fields[schema]
	if n := len(fields); n > 0 && fields[0].kind == "include" {
		fields = fields[1:]
	}
	if schema == "ContainerCreate" && g.chance(40) {
		fields = append(append([]field(nil), fields...), g.fields["HostConfig"]...)
	}
	var members []string
	order := g.Perm(len(fields)) // a field twice is mostly unreadable
	for _, i := range order[:g.Intn(1+min(len(fields), 6))] {
		f := fields[i]
		members = append(members, `"`+g.key(f.name)+`":`+g.value(f, depth))
	}
	if len(members) > 0 && g.chance(3) {
		members = append(members, members[0])
	}
	if g.chance(5) {
		members = append(members, `"Unknown":`+g.value(field{"", "map", ""}, depth))
	}
	separator := ","
	if g.chance(5) {
		separator = " ,\r\n\t"
	}
	return "{" + strings.Join(members, separator) + "}"
}

func (g *generator) text() string {
	if g.chance(1) {
		return `"` + g.pick(odd) + `"`
	}
	return `"` + g.pick(texts) + `"`
}

func (g *generator) several(element func() string) string {
	var out []string
	for g.chance(60) {
		if g.chance(4) {
			out = append(out, "null")
		} else {
			out = append(out, element())
		}
	}
	return strings.Join(out, ",")
}

func (g *generator) value(f field, depth int) string {
	if g.chance(2) {
		return g.pick([]string{"null", "null", "null", "null", "1", "-0.5e3", `""`, "[]", "{}", "true", `"1"`, "[null]", "[1]", "[[]]"})
	}
	switch f.kind {
	case "bool":
		return g.pick([]string{"true", "true", "false"})
	case "string":
		return g.text()
	case "words":
		if g.chance(20) {
			return g.text()
		}
		return "[" + g.several(g.text) + "]"
	case "strings":
		return "[" + g.several(g.text) + "]"
	case "list":
		return "[" + g.several(func() string { return g.object(f.of, depth+1) }) + "]"
	case "map", "texts", "lists":
		return "{" + g.several(func() string { return g.entry(f, depth) }) + "}"
	}
	return g.object(f.of, depth+1)
}

// entry is one of a map. Go has a type for its value that the table does not tell.
func (g *generator) entry(f field, depth int) string {
	value := g.text()
	switch f.name {
	case "ExposedPorts", "Volumes":
		value = "{}"
	case "PortBindings":
		value = `[{"HostPort":` + g.text() + `,"HostIp":` + g.text() + `}]`
	}
	if f.of != "" && f.kind != "lists" {
		value = g.object(f.of, depth+1)
	}
	return g.text() + ":" + value
}
