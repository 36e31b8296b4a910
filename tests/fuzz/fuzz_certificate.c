/*
 * certificate_parse. Input: the DER of a certificate, which is put into a message as dockerd does.
 * Names lie in the bytes of the certificate; and what is parsed once is parsed so again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"
#include "dsp/core/parse/certificate.h"
#include "fuzz.h"

/* Go's pem.EncodeToMemory, and the base64 of that. */
static char *message_text(struct span der)
{
	char *base64 = b64_encode(der);
	size_t n = strlen(base64);
	size_t room = 2 * n + 80;
	char *pem = fuzz_room(room);
	size_t at = (size_t)snprintf(pem, room, "-----BEGIN CERTIFICATE-----\n");
	char *text;

	for (size_t i = 0; i < n; i += 64)
		at += (size_t)snprintf(pem + at, room - at, "%.64s\n", base64 + i);
	at += (size_t)snprintf(pem + at, room - at, "-----END CERTIFICATE-----\n");
	text = b64_encode((struct span){ pem, at });
	mem_free(base64);
	free(pem);
	return text;
}

static void check_names(const struct certificate *c, struct span der)
{
	CHECK(c->count > 0 && c->count <= CERTIFICATE_NAMES_MOST);
	for (size_t i = 0; i < c->count; i++) {
		const struct certificate_name *name = &c->names[i];

		CHECK(name->field < CERTIFICATE_FIELDS && name->field != CERTIFICATE_COMMON_NAME);
		if (name->field == CERTIFICATE_PUBLIC_KEY) {
			unsigned char digest[DIGEST_SIZE];

			CHECK(digest_parse(name->text, digest));
			continue;
		}
		CHECK(name->text.s >= c->memory && name->text.n <= der.n);
		if (name->field != CERTIFICATE_DNS_NAME)
			CHECK(memmem(der.s, der.n, name->text.s, name->text.n) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span der = { (const char *)data, size };
	char *text = message_text(der);
	struct certificate c;
	struct certificate again;
	struct err e;

	if (certificate_parse(span_of(text), &c, &e) == 0) {
		check_names(&c, der);
		CHECK(certificate_parse(span_of(text), &again, &e) == 0);
		CHECK(again.count == c.count && strcmp(again.key, c.key) == 0);
		certificate_free(&again);
		certificate_free(&c);
	}
	mem_free(text);
	return 0;
}
