/*
 * The only file that allocates. Without memory a function returns NULL; the caller reports it, and
 * never allows a request because of it.
 */
#ifndef DSP_MEM_H
#define DSP_MEM_H

#include <stddef.h>

/* gcc checks that such memory ends in mem_free; clang does not know the attribute. */
#ifdef __clang__
#define MEM_OWNED __attribute__((malloc, warn_unused_result))
#else
#define MEM_OWNED __attribute__((malloc, malloc(mem_free, 1), warn_unused_result))
#endif

/* Frees what the functions below returned; NULL is allowed. */
void mem_free(void *p);

/* n bytes, not zeroed; n is at least 1. */
void *mem_alloc(size_t n) MEM_OWNED;

/* count zeroed elements of size bytes each; NULL on overflow too. */
void *mem_array(size_t count, size_t size) MEM_OWNED;

/* As realloc: on NULL the caller still owns p. */
void *mem_resize(void *p, size_t n) __attribute__((warn_unused_result));

/* A copy of n bytes, terminated. */
char *mem_copy(const char *s, size_t n) MEM_OWNED;

/* AUTO_MEM char *text = ...; is freed at the end of its scope. */
static inline void mem_free_auto(void *variable)
{
	mem_free(*(void **)variable);
}
#define AUTO_MEM __attribute__((cleanup(mem_free_auto)))

#endif
