// The peer of the bench: an AuthZ plugin with one rule, written as Go plugins are. It decodes
// every envelope whole, and the body of every request that has one.
//
// usage: goplugin SOCKET
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// What dockerd sends, to both endpoints.
type request struct {
	User               string            `json:"User,omitempty"`
	UserAuthNMethod    string            `json:"UserAuthNMethod,omitempty"`
	RequestMethod      string            `json:"RequestMethod,omitempty"`
	RequestURI         string            `json:"RequestUri,omitempty"`
	RequestBody        []byte            `json:"RequestBody,omitempty"`
	RequestHeaders     map[string]string `json:"RequestHeaders,omitempty"`
	ResponseBody       []byte            `json:"ResponseBody,omitempty"`
	ResponseHeaders    map[string]string `json:"ResponseHeaders,omitempty"`
	ResponseStatusCode int               `json:"ResponseStatusCode,omitempty"`
}

type verdict struct {
	Allow bool
	Msg   string `json:",omitempty"`
	Err   string `json:",omitempty"`
}

// The part of a body that the rule reads: the decoder still goes over all of it.
type body struct {
	HostConfig struct{ Privileged bool }
}

var execPath = regexp.MustCompile(`^(/v[0-9.]+)?/containers/[^/]+/exec$`)

func judge(r request) verdict {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if r.RequestMethod == "POST" && execPath.MatchString(path) {
		return verdict{Msg: "exec is denied"}
	}
	if len(r.RequestBody) == 0 {
		return verdict{Allow: true}
	}
	var b body
	if err := json.Unmarshal(r.RequestBody, &b); err != nil {
		return verdict{Msg: "the body is no JSON: " + err.Error()}
	}
	if b.HostConfig.Privileged {
		return verdict{Msg: "privileged is denied"}
	}
	return verdict{Allow: true}
}

func allow(request) verdict {
	return verdict{Allow: true}
}

func handler(decide func(request) verdict) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		var r request
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewDecoder(req.Body).Decode(&r); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			json.NewEncoder(w).Encode(verdict{Err: err.Error()})
			return
		}
		json.NewEncoder(w).Encode(decide(r))
	}
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: goplugin SOCKET")
	}
	os.Remove(os.Args[1])
	listener, err := net.Listen("unix", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/AuthZPlugin.AuthZReq", handler(judge))
	mux.HandleFunc("/AuthZPlugin.AuthZRes", handler(allow))
	log.Fatal(http.Serve(listener, mux))
}
