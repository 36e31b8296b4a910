/* Functions of GnuTLS that dspd replaces (no_tls.c); libraries call them, dspd does not. */
#ifndef DSP_NO_TLS_H
#define DSP_NO_TLS_H

#define FOR_LIBRARIES __attribute__((visibility("default")))

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): GnuTLS names it */
int _gnutls_global_init_skip(void) FOR_LIBRARIES;
int gnutls_global_init(void) FOR_LIBRARIES;
void gnutls_global_deinit(void) FOR_LIBRARIES;

#endif
