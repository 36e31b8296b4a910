#include "dsp/core/policy/subject.h"

#include "dsp/core/base/text.h"

struct subject subject_at(const struct rules *rules, size_t id)
{
	struct subject s = { .id = id, .name = SPAN("anonymous") };

	if (rules && id < rules->subject_count)
		s.name = rules->subjects[id];
	return s;
}

/* What the names of a certificate say: a user, SIZE_MAX for nobody's, or why it is not known. */
struct holder {
	size_t user;
	enum subject_doubt doubt;
};

static struct holder find_by_field(
	const struct rules *rules, const struct certificate *c, enum certificate_field field)
{
	struct holder h = { .user = SIZE_MAX };

	for (size_t i = 0; i < c->count && h.doubt == SUBJECT_SURE; i++) {
		size_t user = SIZE_MAX;

		if (c->names[i].field == field)
			user = rules_find_name(rules, &c->names[i]);
		if (user != SIZE_MAX && h.user != SIZE_MAX && user != h.user)
			h.doubt = SUBJECT_SEVERAL;
		if (user != SIZE_MAX)
			h.user = user;
	}
	return h;
}

/* The holder by the most exact name that a user has. */
static struct holder find_by_names(const struct rules *rules, const struct request *rq)
{
	const struct certificate_name common = { CERTIFICATE_COMMON_NAME, rq->user };
	struct holder h = { .user = SIZE_MAX };
	struct certificate c = { .count = 0 };
	struct err e;

	if (rq->certificate.n > 0 && (rules->fields & ~(1u << CERTIFICATE_COMMON_NAME)) &&
		certificate_parse(rq->certificate, &c, &e) != 0)
		return (struct holder){ SIZE_MAX, SUBJECT_UNREADABLE };
	for (size_t f = 0; f < CERTIFICATE_FIELDS && h.user == SIZE_MAX; f++) {
		if (f != CERTIFICATE_COMMON_NAME)
			h = find_by_field(rules, &c, (enum certificate_field)f);
		else if (rq->user.n > 0)
			h.user = rules_find_name(rules, &common);
	}
	certificate_free(&c);
	return h;
}

/* The subject that the certificate alone says. */
static struct subject of_certificate(const struct rules *rules, const struct request *rq)
{
	struct holder h = { .user = SIZE_MAX };
	struct subject s;

	if (rules)
		h = find_by_names(rules, rq);
	if (h.user != SIZE_MAX && h.doubt == SUBJECT_SURE)
		return subject_at(rules, h.user);
	s = subject_at(rules, SUBJECT_ANONYMOUS);
	if (rq->user.n > 0)
		s = (struct subject){ .id = SUBJECT_UNKNOWN_CERTIFICATE,
			.name = rq->user,
			.is_unknown_certificate = true };
	s.doubt = h.doubt;
	return s;
}

struct subject subject_identify(const struct rules *rules, const struct request *rq)
{
	struct subject s = of_certificate(rules, rq);
	bool by_certificate = rq->user.n > 0 || s.id != SUBJECT_ANONYMOUS;
	unsigned char digest[DIGEST_SIZE];
	struct peer peer = { .known = false };
	bool bad_peer;
	size_t user;

	if (s.doubt != SUBJECT_SURE)
		return s;
	/* A token is that of a user; without a policy file there are none. */
	if (!rq->has_token || !rules)
		return s;
	digest_of(rq->token, digest);
	bad_peer = rq->has_peer && !peer_parse(rq->peer, &peer);
	user = rules_find_token(rules, digest, &peer);
	if (user == TOKEN_UNKNOWN)
		s.doubt = SUBJECT_UNKNOWN_TOKEN;
	else if (bad_peer)
		s.doubt = SUBJECT_BAD_PEER;
	else if (user == TOKEN_NO_PEER)
		s.doubt = SUBJECT_NO_PEER;
	else if (user == TOKEN_SEVERAL)
		s.doubt = SUBJECT_GROUPS;
	else if (by_certificate && user != s.id)
		s.doubt = SUBJECT_TWO;
	else
		s = subject_at(rules, user);
	if (user != TOKEN_UNKNOWN)
		s.peer = peer;
	return s;
}

void subject_write(const struct subject *subject, char *out, size_t cap)
{
	struct line l;

	line_init(&l, out, cap);
	if (subject->is_unknown_certificate)
		line_add(&l, "cn:");
	text_escape(subject->name, out + l.n, cap - l.n);
}

bool subject_name_is_valid(struct span name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = name.s[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			!(i > 0 && strchr("._-@ ", c) && c != '\0'))
			return false;
	}
	return name.n > 0 && name.n <= 64;
}
