/* The loops of sys/queue.h for cppcheck, which reads no system headers. */
#define TAILQ_FOREACH(v, head, link) for ((v) = TAILQ_FIRST(head); (v); (v) = TAILQ_NEXT((v), link))
#define LIST_FOREACH(v, head, link) for ((v) = LIST_FIRST(head); (v); (v) = LIST_NEXT((v), link))
