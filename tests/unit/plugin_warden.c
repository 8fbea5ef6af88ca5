/* tests/unit/plugin_warden.c: the host's side of a plugin's process, before there is one. */
#include "plugin/warden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char told[64];

static bool note(void *arg, const struct port_message *head, const char *name, const void *data) {
    assert_int_equal(head->kind, PORT_ENDED);
    assert_string_equal(told, ""); /* once */
    strncpy(told, data, sizeof(told) - 1);
    return true;
}

/* The descriptors that a process would get are not there: it would be seen to be started. */
static void one_that_nobody_waits_for_is_not_started(void **state) {
    struct isolation isolation = {.process = true};
    struct err err = {0};
    struct box *control = box_create(&err);
    struct box *mail = box_create(&err);
    struct warden_spec spec = {.isolation = &isolation,
                               .bot = "main",
                               .plugin = "one",
                               .copy = "/nowhere.so",
                               .ring_fd = -1,
                               .cursor_fd = -1,
                               .wake_fd = -1,
                               .control = control,
                               .mail = mail,
                               .send = note};
    struct warden *warden = warden_create(&spec, &err);
    if (warden == NULL) {
        fail_msg("%s", err.text);
    }
    warden_kill(warden, "it took too long", false);
    warden_run(warden);
    assert_string_equal(told, "it took too long");
    assert_int_equal(warden_pid(warden), 0);
    warden_destroy(warden);
    box_destroy(control);
    box_destroy(mail);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_nobody_waits_for_is_not_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
