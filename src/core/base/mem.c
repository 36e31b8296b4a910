#include "dsp/core/base/mem.h"

#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t n)
{
	return malloc(n);
}

void *mem_array(size_t count, size_t size)
{
	return calloc(count, size);
}

void *mem_resize(void *p, size_t n)
{
	return realloc(p, n);
}

void mem_free(void *p)
{
	free(p);
}

char *mem_copy(const char *s, size_t n)
{
	char *copy = malloc(n + 1);

	if (!copy)
		return NULL;
	if (n > 0)
		memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}
