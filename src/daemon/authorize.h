/*
 * The way of a request: read it, look up its mount sources, conclude. A request that depends on
 * dockerd's defaults, or has mounts, is answered when they have been looked up, or when that takes
 * too long. Nothing above this
 * file can turn a denial into an allow, and nothing below knows of HTTP.
 */
#ifndef DSP_AUTHORIZE_H
#define DSP_AUTHORIZE_H

#include "server.h"
#include "service.h"

/* POST /AuthZPlugin.AuthZReq; ctx is a service. As struct endpoint has them. */
enum answer authorize(void *ctx, struct call *call);
void authorize_drop(void *ctx, struct call *call);

/* Whether a call that waits does so for root, so that it ends when dockerd hangs up. */
bool authorize_waits_for_root(const struct call *call);

/* The answers that come later; as struct server_options has them, for a service with a pool. */
struct call *authorize_next_answer(void *ctx);
int authorize_answer_timeout(void *ctx);

/* Hands what dsp-resolve answered to those that asked. */
void authorize_receive(struct service *service);

#endif
