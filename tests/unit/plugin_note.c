/* tests/unit/plugin_note.c: the check of a plugin's file by its bytes; a file cut short or with
 * flipped bits never brings the checker down, and a cut one is never accepted. Probing children
 * and what is odd about nearly-plugins. */
#include "base/buf.h"
#include "base/file.h"
#include "plugin/note.h"
#include "plugin/probe.h"
#include "plugin/symbols.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void read_plugin(const char *name, struct buf *bytes) {
    char path[PATH_MAX];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/%s.so", TEST_PLUGIN_DIR, name);
    if (!file_read(path, 64 << 20, bytes, &err)) {
        fail_msg("%s", err.text);
    }
}

static void a_note_tells_id_version_and_abi(void **state) {
    struct buf bytes = {0};
    struct note note;
    struct err err = {0};
    read_plugin("tally_2", &bytes);
    if (!note_read(bytes.bytes, bytes.length, &note, &err)) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(note.id, "tally");
    assert_string_equal(note.version, "2");
    assert_int_equal(note.abi_major, 1);
    assert_int_equal(note.abi_minor, 0);
    buf_finish(&bytes);
}

static bool lists(char (*names)[SYMBOLS_NAME_BYTES], size_t count, const char *name) {
    for (size_t i = 0; i < count && i < SYMBOLS_SHOWN; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void what_a_file_exports_and_calls_is_listed(void **state) {
    struct buf bytes = {0};
    struct symbols symbols;
    read_plugin("clash_one", &bytes); /* built as we advise */
    symbols_read(bytes.bytes, bytes.length, &symbols);
    assert_int_equal(symbols.export_count, 0);
    assert_true(lists(symbols.libraries, symbols.library_count, "libc.so.6"));
    buf_clear(&bytes);
    read_plugin("clash_two", &bytes); /* the same with every name visible */
    symbols_read(bytes.bytes, bytes.length, &symbols);
    assert_true(symbols.export_count > 0);
    assert_false(lists(symbols.exports, symbols.export_count, "drey_plugin_v1"));
    buf_clear(&bytes);
    read_plugin("ledger_on_exit", &bytes);
    symbols_read(bytes.bytes, bytes.length, &symbols);
    assert_true(lists(symbols.doubts, symbols.doubt_count, "on_exit"));
    assert_non_null(symbols_doubt("exit"));
    assert_null(symbols_doubt("memcpy"));
    for (size_t length = 0; length < bytes.length; length += 61) { /* the sanitizer watches */
        char *cut = malloc(length > 0 ? length : 1);
        memcpy(cut, bytes.bytes, length);
        symbols_read(cut, length, &symbols);
        free(cut);
    }
    buf_finish(&bytes);
}

static void a_file_cut_short_is_never_accepted(void **state) {
    struct buf bytes = {0};
    struct note note;
    struct err err = {0};
    read_plugin("tally_1", &bytes);
    for (size_t length = 0; length < bytes.length; length++) {
        char *exact = malloc(length > 0 ? length : 1); /* the sanitizer watches its end */
        memcpy(exact, bytes.bytes, length);
        if (note_read(exact, length, &note, &err)) {
            fail_msg("accepted when cut to %zu of %zu bytes", length, bytes.length);
        }
        free(exact);
        length += length > 4096 && length < bytes.length - 4096 ? 96 : 0;
    }
    buf_finish(&bytes);
}

static void a_tail_of_zeros_is_never_accepted(void **state) {
    struct buf bytes = {0};
    struct note note;
    read_plugin("tally_1", &bytes);
    char *copy = calloc(1, bytes.length);
    for (size_t length = 64; length + 64 < bytes.length; length += 64) {
        memcpy(copy, bytes.bytes, length);
        if (note_read(copy, bytes.length, &note, NULL)) {
            fail_msg("accepted with zeros from %zu of %zu", length, bytes.length);
        }
    }
    free(copy);
    buf_finish(&bytes);
}

static void flipped_bits_do_not_bring_the_checker_down(void **state) {
    struct buf bytes = {0};
    struct note note;
    uint64_t seed = 3;
    int accepted = 0;
    read_plugin("tally_1", &bytes);
    for (int i = 0; i < 20000; i++) {
        char *copy = malloc(bytes.length);
        memcpy(copy, bytes.bytes, bytes.length);
        for (int k = 0; k < 3; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            size_t span = i % 2 == 0 ? bytes.length : 1024; /* the headers more often */
            copy[(seed >> 33) % span] ^= (char)(1 << (seed >> 20) % 8);
        }
        accepted += note_read(copy, bytes.length, &note, NULL);
        free(copy);
    }
    assert_in_range(accepted, 1, 19999);
    buf_finish(&bytes);
}

static void refused_for(const char *name, const char *why) {
    struct buf bytes = {0};
    struct note note;
    struct err err = {0};
    read_plugin(name, &bytes);
    assert_false(note_read(bytes.bytes, bytes.length, &note, &err));
    if (strstr(err.text, why) == NULL) {
        fail_msg("%s: wanted \"%s\", got \"%s\"", name, why, err.text);
    }
    buf_finish(&bytes);
}

static void static_tls_is_for_processes_alone(void **state) {
    struct err err = {0};
    struct buf bytes = {0};
    struct note note;
    assert_true(file_read(TEST_PLUGIN_DIR "/tally_bad_tls.so", 1 << 24, &bytes, &err));
    assert_true(note_read(bytes.bytes, bytes.length, &note, &err));
    assert_true(note.static_tls);
    assert_false(note_fits_thread(&note, &err));
    assert_non_null(strstr(err.text, "initial-exec"));
    buf_finish(&bytes);
}

static void what_is_no_plugin_for_us_is_refused_with_the_reason(void **state) {
    struct note note;
    struct err err = {0};
    refused_for("odd_no_note", "no drey note");
    refused_for("odd_abi_2", "built for ABI 2.0, this drey offers 1.0");
    assert_false(note_read("", 0, &note, &err));
    assert_string_equal(err.text, "empty");
    assert_false(note_read("#!/bin/sh\nexit 0\n", 17, &note, &err));
    assert_string_equal(err.text, "not an ELF file");
    struct buf bytes = {0};
    read_plugin("tally_1", &bytes);
    bytes.bytes[4] = 1;
    assert_false(note_read(bytes.bytes, bytes.length, &note, &err));
    assert_string_equal(err.text, "not a 64-bit shared object");
    bytes.bytes[4] = 2;
    bytes.bytes[18] = 40;
    assert_false(note_read(bytes.bytes, bytes.length, &note, &err));
    assert_non_null(strstr(err.text, "another machine"));
    buf_finish(&bytes);
}

/* Such a file of a few megabytes kept the checker busy for minutes. */
static void tables_without_number_are_refused(void **state) {
    struct buf bytes = {0};
    struct note note;
    struct err err = {0};
    Elf64_Ehdr header;
    Elf64_Shdr section;
    read_plugin("tally_1", &bytes);
    memcpy(&header, bytes.bytes, sizeof(header));
    unsigned many = 0;
    for (unsigned i = 1; i < header.e_shnum; i++) {
        char *at = bytes.bytes + header.e_shoff + i * sizeof(section);
        memcpy(&section, at, sizeof(section));
        if (section.sh_type == SHT_PROGBITS || section.sh_type == SHT_DYNSYM) {
            section.sh_type = SHT_DYNSYM;
            memcpy(at, &section, sizeof(section));
            many++;
        }
    }
    assert_true(many > 2);
    assert_false(note_read(bytes.bytes, bytes.length, &note, &err));
    assert_non_null(strstr(err.text, "dynamic symbol tables"));
    header.e_phnum = 257;
    memcpy(bytes.bytes, &header, sizeof(header));
    assert_false(note_read(bytes.bytes, bytes.length, &note, &err));
    assert_string_equal(err.text, "its ELF header makes no sense");
    buf_finish(&bytes);
}

static bool probe(const char *name, struct probe_report *report, struct err *err) {
    static const char config[] = "file\0/dev/null";
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s.so", TEST_PLUGIN_DIR, name);
    struct probe_request request = {
        .path = path, .config = config, .config_length = sizeof(config), .deadline_ms = 1500};
    return probe_run(&request, report, err);
}

static void a_probe_reports_what_init_registers(void **state) {
    struct probe_report report;
    struct err err = {0};
    if (!probe("tally_1", &report, &err)) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(report.id, "tally");
    assert_string_equal(report.version, "1");
    assert_int_equal(report.handlers, 2);
    assert_true(report.needs.content);
    assert_int_equal(report.needs.scopes[EVENT_MESSAGE_CREATE], SCOPE_BOTH);
    assert_int_equal(report.callback_count, 2);
    assert_string_equal(report.callbacks[0].kind, "timer");
    assert_string_equal(report.callbacks[0].name, "tick");
    assert_string_equal(report.callbacks[1].kind, "post");
}

static int open_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static void a_probe_survives_every_fault_and_leaves_nothing_open(void **state) {
    static const struct {
        const char *name;
        const char *why;
    } rows[] = {
        {"tally_bad_crash", "crashed"},
        {"tally_bad_exit", "ended the process (exit status 0)"},
        {"tally_bad_hang", "did not return within 1500 ms"},
        {"tally_bad_init_hang", "init did not return"},
        {"tally_bad_fork", "starts a process"},
        {"tally_bad_undefined", "undefined symbol"},
        {"tally_bad_init", "init answered -1"},
        {"odd_no_note", "no drey note"},
        {"odd_disagree", "its note says odd 2, its descriptor odd 1"},
        {"odd_no_descriptor", "no symbol drey_plugin_v1"},
        {"odd_abi_2", "ABI 2.0"},
        {"missing", "No such file"},
    };
    int before = open_descriptors();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct probe_report report;
        struct err err = {0};
        assert_false(probe(rows[i].name, &report, &err));
        if (strstr(err.text, rows[i].why) == NULL) {
            fail_msg("%s: wanted \"%s\", got \"%s\"", rows[i].name, rows[i].why, err.text);
        }
    }
    assert_int_equal(open_descriptors(), before);
}

/* Descriptors may have run out, a sandbox may forbid it, a kernel may not know it. */
static bool no_pidfd;
int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);

int __wrap_pidfd_open(pid_t pid, unsigned flags) {
    errno = EMFILE;
    return no_pidfd ? -1 : __real_pidfd_open(pid, flags);
}

static void a_probe_without_a_descriptor_for_its_child_judges_the_same(void **state) {
    no_pidfd = true;
    for (int round = 0; round < 20; round++) {
        a_probe_reports_what_init_registers(state);
    }
    a_probe_survives_every_fault_and_leaves_nothing_open(state);
    no_pidfd = false;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_tells_id_version_and_abi),
        cmocka_unit_test(a_file_cut_short_is_never_accepted),
        cmocka_unit_test(what_a_file_exports_and_calls_is_listed),
        cmocka_unit_test(a_tail_of_zeros_is_never_accepted),
        cmocka_unit_test(flipped_bits_do_not_bring_the_checker_down),
        cmocka_unit_test(static_tls_is_for_processes_alone),
        cmocka_unit_test(what_is_no_plugin_for_us_is_refused_with_the_reason),
        cmocka_unit_test(tables_without_number_are_refused),
        cmocka_unit_test(a_probe_reports_what_init_registers),
        cmocka_unit_test(a_probe_survives_every_fault_and_leaves_nothing_open),
        cmocka_unit_test(a_probe_without_a_descriptor_for_its_child_judges_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
