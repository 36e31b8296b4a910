/* The pages of this program and its libraries that are the same in their files. */
#ifndef DSP_PROGRAM_PAGES_H
#define DSP_PROGRAM_PAGES_H

/*
 * Lets go of all of them, after a start: the kernel maps again what is still used. Of GnuTLS, which
 * libmicrohttpd brings, nothing is. Costs as many faults as there are pages in use.
 */
void program_pages_release(void);

#endif
