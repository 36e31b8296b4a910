/* IP addresses as a client writes them. */
#ifndef DSP_ADDRESS_H
#define DSP_ADDRESS_H

#include <stddef.h>

#include "dsp/core/base/span.h"

enum { ADDRESS_MOST = 64 };

/*
 * Writes an address in its one usual form: "::FFFF:127.0.0.1" and "::ffff:7f00:1" are 127.0.0.1, as
 * they are to Go's net and net/netip; "0:0:0:0:0:0:0:1" is ::1. Returns the length, without a
 * terminator; 0: in is no address of IPv4 or IPv6, or has a zone.
 */
size_t address_canonical(struct span in, char out[ADDRESS_MOST]);

#endif
