#include "dsp/core/base/mem_list.h"

#include <stdint.h>

#include "dsp/core/base/mem.h"

struct mem_piece {
	struct mem_piece *next;
	_Alignas(max_align_t) char bytes[];
};

void *mem_list_alloc(struct mem_list *l, size_t n)
{
	struct mem_piece *piece = n < SIZE_MAX / 2 ? mem_array(1, sizeof(*piece) + n) : NULL;

	if (!piece)
		return NULL;
	piece->next = l->first;
	l->first = piece;
	return piece->bytes;
}

void mem_list_free(struct mem_list *l)
{
	while (l->first) {
		struct mem_piece *next = l->first->next;

		mem_free(l->first);
		l->first = next;
	}
}
