#include "dsp/core/base/digest.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>

#include "dsp/core/base/text.h"

_Static_assert(DIGEST_SIZE == SHA256_DIGEST_SIZE, "digests are SHA-256");
_Static_assert(sizeof(struct digest_sum) >= sizeof(struct sha256_ctx), "it has room for one");

static struct sha256_ctx *context_of(struct digest_sum *sum)
{
	return (void *)sum->room;
}

void digest_begin(struct digest_sum *sum)
{
	sha256_init(context_of(sum));
}

void digest_add(struct digest_sum *sum, struct span piece)
{
	if (piece.n > 0)
		sha256_update(context_of(sum), piece.n, (const unsigned char *)piece.s);
}

void digest_end(struct digest_sum *sum, unsigned char digest[DIGEST_SIZE])
{
	sha256_digest(context_of(sum), DIGEST_SIZE, digest);
}

void digest_of(struct span text, unsigned char digest[DIGEST_SIZE])
{
	struct digest_sum sum;

	digest_begin(&sum);
	digest_add(&sum, text);
	digest_end(&sum, digest);
}

void digest_write(struct span text, char out[DIGEST_ROOM])
{
	unsigned char digest[DIGEST_SIZE];
	struct line l;

	digest_of(text, digest);
	line_init(&l, out, DIGEST_ROOM);
	line_add(&l, "sha256:");
	for (size_t i = 0; i < sizeof(digest); i++)
		line_add(&l, "%02x", digest[i]);
}

bool digest_parse(struct span text, unsigned char digest[DIGEST_SIZE])
{
	struct span hex = text;

	if (!span_starts(text, SPAN("sha256:")))
		return false;
	hex = span_after(hex, strlen("sha256:"));
	if (hex.n != 2 * (size_t)DIGEST_SIZE)
		return false;
	for (size_t i = 0; i < hex.n; i++) {
		int digit = text_hex_lower(hex.s[i]);

		if (digit < 0)
			return false;
		digest[i / 2] = (unsigned char)(digest[i / 2] << 4 | digit);
	}
	return true;
}

bool digest_equal(const unsigned char a[DIGEST_SIZE], const unsigned char b[DIGEST_SIZE])
{
	return memeql_sec(a, b, DIGEST_SIZE) != 0;
}
