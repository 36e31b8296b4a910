#include "dsp/core/parse/reference.h"

struct span reference_familiar(struct span name)
{
	size_t last = 0; /* where the last part begins; a colon before it begins a port */

	name.n = span_find(name, '@');
	for (size_t i = 0; i < name.n; i++) {
		if (name.s[i] == '/')
			last = i + 1;
	}
	name.n = last + span_find(span_after(name, last), ':');
	if (span_starts(name, SPAN("docker.io/")))
		name = span_after(name, strlen("docker.io/"));
	else if (span_starts(name, SPAN("index.docker.io/")))
		name = span_after(name, strlen("index.docker.io/"));
	if (span_starts(name, SPAN("library/")))
		name = span_after(name, strlen("library/"));
	return name;
}

static const char default_domain[] = "docker.io";

/* Cuts the domain off name: what stands before the first slash and cannot be a path component. */
static struct span cut_domain(struct span *name)
{
	struct span domain = { name->s, span_find(*name, '/') };
	bool other = span_equal(domain, SPAN("localhost"));

	if (domain.n == name->n)
		return span_of(default_domain);
	for (size_t i = 0; i < domain.n; i++) {
		char c = domain.s[i];

		other = other || c == '.' || c == ':' || (c >= 'A' && c <= 'Z');
	}
	if (!other)
		return span_of(default_domain);
	*name = span_after(*name, domain.n + 1);
	if (span_equal(domain, SPAN("index.docker.io")) || span_equal(domain, SPAN("docker.io")))
		return span_of(default_domain);
	return domain;
}

static size_t append(char *out, size_t n, struct span s)
{
	if (s.n > 0)
		memcpy(out + n, s.s, s.n);
	return n + s.n;
}

size_t reference_canonical_most(struct span name, struct span tag)
{
	return name.n + tag.n + sizeof("docker.io/library/:latest");
}

/* Cuts the tag off a name without digest and returns it: it follows a colon in the last part. */
static struct span cut_tag(struct span *path)
{
	size_t last = 0;
	struct span tag = { NULL, 0 };

	for (size_t i = 0; i < path->n; i++) {
		if (path->s[i] == '/')
			last = i + 1;
	}
	last += span_find(span_after(*path, last), ':');
	if (last < path->n)
		tag = span_after(*path, last + 1);
	path->n = last;
	return tag;
}

bool reference_is_whole(struct span name, struct span tag)
{
	size_t end = span_find(name, '@');
	struct span path = { name.s, end };

	return end < name.n || tag.n > 0 || cut_tag(&path).n > 0;
}

size_t reference_canonical(struct span name, struct span tag, char *out)
{
	struct span digest = span_after(name, span_find(name, '@'));
	struct span path = { name.s, name.n - digest.n };
	struct span own = cut_tag(&path);
	struct span domain = cut_domain(&path);
	size_t n;

	if (tag.n == 0)
		tag = own;
	n = append(out, 0, domain);
	n = append(out, n, SPAN("/"));
	if (domain.s == default_domain && span_find(path, '/') == path.n)
		n = append(out, n, SPAN("library/"));
	n = append(out, n, path);
	if (span_find(tag, ':') < tag.n) {
		n = append(out, n, SPAN("@"));
		return append(out, n, tag);
	}
	if (tag.n > 0) {
		n = append(out, n, SPAN(":"));
		n = append(out, n, tag);
	} else if (digest.n == 0) {
		n = append(out, n, SPAN(":latest"));
	}
	return append(out, n, digest);
}

/* Without the port that is the default, and without zeros before it. */
static struct span cut_port(struct span domain, struct span *port)
{
	size_t end = domain.n;

	while (end > 0 && domain.s[end - 1] >= '0' && domain.s[end - 1] <= '9')
		end--;
	*port = (struct span){ NULL, 0 };
	if (end == 0 || end == domain.n || domain.s[end - 1] != ':')
		return domain;
	*port = span_after(domain, end);
	while (port->n > 1 && port->s[0] == '0')
		*port = span_after(*port, 1);
	if (span_equal(*port, SPAN("443")) || span_equal(*port, SPAN("80")))
		*port = (struct span){ NULL, 0 };
	return (struct span){ domain.s, end - 1 };
}

/* Names under which Docker Hub answers as a registry. */
static bool is_hub(struct span domain)
{
	return span_equal(domain, SPAN("index.docker.io")) ||
		span_equal(domain, SPAN("registry-1.docker.io")) ||
		span_equal(domain, SPAN("registry.hub.docker.com"));
}

size_t reference_plain(struct span name, char *out)
{
	struct span domain = { name.s, span_find(name, '/') };
	struct span rest = span_after(name, domain.n);
	struct span port;
	size_t n;

	if (rest.n == 0)
		return append(out, 0, name);
	domain = cut_port(domain, &port);
	for (n = 0; n < domain.n; n++) {
		char c = domain.s[n];

		out[n] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	if (port.n == 0 && is_hub((struct span){ out, n }))
		n = append(out, 0, span_of(default_domain));
	if (port.n > 0) {
		n = append(out, n, SPAN(":"));
		n = append(out, n, port);
	}
	return append(out, n, rest);
}
