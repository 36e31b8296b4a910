#include "dsp/core/policy/subject.h"

#include "dsp/core/base/text.h"

struct subject subject_at(const struct rules *rules, size_t id)
{
	struct subject s = { .id = id, .name = SPAN("anonymous") };

	if (rules && id < rules->subject_count)
		s.name = rules->subjects[id];
	return s;
}

struct subject subject_identify(const struct rules *rules, const struct request *rq)
{
	struct subject s = subject_at(rules, SUBJECT_ANONYMOUS);
	unsigned char digest[DIGEST_SIZE];
	size_t user;

	if (rq->user.n > 0) {
		size_t id = rules ? rules_find_common_name(rules, rq->user) : SIZE_MAX;

		if (id != SIZE_MAX)
			s = subject_at(rules, id);
		else
			s = (struct subject){ .id = SUBJECT_UNKNOWN_CERTIFICATE,
				.name = rq->user,
				.is_unknown_certificate = true };
	}
	/* A token is that of a user; without a policy file there are none. */
	if (!rq->has_token || !rules)
		return s;
	digest_of(rq->token, digest);
	user = rules_find_token(rules, digest);
	if (user == SIZE_MAX)
		s.doubt = SUBJECT_UNKNOWN_TOKEN;
	else if (rq->user.n > 0 && user != s.id)
		s.doubt = SUBJECT_TWO;
	else
		s = subject_at(rules, user);
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
