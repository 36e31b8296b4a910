// dsp's facts against dockerd's reading.
package main

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"

	"github.com/docker/docker/api/server/httputils"
	"github.com/docker/docker/api/types/versions"
)

type object = map[string]interface{}

type facts struct {
	Readable  bool
	Error     bool
	Hidden    bool // a form may stand before the query, says dsp
	Operation string
	Name      string
	Query     map[string]struct {
		Text string
		True bool
	}
	Body object
}

type comparison struct {
	fields  map[string][]field
	missing map[string]bool // fields that this dockerd does not have
	values  int             // of bodies, that were the same and not empty
	found   []string
}

func (c *comparison) differ(path string, dsp, dockerd interface{}) {
	c.found = append(c.found, fmt.Sprintf("%s: dsp %q, dockerd %q", path, fmt.Sprint(dsp), fmt.Sprint(dockerd)))
}

// isHarmless returns whether a hidden form changes nothing that dsp decides by.
func isHarmless(operation string) bool {
	return strings.HasSuffix(operation, "_prune") || operation == "container_commit" || operation == "container_kill"
}

// No parameter of these matters to dsp: a hidden form changes nothing.
var withoutParameters = map[string]bool{
	"container_pause": true, "container_unpause": true, "container_wait": true, "container_resize": true,
	"exec_resize": true, "build_cancel": true, "session_start": true, "swarm_leave": true, "grpc": true,
}

// isIgnored returns whether dockerd does nothing with a form that dsp cannot see: it refuses a start
// with a body from API 1.24 on, and before 1.42 a stop or restart takes no signal.
func isIgnored(got *reading) bool {
	if len(got.request.PostForm) == 0 {
		return false
	}
	switch got.route.operation {
	case "container_start":
		return got.refused
	case "container_stop", "container_restart":
		return got.version != "" && versions.LessThan(got.version, "1.42")
	}
	return withoutParameters[got.route.operation]
}

// compare returns whether values of a body were compared.
func (c *comparison) compare(f *facts, got *reading) bool {
	c.found, c.values = nil, 0
	if f.Error {
		c.differ("question", "error", "question")
	}
	if !f.Readable {
		return false
	}
	if f.Operation != got.route.operation {
		c.differ("operation", f.Operation, got.route.operation)
		return false
	}
	if f.Name != hex.EncodeToString([]byte(got.name)) {
		c.differ("name", f.Name, hex.EncodeToString([]byte(got.name)))
	}
	if got.form != nil && got.trueQuery && !(f.Hidden && isHarmless(f.Operation)) && !isIgnored(got) {
		c.query(f, got)
	}
	if got.refused || got.body == nil {
		return false
	}
	if f.Body == nil {
		c.differ("body", "none", "one")
		return false
	}
	c.body(f, got)
	return c.values > 0
}

func (c *comparison) query(f *facts, got *reading) {
	for key, value := range f.Query {
		want := hex.EncodeToString([]byte(got.form.Get(key)))
		if value.Text != want {
			c.differ("?"+key, value.Text, want)
		}
		// dsp trims fewer blanks: more is true for it.
		if got.parsed && !value.True && httputils.BoolValue(got.request, key) {
			c.differ("?"+key+" as boolean", false, true)
		}
	}
}

func (c *comparison) body(f *facts, got *reading) {
	if got.route.schema != "ContainerCreate" {
		c.object("", f.Body, reflect.ValueOf(got.body), got.route.schema)
		return
	}
	host, given := f.Body["HostConfig"].(object)
	top, _ := f.Body["*"].(object)
	if !given {
		host = top
	} else if text, _ := host["VolumeDriver"].(string); text == "" {
		host["VolumeDriver"] = top["VolumeDriver"]
	}
	// dockerd gives a name to what is not set.
	if mode, _ := host["NetworkMode"].(string); mode == "" && got.host != nil {
		host["NetworkMode"] = "default"
	}
	c.object("HostConfig.", host, reflect.ValueOf(got.host), "HostConfig")
	if got.route.operation != "container_create" {
		return // a start takes the HostConfig alone
	}
	c.object("", f.Body, reflect.ValueOf(got.body), "ContainerCreate")
	networks, _ := f.Body["NetworkingConfig"].(object)
	c.object("NetworkingConfig.", networks, reflect.ValueOf(got.networks), "NetworkingConfig")
}

// member finds the field of a struct by its JSON name, in embedded structs too.
func member(v reflect.Value, name string) (reflect.Value, bool) {
	for v.Kind() == reflect.Ptr {
		if v.IsNil() {
			v = reflect.Zero(v.Type().Elem())
		} else {
			v = v.Elem()
		}
	}
	for i := 0; i < v.NumField(); i++ {
		f := v.Type().Field(i)
		tag := strings.Split(f.Tag.Get("json"), ",")[0]
		if tag == "" {
			tag = f.Name
		}
		if strings.EqualFold(tag, name) && !f.Anonymous {
			return v.Field(i), true
		}
	}
	for i := 0; i < v.NumField(); i++ {
		if v.Type().Field(i).Anonymous {
			if m, ok := member(v.Field(i), name); ok {
				return m, true
			}
		}
	}
	return reflect.Value{}, false
}

func (c *comparison) object(path string, dsp object, v reflect.Value, schema string) {
	for _, f := range c.fields[schema] {
		if f.kind == "include" || schema == "ContainerCreate" && strings.HasSuffix(f.name, "Config") {
			continue // not part of container.Config
		}
		m, ok := member(v, f.name)
		if !ok {
			c.missing[schema+"."+f.name] = true
			continue
		}
		c.value(path+f.name, dsp[f.name], m, f)
	}
}

func (c *comparison) value(path string, dsp interface{}, v reflect.Value, f field) {
	switch f.kind {
	case "bool":
		c.boolean(path, dsp, v)
	case "string":
		text, _ := dsp.(string)
		c.same(path, text, v.String())
	case "strings", "words", "list":
		c.list(path, dsp, v, f)
	case "map", "texts", "lists":
		c.dictionary(path, dsp, v, f)
	case "object":
		if v.Kind() == reflect.Ptr && v.IsNil() != (dsp == nil) {
			c.differ(path, dsp, v)
		} else if f.of != "" {
			inner, _ := dsp.(object)
			c.object(path+".", inner, v, f.of)
		}
	}
}

// Pointers to booleans are there for an absent one: dsp has no need of the difference.
func (c *comparison) boolean(path string, dsp interface{}, v reflect.Value) {
	truth, _ := dsp.(bool)
	if v.Kind() == reflect.Ptr {
		c.same(path, truth, !v.IsNil() && v.Elem().Bool())
		return
	}
	c.same(path, truth, v.Bool())
}

func (c *comparison) same(path string, dsp, dockerd interface{}) {
	if dsp != dockerd {
		c.differ(path, dsp, dockerd)
	} else if dsp != "" && dsp != false {
		c.values++
	}
}

func (c *comparison) list(path string, dsp interface{}, v reflect.Value, f field) {
	elements, _ := dsp.([]interface{})
	if len(elements) != v.Len() {
		c.differ(path, dsp, v)
		return
	}
	for i, e := range elements {
		at := fmt.Sprintf("%s[%d]", path, i)
		if f.kind != "list" {
			c.same(at, e, v.Index(i).String())
		} else if f.of != "" {
			c.object(at+".", e.(object), v.Index(i), f.of)
		}
	}
}

func (c *comparison) dictionary(path string, dsp interface{}, v reflect.Value, f field) {
	entries, _ := dsp.(object)
	if len(entries) != v.Len() {
		c.differ(path, dsp, v)
		return
	}
	for key, e := range entries {
		at := path + "[" + key + "]"
		got := v.MapIndex(reflect.ValueOf(key).Convert(v.Type().Key()))
		if !got.IsValid() {
			c.differ(at, "there", "absent")
		} else if f.kind == "lists" {
			c.list(at, e, got, field{key, "list", f.of})
		} else if f.of != "" {
			c.object(at+".", e.(object), got, f.of)
		} else if got.Kind() == reflect.String {
			c.same(at, e, got.String())
		} else {
			c.values++
		}
	}
}
