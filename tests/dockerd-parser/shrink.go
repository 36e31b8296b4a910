// A disagreement as small as it gets by leaving things out.
package main

// disagrees asks anew, one question at a time.
func (r *run) disagrees(p *partner, d *dockerd, request *request) []string {
	got := d.read(request.bytes())
	if got == nil {
		return nil
	}
	p.send(got.question)
	_ = p.in.Flush()
	c := &comparison{fields: r.fields, missing: map[string]bool{}}
	c.compare(p.facts(), got)
	return c.found
}

func (r *run) shrink(from *request) (*request, []string) {
	p, d := start(r.program), newDockerd(r.routes)
	defer p.end()
	best, found := *from, r.disagrees(p, d, from)
	try := func(candidate request) bool {
		now := r.disagrees(p, d, &candidate)
		if len(now) > 0 {
			best, found = candidate, now
		}
		return len(now) > 0
	}
	for i := 0; i < len(best.headers); {
		candidate := best
		candidate.headers = append(append([]header(nil), best.headers[:i]...), best.headers[i+1:]...)
		if !try(candidate) {
			i++
		}
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for i := 0; i+size <= len(best.body); {
			candidate := best
			candidate.body = splice(best.body, i, i+size, "")
			if !try(candidate) {
				i++
			}
		}
		for i := 0; i+size <= len(best.target); {
			candidate := best
			candidate.target = splice(best.target, i, i+size, "")
			if !try(candidate) {
				i++
			}
		}
	}
	return &best, found
}
