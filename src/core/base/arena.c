#include "dsp/core/base/arena.h"

#include <stdint.h>

#include "dsp/core/base/mem.h"

struct arena_piece {
	struct arena_piece *next;
	_Alignas(max_align_t) char bytes[];
};

void *arena_take(struct arena *a, size_t n)
{
	struct arena_piece *piece;

	if (n > SIZE_MAX / 2)
		return NULL;
	piece = mem_array(1, sizeof(*piece) + n);
	if (!piece)
		return NULL;
	piece->next = a->pieces;
	a->pieces = piece;
	return piece->bytes;
}

void arena_free(struct arena *a)
{
	while (a->pieces) {
		struct arena_piece *next = a->pieces->next;

		mem_free(a->pieces);
		a->pieces = next;
	}
}
