/* A list of allocations that are freed together. */
#ifndef DSP_MEM_LIST_H
#define DSP_MEM_LIST_H

#include <stddef.h>

struct mem_list {
	struct mem_piece *first; /* starts as NULL */
};

/* n zeroed bytes, aligned for any type, that live until mem_list_free; NULL without memory. */
void *mem_list_alloc(struct mem_list *l, size_t n) __attribute__((warn_unused_result));

/* Frees all pieces; the list is then empty and can be used again. */
void mem_list_free(struct mem_list *l);

#endif
