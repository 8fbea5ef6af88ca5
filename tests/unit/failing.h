/* tests/unit/failing.h: what asks for memory or for a file fails when it is told to: the call after
 * the next `failing_left` ones, and no other. The linker sends the calls of the code under test
 * here (target_link_options with --wrap); those of the shared libraries go past. For one
 * translation unit. */
#ifndef TESTS_FAILING_H
#define TESTS_FAILING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Calls that still succeed; negative: all do. */
static long failing_left = -1;

static inline bool fails_now(void) {
    return failing_left >= 0 && failing_left-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size) {
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
    return fails_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text) {
    return fails_now() ? NULL : __real_strdup(text);
}

/* One try of something. True: it worked. It must not leak either way, and when it fails it must
 * say so. */
typedef bool failing_fn(void *arg);

/* Lets each call fail in turn until one try has met no failure; every try that failed is followed
 * by one with memory, which must work. Returns how many failures were met. */
static inline unsigned each_fails(failing_fn *try, void *arg) {
    unsigned met = 0;
    for (long count = 0;; count++) {
        failing_left = count;
        bool worked = try(arg);
        bool reached = failing_left < 0;
        failing_left = -1;
        if (!reached) {
            assert_true(worked);
            return met;
        }
        met++;
        assert_true(met < 10000);
        assert_true(try(arg));
    }
}

#endif
