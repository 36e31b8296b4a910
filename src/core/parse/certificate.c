#include "dsp/core/parse/certificate.h"

#include <errno.h>
#include <nettle/asn1.h>

#include "dsp/core/base/b64.h"
#include "dsp/core/base/mem.h"

#define OID_UNIT SPAN("\x55\x04\x0b")     /* id-at-organizationalUnitName, 2.5.4.11 */
#define OID_ALT_NAME SPAN("\x55\x1d\x11") /* id-ce-subjectAltName, 2.5.29.17 */

enum {
	/* Context tags of TBSCertificate and GeneralName (RFC 5280, A.1 and A.2). */
	TAG_VERSION = ASN1_CLASS_CONTEXT_SPECIFIC | ASN1_TYPE_CONSTRUCTED | 0,
	TAG_EXTENSIONS = ASN1_CLASS_CONTEXT_SPECIFIC | ASN1_TYPE_CONSTRUCTED | 3,
	TAG_EMAIL = ASN1_CLASS_CONTEXT_SPECIFIC | 1,
	TAG_DNS_NAME = ASN1_CLASS_CONTEXT_SPECIFIC | 2,
	TAG_URI = ASN1_CLASS_CONTEXT_SPECIFIC | 6,
};

/* --- DER ---------------------------------------------------------------------------------------*/

/* The values of a constructed one, in their order. */
struct der {
	struct asn1_der_iterator at;
	enum asn1_iterator_result state; /* of the value at which it stands */
};

static struct der der_of(struct span content)
{
	struct der d;

	d.state = asn1_der_iterator_first(&d.at, content.n, (const uint8_t *)content.s);
	return d;
}

static void der_next(struct der *d)
{
	d->state = asn1_der_iterator_next(&d->at);
}

static bool der_more(const struct der *d)
{
	return d->state == ASN1_ITERATOR_PRIMITIVE || d->state == ASN1_ITERATOR_CONSTRUCTED;
}

static bool der_is(const struct der *d, int type)
{
	return der_more(d) && (int)d->at.type == type;
}

static struct span der_content(const struct der *d)
{
	return (struct span){ (const char *)d->at.data, d->at.length };
}

/* The whole value at which d stands, with tag and length, up to where the next one begins. */
static struct span der_value(const struct der *d, const char *begin)
{
	return (struct span){ begin, (size_t)((const char *)d->at.data + d->at.length - begin) };
}

/* Takes the value at which d stands if it is of a type. False: it is not. */
static bool der_accept(struct der *d, int type, struct span *ret)
{
	if (!der_is(d, type))
		return false;
	*ret = der_content(d);
	der_next(d);
	return true;
}

/* --- names -------------------------------------------------------------------------------------*/

static bool add(struct certificate *c, enum certificate_field field, struct span text)
{
	if (c->count == CERTIFICATE_NAMES_MOST)
		return false;
	c->names[c->count++] = (struct certificate_name){ field, text };
	return true;
}

static bool is_text(const struct der *d)
{
	return der_is(d, ASN1_UTF8STRING) || der_is(d, ASN1_PRINTABLESTRING) ||
		der_is(d, ASN1_IA5STRING);
}

/* Name: a sequence of sets of pairs of an identifier and a value. */
static bool parse_subject(struct certificate *c, struct span content)
{
	struct span set;
	struct span pair;
	struct span oid;

	for (struct der sets = der_of(content); sets.state != ASN1_ITERATOR_END;) {
		if (!der_accept(&sets, ASN1_SET, &set))
			return false;
		for (struct der pairs = der_of(set); pairs.state != ASN1_ITERATOR_END;) {
			struct der d;

			if (!der_accept(&pairs, ASN1_SEQUENCE, &pair))
				return false;
			d = der_of(pair);
			if (!der_accept(&d, ASN1_IDENTIFIER, &oid))
				return false;
			if (span_equal(oid, OID_UNIT) && is_text(&d) &&
				!add(c, CERTIFICATE_UNIT, der_content(&d)))
				return false;
		}
	}
	return true;
}

/* GeneralNames: of its nine kinds three are names that a policy file has. */
static bool parse_alt_names(struct certificate *c, struct span value)
{
	struct der outer = der_of(value);
	struct span names;

	if (!der_accept(&outer, ASN1_SEQUENCE, &names) || outer.state != ASN1_ITERATOR_END)
		return false;
	for (struct der d = der_of(names); d.state != ASN1_ITERATOR_END; der_next(&d)) {
		bool room = true;

		if (!der_more(&d))
			return false;
		if (der_is(&d, TAG_URI))
			room = add(c, CERTIFICATE_URI, der_content(&d));
		else if (der_is(&d, TAG_DNS_NAME))
			room = add(c, CERTIFICATE_DNS_NAME, der_content(&d));
		else if (der_is(&d, TAG_EMAIL))
			room = add(c, CERTIFICATE_EMAIL, der_content(&d));
		if (!room)
			return false;
	}
	return true;
}

/* Extensions: a sequence of an identifier, perhaps a boolean, and the bytes of a value. */
static bool parse_extensions(struct certificate *c, struct span content)
{
	struct der outer = der_of(content);
	struct span list;
	struct span extension;
	struct span oid;
	struct span value;

	if (!der_accept(&outer, ASN1_SEQUENCE, &list))
		return false;
	for (struct der d = der_of(list); d.state != ASN1_ITERATOR_END;) {
		struct der parts;

		if (!der_accept(&d, ASN1_SEQUENCE, &extension))
			return false;
		parts = der_of(extension);
		if (!der_accept(&parts, ASN1_IDENTIFIER, &oid))
			return false;
		if (!span_equal(oid, OID_ALT_NAME))
			continue;
		(void)der_accept(&parts, ASN1_BOOLEAN, &value);
		if (!der_accept(&parts, ASN1_OCTETSTRING, &value) || !parse_alt_names(c, value))
			return false;
	}
	return true;
}

/* TBSCertificate (RFC 5280 4.1): version, serial, signature, issuer, validity, subject, key. */
static bool parse_signed(struct certificate *c, struct span content)
{
	struct der d = der_of(content);
	struct span part;
	struct span extensions = SPAN("");
	const char *key;

	(void)der_accept(&d, TAG_VERSION, &part);
	if (!der_accept(&d, ASN1_INTEGER, &part) || !der_accept(&d, ASN1_SEQUENCE, &part) ||
		!der_accept(&d, ASN1_SEQUENCE, &part))
		return false;
	if (!der_accept(&d, ASN1_SEQUENCE, &part) || !der_is(&d, ASN1_SEQUENCE))
		return false;
	key = (const char *)d.at.data + d.at.length; /* the subject ends, the key begins */
	if (!parse_subject(c, der_content(&d)))
		return false;
	der_next(&d);
	if (!der_is(&d, ASN1_SEQUENCE))
		return false;
	digest_write(der_value(&d, key), c->key);
	for (der_next(&d); der_more(&d); der_next(&d)) {
		if (der_is(&d, TAG_EXTENSIONS))
			extensions = der_content(&d);
	}
	return d.state == ASN1_ITERATOR_END && add(c, CERTIFICATE_PUBLIC_KEY, span_of(c->key)) &&
		(extensions.n == 0 || parse_extensions(c, extensions));
}

/* Certificate: what is signed, and the signature. */
static bool parse_der(struct certificate *c, struct span text)
{
	struct der outer = der_of(text);
	struct span whole;
	struct span part;
	struct der d;

	if (!der_accept(&outer, ASN1_SEQUENCE, &whole) || outer.state != ASN1_ITERATOR_END)
		return false;
	d = der_of(whole);
	return der_accept(&d, ASN1_SEQUENCE, &part) && parse_signed(c, part);
}

/* --- PEM ---------------------------------------------------------------------------------------*/

/* Decodes a PEM block as Go writes it (encoding/pem) in place. False: text is something else. */
static bool decode_pem(char *text, size_t *n)
{
	static const struct span head = SPAN_INIT("-----BEGIN CERTIFICATE-----\n");
	static const struct span foot = SPAN_INIT("-----END CERTIFICATE-----\n");
	struct span all = { text, *n };
	size_t used = 0;

	if (!span_starts(all, head) || !span_ends(all, foot) || all.n < head.n + foot.n)
		return false;
	for (size_t i = head.n; i < all.n - foot.n; i++) {
		if (text[i] != '\n')
			text[used++] = text[i];
	}
	return b64_decode_strict(text, used, n);
}

/* DNS names are the same in either case (RFC 4343). */
static void fold_dns_names(struct certificate *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct span name = c->names[i].text;
		char *text;

		if (c->names[i].field != CERTIFICATE_DNS_NAME)
			continue;
		text = c->memory + (name.s - c->memory);
		for (size_t j = 0; j < name.n; j++) {
			if (text[j] >= 'A' && text[j] <= 'Z')
				text[j] = (char)(text[j] - 'A' + 'a');
		}
	}
}

bool certificate_in_list(struct json_reader *r, struct span *ret)
{
	struct span other;

	*ret = (struct span){ NULL, 0 };
	if (!json_reader_accept(r, '['))
		return false;
	if (json_reader_accept(r, ']'))
		return true;
	if (!json_reader_string(r, ret))
		return false;
	while (json_reader_accept(r, ',')) {
		if (!json_reader_string(r, &other))
			return false;
	}
	return json_reader_accept(r, ']');
}

int certificate_parse(struct span text, struct certificate *ret, struct err *e)
{
	size_t n = text.n;

	if (n > CERTIFICATE_MOST)
		return FAIL(e, EMSGSIZE, "the client's certificate is too big");
	*ret = (struct certificate){ .memory = mem_copy(text.s, n) };
	if (!ret->memory)
		return FAIL(e, ENOMEM, "the client's certificate");
	if (!b64_decode_strict(ret->memory, n, &n) || !decode_pem(ret->memory, &n) ||
		!parse_der(ret, (struct span){ ret->memory, n })) {
		certificate_free(ret);
		return FAIL(e, 0, "the client's certificate cannot be read");
	}
	fold_dns_names(ret);
	return 0;
}

void certificate_free(struct certificate *c)
{
	mem_free(c->memory);
	c->memory = NULL;
}
