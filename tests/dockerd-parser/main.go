// Does dsp read requests as dockerd does? Wherever dsp says that it can read and route a request,
// operation, path variable, query values and policed fields of the body must be dockerd's. That dsp
// refuses more is fine.
//
//	dockerd -n CASES -seed SEED -facts PROGRAM -root TREE
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"
)

const mostShown = 20

type counts struct{ asked, readable, refused, comparable, disagreements int64 }

type finding struct {
	raw   []byte
	found []string
}

// partner is a running dsp that answers with facts.
type partner struct {
	cmd *exec.Cmd
	in  *bufio.Writer
	pin io.Closer
	out *bufio.Reader
}

func start(program string) *partner {
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		log.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		log.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	return &partner{cmd, bufio.NewWriterSize(in, 1<<16), in, bufio.NewReaderSize(out, 1<<16)}
}

func (p *partner) send(question []byte) {
	_, _ = p.in.Write(question)
	_ = p.in.WriteByte('\n')
}

func (p *partner) facts() *facts {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		log.Fatalf("dsp ended: %v", err)
	}
	f := &facts{}
	if err := json.Unmarshal(line, f); err != nil {
		log.Fatalf("dsp wrote %q: %v", line, err)
	}
	return f
}

func (p *partner) end() {
	_ = p.in.Flush()
	_ = p.pin.Close()
	if err := p.cmd.Wait(); err != nil {
		log.Fatal(err)
	}
}

type run struct {
	routes  []*route
	fields  map[string][]field
	known   map[string][]field
	vectors []request
	program string
	seed    int64
	sync.Mutex
	counts
	missing  map[string]bool
	findings []finding
}

func (r *run) generator() *generator {
	g := &generator{routes: r.routes, fields: r.fields, vectors: r.vectors}
	for _, route := range r.routes {
		if route.schema != "" {
			g.bodies = append(g.bodies, route)
		}
	}
	return g
}

type pending struct {
	request *request
	got     *reading
}

// work does the cases from, from + step, ... below n.
func (r *run) work(from, step, n int64) {
	p := start(r.program)
	c := &comparison{fields: r.fields, missing: map[string]bool{}}
	queue := make(chan pending, 256)
	done := make(chan counts)
	go func() {
		var sum counts
		for one := range queue {
			f := p.facts()
			sum.asked++
			if f.Readable {
				sum.readable++
				if one.got.refused {
					sum.refused++
				}
			}
			if c.compare(f, one.got) {
				sum.comparable++
			}
			if len(c.found) > 0 {
				sum.disagreements++
				r.keep(one.request)
			}
		}
		done <- sum
	}()
	g, d := r.generator(), newDockerd(r.routes)
	for i := from; i < n; i += step {
		request := g.next(r.seed, i)
		if got := d.read(request.bytes()); got != nil {
			p.send(got.question)
			// The other side may wait for what is still here.
			if len(queue) == 0 || len(queue) == cap(queue) {
				_ = p.in.Flush()
			}
			queue <- pending{request, got}
		}
	}
	_ = p.in.Flush()
	close(queue)
	sum := <-done
	p.end()
	r.add(sum, c.missing)
}

func (r *run) add(sum counts, missing map[string]bool) {
	r.Lock()
	defer r.Unlock()
	r.asked += sum.asked
	r.readable += sum.readable
	r.refused += sum.refused
	r.comparable += sum.comparable
	r.disagreements += sum.disagreements
	for name, all := range missing {
		r.missing[name] = r.missing[name] || all
	}
}

func (r *run) keep(request *request) {
	r.Lock()
	more := len(r.findings) < mostShown
	r.Unlock()
	if !more {
		return
	}
	small, found := r.shrink(request)
	r.Lock()
	r.findings = append(r.findings, finding{small.bytes(), found})
	r.Unlock()
}

func (r *run) report(n int64) bool {
	var missing []string
	for name, all := range r.missing {
		if all {
			missing = append(missing, name)
		}
	}
	sort.Strings(missing)
	fmt.Printf("# fields that this dockerd does not have: %s\n", strings.Join(missing, " "))
	fmt.Printf("# %d cases, %d asked, %d readable, %d of these refused by dockerd\n",
		n, r.asked, r.readable, r.refused)
	fmt.Printf("# %d comparable, %d disagreements (seed %d)\n", r.comparable, r.disagreements, r.seed)
	good := r.disagreements == 0 && r.comparable*20 >= n
	if good {
		fmt.Printf("ok 1 - dsp reads as dockerd\n")
	} else {
		fmt.Printf("not ok 1 - dsp reads as dockerd\n")
	}
	for i, f := range r.findings {
		fmt.Printf("# disagreement %d: %s\n#   %q\n", i+1, strings.Join(f.found, "; "), f.raw)
	}
	strange := unknownFields(r.known)
	if len(strange) == 0 {
		fmt.Printf("ok 2 - fields.tab has every field of this dockerd\n")
	} else {
		fmt.Printf("not ok 2 - fields.tab has every field of this dockerd\n# %s\n", strings.Join(strange, " "))
	}
	fmt.Printf("1..2\n")
	return good && len(strange) == 0
}

func main() {
	n := flag.Int64("n", 200000, "cases")
	seed := flag.Int64("seed", 1, "of the cases")
	workers := flag.Int64("workers", 2, "at the same time")
	program := flag.String("facts", "", "the program that writes dsp's facts")
	root := flag.String("root", ".", "the tree")
	show := flag.Int64("show", -1, "only print this case's request")
	flag.Parse()
	log.SetFlags(0)
	logrus.SetOutput(io.Discard)
	r := &run{program: *program, seed: *seed, missing: map[string]bool{}}
	r.routes = readRoutes(filepath.Join(*root, "src/core/tables/routes.tab"))
	r.fields, r.known = readFields(filepath.Join(*root, "src/core/tables/fields.tab"))
	r.vectors = readVectors(filepath.Join(*root, "tests/vectors/vectors.jsonl"))
	if *show >= 0 {
		fmt.Printf("%q\n", r.generator().next(*seed, *show).bytes())
		return
	}
	var all sync.WaitGroup
	for w := int64(0); w < *workers; w++ {
		all.Add(1)
		go func(w int64) {
			defer all.Done()
			r.work(w, *workers, *n)
		}(w)
	}
	all.Wait()
	if !r.report(*n) {
		os.Exit(1)
	}
}
