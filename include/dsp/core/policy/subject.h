/*
 * Who asks: the name in the client's certificate, as dockerd tells it, or the user of a token,
 * which the client sends in a header of its own. Trusts that dockerd checked the certificate.
 */
#ifndef DSP_SUBJECT_H
#define DSP_SUBJECT_H

#include "dsp/core/parse/request.h"
#include "dsp/core/policy/rules.h"

enum subject_doubt {
	SUBJECT_SURE,
	SUBJECT_UNKNOWN_TOKEN, /* a token that no user has */
	SUBJECT_TWO,           /* certificate and token are not of one user */
};

struct subject {
	size_t id; /* in rules; without rules SUBJECT_ANONYMOUS or SUBJECT_UNKNOWN_CERTIFICATE */
	struct span
		name; /* a user's, "anonymous", or a certificate's when is_unknown_certificate */
	bool is_unknown_certificate; /* no user has the certificate */
	enum subject_doubt doubt;
};

/* rules may be NULL. The name lives as long as rules and rq. */
struct subject subject_identify(const struct rules *rules, const struct request *rq);

/* The subject of that number, as if it had asked. */
struct subject subject_at(const struct rules *rules, size_t id);

/* The SHA-256 of a token. */
void token_digest(struct span token, unsigned char digest[TOKEN_DIGEST]);

enum { DIGEST_ROOM = 72 };

/* "sha256:..." of a text, as tokens and policies are named by it; terminated. */
void digest_write(struct span text, char out[DIGEST_ROOM]);

#endif
