// The project's tables: the routes in dockerd's order, the fields that have a policy.
package main

import (
	"bufio"
	"log"
	"os"
	"strings"
)

type route struct {
	method, pattern, operation string
	schema                     string // a struct of fields.tab, or ""
	variable                   string
	raw                        bool // a body that is no JSON: a hidden form may stand before the query
}

type field struct{ name, kind, of string }

func rows(path string) [][]string {
	f, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var out [][]string
	for in := bufio.NewScanner(f); in.Scan(); {
		if line := in.Text(); line != "" && line[0] != '#' {
			out = append(out, strings.Split(line, "\t"))
		}
	}
	return out[1:]
}

// Routes that came after 20.10.
func isLater(tag string) bool {
	return strings.HasPrefix(tag, "v2") || strings.HasPrefix(tag, "docker-v29")
}

func readRoutes(path string) []*route {
	var out []*route
	for _, row := range rows(path) {
		if isLater(row[10]) {
			continue
		}
		r := &route{method: row[0], pattern: row[1], operation: row[2], variable: variableOf(row[1])}
		r.raw = row[6] == "tar" || row[6] == "raw"
		if !strings.ContainsAny(row[7], "-{[") {
			r.schema = row[7]
		}
		out = append(out, r)
	}
	return out
}

// readFields returns the fields of each struct, without those of which dsp knows the name alone;
// known has these too.
func readFields(path string) (out, known map[string][]field) {
	out, known = map[string][]field{}, map[string][]field{}
	for _, row := range rows(path) {
		of := row[3]
		if of == "-" {
			of = ""
		}
		f := field{row[1], row[2], of}
		known[row[0]] = append(known[row[0]], f)
		if f.kind != "known" {
			out[row[0]] = append(out[row[0]], f)
		}
	}
	return out, known
}
