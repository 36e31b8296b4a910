/* Whether the server behind a connection speaks HTTP/2. No request is sent. */
#ifndef DSP_HTTP2_PROBE_H
#define DSP_HTTP2_PROBE_H

/*
 * Sends the preface of HTTP/2 (RFC 9113, 3.4). fd does not block, and may still be connecting. 1:
 * the server answers in HTTP/2; 0: in another way, or by closing; -1: not within 2 s.
 */
int http2_probe_plain(int fd);

/*
 * The same for a server with TLS: offers it TLS 1.2 with HTTP/2 alone (RFC 7301), where its choice
 * stands in the clear, so that no certificate is needed. 0: it chooses no HTTP/2. -1: it does not
 * answer, or has no TLS 1.2. -2: it has no TLS.
 */
int http2_probe_tls(int fd);

#endif
