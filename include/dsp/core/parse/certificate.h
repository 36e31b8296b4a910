/*
 * The names in a client's certificate, as dockerd sends it with a request (moby
 * pkg/authorization/api.go: the JSON string is the base64 of a PEM block). dockerd checked its
 * signature; Go's crypto/x509 parsed it. The common name is not here: dockerd sends it as User.
 */
#ifndef DSP_CERTIFICATE_H
#define DSP_CERTIFICATE_H

#include <stddef.h>

#include "dsp/core/base/digest.h"
#include "dsp/core/base/err.h"
#include "dsp/core/base/json_reader.h"
#include "dsp/core/base/span.h"

/* How a certificate names its holder, the most exact first. */
enum certificate_field {
	CERTIFICATE_PUBLIC_KEY, /* "sha256:..." of the SubjectPublicKeyInfo's DER (RFC 5280 4.1) */
	CERTIFICATE_URI,        /* subjectAltName (RFC 5280 4.2.1.6) */
	CERTIFICATE_DNS_NAME,   /* the same; in lower case */
	CERTIFICATE_EMAIL,      /* the same */
	CERTIFICATE_COMMON_NAME,
	CERTIFICATE_UNIT, /* organizationalUnitName of the subject */
	CERTIFICATE_FIELDS,
};

enum {
	CERTIFICATE_NAMES_MOST = 64,
	CERTIFICATE_MOST = 64 << 10, /* bytes of a message's text that are parsed */
};

struct certificate_name {
	enum certificate_field field;
	struct span text;
};

struct certificate {
	size_t count;
	struct certificate_name names[CERTIFICATE_NAMES_MOST];
	char key[DIGEST_ROOM]; /* the text of CERTIFICATE_PUBLIC_KEY */
	char *memory;          /* of the other texts */
};

/*
 * The client's certificate in RequestPeerCertificates, at which r stands: the first in the list;
 * the others are of those who signed it. An empty list: ret is empty. False: it is not a list of
 * texts.
 */
bool certificate_in_list(struct json_reader *r, struct span *ret);

/*
 * Parses a certificate as the message has it, which does not change. Texts of names in other
 * encodings than ASCII and UTF-8 are left out. The caller frees ret with certificate_free. -1 and
 * e, and there is nothing to free: not a certificate as dockerd writes it, more than
 * CERTIFICATE_NAMES_MOST names, or no memory.
 */
MUST_USE int certificate_parse(struct span text, struct certificate *ret, struct err *e);

void certificate_free(struct certificate *c);

#endif
