/* sim/web.c: serves the page of `drey sim --web`. What it shows it asks of the control endpoint. */
#include "sim/state.h"

#include "sim/web_files.h"

#include <string.h>

/* Nothing runs on this page that did not come with the binary, and nothing is fetched from
 * elsewhere. */
static const char page_headers[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Resource-Policy: same-origin\r\n"
    "Cache-Control: no-cache\r\n";

static const char *type_of(const char *name) {
    static const struct {
        const char *end;
        const char *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".svg", "image/svg+xml"}};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot, types[i].end) == 0) {
            return types[i].type;
        }
    }
    return "application/octet-stream";
}

bool sim_web_answer(struct sim_conn *conn, const struct sim_request *request) {
    const char *path = request->path;
    const char *name = strcmp(path, "/") == 0              ? "index.html"
                       : strncmp(path, "/web/", 5) == 0    ? path + 5
                       : strcmp(path, "/favicon.ico") == 0 ? "icon.svg"
                                                           : NULL;
    if (!conn->sim->options.web || name == NULL || strcmp(request->method, "GET") != 0) {
        return false;
    }
    for (size_t i = 0; i < web_file_count; i++) {
        if (strcmp(web_files[i].name, name) == 0) {
            sim_http_respond(sim_wire_output(conn->wire), 200, page_headers, type_of(name),
                             web_files[i].bytes, web_files[i].length);
            return true;
        }
    }
    return false;
}
