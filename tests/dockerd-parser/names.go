// The names of fields.tab against those of dockerd's types.
package main

import (
	"reflect"
	"sort"
	"strings"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/volume"
)

// The type that dockerd decodes a struct of fields.tab into.
var bodies = map[string]interface{}{
	"ContainerCreate":   container.Config{},
	"HostConfig":        container.HostConfig{},
	"NetworkingConfig":  network.NetworkingConfig{},
	"UpdateConfig":      container.UpdateConfig{},
	"ExecCreate":        types.ExecConfig{},
	"NetworkCreate":     types.NetworkCreateRequest{},
	"NetworkConnect":    types.NetworkConnect{},
	"NetworkDisconnect": types.NetworkDisconnect{},
	"VolumeCreate":      volume.VolumeCreateBody{},
	"CheckpointCreate":  types.CheckpointCreateOptions{},
	"ServiceSpec":       swarm.ServiceSpec{},
}

type fieldNames struct {
	known   map[string][]field
	strange map[string]bool
}

func (n *fieldNames) find(schema, name string) *field {
	for _, f := range n.known[schema] {
		if strings.EqualFold(f.name, name) {
			return &f
		}
	}
	return nil
}

// inner is what a pointer points to, and what a list or a map holds.
func inner(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Ptr || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	return t
}

func (n *fieldNames) check(schema, path string, t reflect.Type) {
	for i := 0; i < t.NumField(); i++ {
		f := t.Field(i)
		name := strings.Split(f.Tag.Get("json"), ",")[0]
		in := inner(f.Type)
		switch {
		case name == "-" || f.PkgPath != "" && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			n.check(schema, path, in)
			continue
		case name == "":
			name = f.Name
		}
		known := n.find(schema, name)
		if known == nil {
			n.strange[path+"."+name] = true
		} else if in.Kind() == reflect.Struct && in.NumField() > 0 && known.of != "" {
			n.check(known.of, path+"."+name, in)
		} else if in.Kind() == reflect.Struct && in.NumField() > 0 {
			n.strange[path+"."+name+" (its fields)"] = true
		}
	}
}

func unknownFields(known map[string][]field) []string {
	n := fieldNames{known, map[string]bool{}}
	for schema, body := range bodies {
		n.check(schema, schema, reflect.TypeOf(body))
	}
	var out []string
	for name := range n.strange {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}
