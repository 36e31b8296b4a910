/*
 * Keeps GnuTLS unused. Debian's libmicrohttpd links it, and both initialise it as they are loaded:
 * self-tests, the tables of ASN.1, 1 MiB of memory and a tenth of the start. dspd has unix sockets
 * alone and never sets MHD_USE_TLS, so nothing of GnuTLS runs. These functions take the place of
 * the library's, by name; a libmicrohttpd that has no TLS asks for none of them.
 */
#include "no_tls.h"

/* What GNUTLS_SKIP_GLOBAL_INIT of <gnutls/gnutls.h> makes: GnuTLS does nothing as it is loaded. */
int _gnutls_global_init_skip(void)
{
	return 1;
}

/* libmicrohttpd calls these two as it is loaded, and at the end. */
int gnutls_global_init(void)
{
	return 0;
}

void gnutls_global_deinit(void)
{
}
