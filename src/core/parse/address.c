#include "dsp/core/parse/address.h"

#include <arpa/inet.h>

#include "dsp/core/base/text.h"

/* ::ffff:0:0/96 */
static const unsigned char mapped[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

size_t address_canonical(struct span in, char out[ADDRESS_MOST])
{
	char text[ADDRESS_MOST];
	char shown[ADDRESS_MOST];
	unsigned char bytes[sizeof(struct in6_addr)];
	int family = AF_INET6;
	const unsigned char *address = bytes;

	if (in.n >= sizeof(text) || span_find(in, '\0') < in.n)
		return 0;
	text_copy(in, text, sizeof(text));
	if (inet_pton(AF_INET, text, bytes) == 1) {
		family = AF_INET;
	} else if (inet_pton(AF_INET6, text, bytes) != 1) {
		return 0;
	} else if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		family = AF_INET;
		address += sizeof(mapped);
	}
	if (!inet_ntop(family, address, shown, sizeof(shown)))
		return 0;
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): it has a length */
	memcpy(out, shown, strlen(shown));
	return strlen(shown);
}
