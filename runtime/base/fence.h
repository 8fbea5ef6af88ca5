/* base/fence.h: memory fences between threads and processes. ThreadSanitizer does not know them and
 * refuses to compile them; under it they are left out, which on x86 changes no instruction but
 * that of a full fence. [any thread] */
#ifndef BASE_FENCE_H
#define BASE_FENCE_H

#include <stdatomic.h>

#if defined(__SANITIZE_THREAD__)
#define FENCE(order) ((void)0)
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FENCE(order) ((void)0)
#endif
#endif
#ifndef FENCE
#define FENCE(order) atomic_thread_fence(order)
#endif

#endif
