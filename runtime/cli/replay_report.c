/* cli/replay_report.c: what `drey replay` prints: steps, differences, the count. */
#include "cli/replay.h"

#include "base/text.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define GREEN "\x1b[32m"
#define RED   "\x1b[31m"
#define DIM   "\x1b[2m"
#define PLAIN "\x1b[0m"

static const char *colour(const struct replay_report *report, const char *code) {
    return report->options->colour ? code : "";
}

/* Lines of text behind a margin, harmless on a terminal; the lines of a difference in its colour.
 */
static void print_lines(const struct replay_report *report, const char *margin, const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        char line[2048];
        (void)snprintf(line, sizeof(line), "%.*s", (int)(length < 2047 ? length : 2047), text);
        const char *sign = line + strspn(line, " ");
        bool inside = sign > line;
        const char *code = inside && strncmp(sign, "- ", 2) == 0   ? colour(report, RED)
                           : inside && strncmp(sign, "+ ", 2) == 0 ? colour(report, GREEN)
                                                                   : "";
        (void)printf("%s%s%s%s\n", margin, code, text_plain(line, sizeof(line), line),
                     code[0] != '\0' ? PLAIN : "");
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

static void put_text(struct buf *out, const char *key, const char *text) {
    (void)buf_printf(out, ",\"%s\":\"", key);
    (void)buf_json_text(out, text, strlen(text));
    (void)buf_text(out, "\"");
}

static void print_json(const struct replay_report *report, const struct run_step *step) {
    struct buf out = {0};
    (void)buf_printf(&out, "{\"step\":%u,\"line\":%u,\"ok\":%s", step->number, step->line,
                     step->problems[0] == '\0' ? "true" : "false");
    put_text(&out, "file", report->file->path);
    put_text(&out, "title", step->title);
    put_text(&out, "asked", step->asked);
    put_text(&out, "problems", step->problems);
    put_text(&out, "log", step->log);
    (void)buf_text(&out, "}");
    struct buf line = {0};
    if (out.bytes != NULL && buf_json_line(&line, out.bytes, out.length)) {
        (void)puts(line.bytes);
    }
    buf_finish(&out);
    buf_finish(&line);
}

void replay_told(void *arg, const struct run_step *step) {
    const struct replay_report *report = arg;
    const struct replay_options *options = report->options;
    bool ok = step->problems[0] == '\0';
    if (options->json) {
        print_json(report, step);
        (void)fflush(stdout);
        return;
    }
    if (ok && step->number < options->from) {
        return;
    }
    (void)printf("  #%-2u %s", step->number, step->title);
    if (step->asked[0] != '\0') {
        char asked[160];
        (void)printf("  %s\xe2\x86\x90 %s%s", colour(report, DIM),
                     text_plain(asked, sizeof(asked), step->asked), colour(report, PLAIN));
    }
    (void)printf("  %s%s%s\n", colour(report, ok ? GREEN : RED), ok ? "ok" : "FAILED",
                 colour(report, PLAIN));
    print_lines(report, "      ", step->problems);
    if (!ok || options->verbose) {
        print_lines(report, "      log  ", step->log);
    }
    (void)fflush(stdout); /* the next step may be the last */
}

void replay_begin(const struct replay_report *report) {
    char path[512];
    if (!report->options->json) {
        (void)printf("%s\n", text_plain(path, sizeof(path), report->file->path));
    }
}

static void end_json(const struct replay_report *report, const struct run_progress *progress,
                     const char *why, unsigned failed) {
    struct buf out = {0};
    (void)buf_printf(&out, "{\"passed\":%u,\"failed\":%u", progress->passed, failed);
    put_text(&out, "file", report->file->path);
    put_text(&out, "plugin", report->file->plugin);
    if (why != NULL) {
        put_text(&out, "ended", why);
        (void)buf_printf(&out, ",\"step\":%u,\"line\":%u", progress->step, progress->line);
    }
    (void)buf_text(&out, "}");
    (void)puts(out.bytes != NULL ? out.bytes : "{}");
    buf_finish(&out);
}

void replay_end(const struct replay_report *report, const struct run_progress *progress,
                const char *why) {
    unsigned failed = progress->failed + (why != NULL ? 1 : 0);
    char path[512];
    (void)text_plain(path, sizeof(path), report->file->path);
    if (report->options->json) {
        end_json(report, progress, why, failed);
        return;
    }
    if (why != NULL && why[0] != '\0') {
        char title[128];
        (void)printf("  #%-2u %s  %sFAILED%s\n      %s:%u: %s\n", progress->step,
                     text_plain(title, sizeof(title), progress->title), colour(report, RED),
                     colour(report, PLAIN), path, progress->line, why);
    }
    (void)printf("%u failed, %u passed", failed, progress->passed);
    if (failed > 0 && !report->options->here) {
        const char *plugin = report->options->plugin;
        char shown[512] = "";
        unsigned step = progress->failed_step > 0 ? progress->failed_step
                        : progress->step > 0      ? progress->step
                                                  : 1;
        if (plugin != NULL) {
            (void)text_plain(shown, sizeof(shown), plugin);
        }
        (void)printf("    in a debugger: drey replay --gdb --from %u%s%s %s", step,
                     plugin != NULL ? " --plugin " : "", shown, path);
    }
    (void)printf("\n");
}
