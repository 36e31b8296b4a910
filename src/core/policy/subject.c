#include "dsp/core/policy/subject.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdlib.h>

#include "dsp/core/base/text.h"

_Static_assert(TOKEN_DIGEST == SHA256_DIGEST_SIZE, "tokens are kept as their SHA-256");

void token_digest(struct span token, unsigned char digest[TOKEN_DIGEST])
{
	struct sha256_ctx ctx;

	sha256_init(&ctx);
	if (token.n > 0)
		sha256_update(&ctx, token.n, (const unsigned char *)token.s);
	sha256_digest(&ctx, TOKEN_DIGEST, digest);
}

void digest_write(struct span text, char out[DIGEST_ROOM])
{
	unsigned char digest[TOKEN_DIGEST];
	struct line l;

	token_digest(text, digest);
	line_init(&l, out, DIGEST_ROOM);
	line_add(&l, "sha256:");
	for (size_t i = 0; i < sizeof(digest); i++)
		line_add(&l, "%02x", digest[i]);
}

/*
 * The token with this digest, or NULL. The search orders by the first bytes of digests, from which
 * nobody learns a token; whether it is the one is compared in constant time.
 */
static const struct token *find_token(const struct rules *rules, const unsigned char *digest)
{
	size_t low = 0;
	size_t high = rules ? rules->token_count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct token *t = &rules->tokens[middle];
		int order = memcmp(digest, t->digest, sizeof(uint64_t));

		if (order == 0)
			return memeql_sec(digest, t->digest, TOKEN_DIGEST) ? t : NULL;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int compare_name(const void *key, const void *element)
{
	const struct span *name = key;
	const struct common_name *other = element;

	if (name->n != other->name.n)
		return name->n < other->name.n ? -1 : 1;
	return memcmp(name->s, other->name.s, name->n);
}

static size_t find_name(const struct rules *rules, struct span name)
{
	const struct common_name *found = NULL;

	if (rules && rules->name_count > 0)
		found = bsearch(&name, rules->names, rules->name_count, sizeof(*rules->names),
			compare_name);
	return found ? found->subject : (size_t)SUBJECT_UNKNOWN_CERTIFICATE;
}

struct subject subject_at(const struct rules *rules, size_t id)
{
	struct subject s = { .id = id, .name = SPAN("anonymous") };

	if (rules && id < rules->subject_count)
		s.name = rules->subjects[id];
	return s;
}

struct subject subject_identify(const struct rules *rules, const struct request *rq)
{
	unsigned char digest[TOKEN_DIGEST];
	size_t id = rq->user.n > 0 ? find_name(rules, rq->user) : (size_t)SUBJECT_ANONYMOUS;
	struct subject s = subject_at(rules, id);
	const struct token *t;

	if (id == SUBJECT_UNKNOWN_CERTIFICATE) {
		s.name = rq->user;
		s.is_unknown_certificate = true;
	}
	/* Where there are no users a token says nothing. */
	if (!rq->has_token || !rules)
		return s;
	token_digest(rq->token, digest);
	t = find_token(rules, digest);
	if (!t)
		s.doubt = SUBJECT_UNKNOWN_TOKEN;
	else if (rq->user.n > 0 && t->subject != id)
		s.doubt = SUBJECT_TWO;
	else
		s = subject_at(rules, t->subject);
	return s;
}
