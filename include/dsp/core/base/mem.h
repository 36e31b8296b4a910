/*
 * The only way to the heap. Running out of memory is an ordinary answer here (NULL): what
 * becomes of it is decided by the caller, and is never an allow.
 */
#ifndef DSP_MEM_H
#define DSP_MEM_H

#include <stddef.h>

/* gcc follows such memory to mem_free; clang has no word for that. */
#ifdef __clang__
#define MEM_OWNED __attribute__((malloc, warn_unused_result))
#else
#define MEM_OWNED __attribute__((malloc, malloc(mem_free, 1), warn_unused_result))
#endif

/* Frees what the functions below returned; NULL is fine. */
void mem_free(void *p);

/* n bytes, not zeroed; n is at least 1. NULL when there is no memory. */
void *mem_alloc(size_t n) MEM_OWNED;

/* count zeroed elements of size bytes each; NULL when there is no memory or on overflow. */
void *mem_array(size_t count, size_t size) MEM_OWNED;

/* As realloc: on NULL the old memory still belongs to the caller. */
void *mem_resize(void *p, size_t n) __attribute__((warn_unused_result));

/* A terminated copy of n bytes; NULL when there is no memory. */
char *mem_copy(const char *s, size_t n) MEM_OWNED;

/* For variables that free themselves at the end of their scope: AUTO_MEM char *text = ...; */
static inline void mem_free_auto(void *variable)
{
	mem_free(*(void **)variable);
}
#define AUTO_MEM __attribute__((cleanup(mem_free_auto)))

#endif
