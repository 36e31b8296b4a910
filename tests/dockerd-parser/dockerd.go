// What dockerd would make of a raw request: net/http reads it, gorilla/mux routes it, dockerd's own
// authorization code writes the question, dockerd's own structs take the values.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/docker/docker/api/server/httputils"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/pkg/authorization"
	"github.com/docker/docker/pkg/sysinfo"
	"github.com/docker/docker/runconfig"
	"github.com/gorilla/mux"
)

// reading is what dockerd has of a request.
type reading struct {
	question  []byte // as its plugin is asked; nil: it answers without asking
	route     *route
	name      string     // the path's first variable
	version   string     // of the API, in the path; "": none
	form      url.Values // nil: it refuses the query
	request   *http.Request
	parsed    bool // the form was parsed, so that booleans can be asked for
	refused   bool // it answers an error after asking
	body      interface{}
	host      *container.HostConfig
	networks  *network.NetworkingConfig
	trueQuery bool // no hidden form can stand before the query
}

// Handlers that never parse a form: they look at the URL, if at all.
var withoutForm = map[string]bool{
	"swarm_init": true, "swarm_join": true, "swarm_update": true, "swarm_unlock": true,
	"service_create": true, "service_update": true, "node_update": true,
	"secret_create": true, "secret_update": true, "config_create": true, "config_update": true,
	"plugin_set": true, "system_auth": true,
}

// Handlers that want application/json.
var wantsJSON = map[string]bool{
	"container_create": true, "container_exec_create": true, "container_update": true,
	"volume_create": true, "network_create": true, "network_connect": true,
}

// The plugin that dockerd asks.
type asked struct{ question *authorization.Request }

func (a *asked) Name() string { return "dsp" }

func (a *asked) AuthZRequest(q *authorization.Request) (*authorization.Response, error) {
	a.question = q
	return &authorization.Response{Allow: true}, nil
}

func (a *asked) AuthZResponse(*authorization.Request) (*authorization.Response, error) {
	return &authorization.Response{Allow: true}, nil
}

type dockerd struct {
	mux     *mux.Router
	decoder runconfig.ContainerDecoder
	got     *reading
}

func newDockerd(routes []*route) *dockerd {
	d := &dockerd{mux: mux.NewRouter()}
	d.decoder.GetSysInfo = func() *sysinfo.SysInfo { return &sysinfo.SysInfo{} }
	for _, r := range routes {
		handler := d.handler(r)
		if r.method == "ANY" { // /debug, without methods and versions
			d.mux.Path(r.pattern).Handler(handler)
			continue
		}
		d.mux.Path("/v{version:[0-9.]+}" + r.pattern).Methods(r.method).Handler(handler)
		d.mux.Path(r.pattern).Methods(r.method).Handler(handler)
	}
	return d
}

func (d *dockerd) handler(route *route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		got := &reading{route: route, request: r}
		vars := mux.Vars(r)
		plugin := &asked{}
		ctx := authorization.NewCtx([]authorization.Plugin{plugin}, "", "", r.Method, r.RequestURI)
		if ctx.AuthZRequest(w, r) != nil {
			return // the body ends before its length
		}
		question, err := json.Marshal(plugin.question)
		if err != nil {
			return
		}
		got.question = question
		got.name, got.version = vars[route.variable], vars["version"]
		first := r.Header.Get("Content-Type")
		got.trueQuery = !route.raw || first == "" || r.ContentLength == 0
		got.read(d, vars)
		r.Body = http.NoBody // what the authorization code has read ahead is a MiB
		d.got = got
	}
}

func (got *reading) read(d *dockerd, vars map[string]string) {
	r, operation := got.request, got.route.operation
	if operation == "container_start" {
		got.legacyStart(d, vars)
	}
	if withoutForm[operation] {
		got.form = r.URL.Query()
	} else if httputils.ParseForm(r) == nil {
		got.form, got.parsed = r.Form, true
	} else {
		got.refused = true
		return
	}
	if wantsJSON[operation] && httputils.CheckForJSON(r) != nil {
		got.refused = true
		return
	}
	got.decode(d)
}

func (got *reading) legacyStart(d *dockerd, vars map[string]string) {
	r, version := got.request, vars["version"]
	if r.ContentLength <= 7 && r.ContentLength != -1 {
		return
	}
	if version == "" || versions.GreaterThanOrEqualTo(version, "1.24") || httputils.CheckForJSON(r) != nil {
		got.refused = true
		return
	}
	host, err := d.decoder.DecodeHostConfig(r.Body)
	if err != nil {
		got.refused = true
	} else if host != nil {
		got.body, got.host = host, host
	}
}

// decode reads the body. dockerd panics where a container has a HostConfig alone (net/http ends
// the connection then): nothing is done.
func (got *reading) decode(d *dockerd) {
	var body interface{}
	defer func() {
		if recover() != nil {
			got.refused = true
		}
	}()
	switch got.route.operation {
	case "container_create":
		config, host, networks, err := d.decoder.DecodeConfig(got.request.Body)
		if err != nil {
			got.refused = true
			return
		}
		if config == nil {
			config = &container.Config{}
		}
		got.body, got.host, got.networks = config, host, networks
		return
	case "container_exec_create":
		body = &types.ExecConfig{}
	case "container_update":
		body = &container.UpdateConfig{}
	case "volume_create":
		body = &volume.VolumeCreateBody{}
	case "network_create":
		body = &types.NetworkCreateRequest{}
	case "network_connect":
		body = &types.NetworkConnect{}
	case "network_disconnect":
		body = &types.NetworkDisconnect{}
	case "checkpoint_create":
		body = &types.CheckpointCreateOptions{}
	case "service_create", "service_update":
		body = &swarm.ServiceSpec{}
	default:
		return
	}
	if json.NewDecoder(got.request.Body).Decode(body) != nil {
		got.refused = true
		return
	}
	got.body = body
}

// nowhere takes the answer.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header         { return n.header }
func (n *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n *nowhere) WriteHeader(int)             {}

// read returns nil when dockerd answers without asking.
func (d *dockerd) read(raw []byte) *reading {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil
	}
	if r.RequestURI == "*" && r.Method == "OPTIONS" {
		return nil
	}
	d.got = nil
	d.mux.ServeHTTP(&nowhere{http.Header{}}, r)
	return d.got
}

// variableOf is the name of a pattern's first variable.
func variableOf(pattern string) string {
	at := strings.IndexByte(pattern, '{')
	if at < 0 {
		return ""
	}
	name := pattern[at+1:]
	return name[:strings.IndexAny(name, ":}")]
}
