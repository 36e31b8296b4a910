/*
 * Who a client is: by the names in its certificate, which dockerd checked and sends along, or by a
 * token in the header X-Dsp-Token. Of the names of a certificate the most exact one that a user has
 * decides: public key, URI, DNS name, e-mail address, common name, organizational unit.
 */
#ifndef DSP_SUBJECT_H
#define DSP_SUBJECT_H

#include "dsp/core/parse/request.h"
#include "dsp/core/policy/rules.h"

enum subject_doubt {
	SUBJECT_SURE,
	SUBJECT_UNKNOWN_TOKEN, /* a token that no user has */
	SUBJECT_TWO,           /* certificate and token are not of one user */
	SUBJECT_SEVERAL,       /* equally exact names of the certificate are of several users */
	SUBJECT_NO_PEER,    /* no user with this token has the uid or a gid of the gate's client */
	SUBJECT_BAD_PEER,   /* X-Dsp-Peer is not as dsp-gate writes it */
	SUBJECT_GROUPS,     /* several users with this token have gids of the gate's client */
	SUBJECT_UNREADABLE, /* its certificate, and users have more names than the common one */
};

struct subject {
	size_t id; /* in rules; without rules SUBJECT_ANONYMOUS or SUBJECT_UNKNOWN_CERTIFICATE */
	struct span name;            /* a user's, "anonymous", or that of an unknown certificate */
	bool is_unknown_certificate; /* no user has the certificate */
	enum subject_doubt doubt;
	struct peer peer; /* known if the client came by a gate, and its token is a user's */
};

/* The subject of a request. rules may be NULL. The name points into rules or rq. */
struct subject subject_identify(const struct rules *rules, const struct request *rq);

/* The subject of a number. */
struct subject subject_at(const struct rules *rules, size_t id);

/* Writes a subject for a user: alice, anonymous, cn:x; printable ASCII, terminated. */
void subject_write(const struct subject *subject, char *out, size_t cap);

/* Whether a user or a group can have this name. */
bool subject_name_is_valid(struct span name);

#endif
