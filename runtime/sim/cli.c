/* sim/cli.c: the command line of `drey sim`: the server, or one of the commands for a running
 * one (client.c). */
#include "sim/sim.h"

#include "base/file.h"
#include "sim/client.h"
#include "sim/server.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: drey sim [OPTIONS]                 a local Discord: REST, gateway, traffic, faults\n"
    "       drey sim fault 'FAULT; ...'        do this to a running one\n"
    "       drey sim say TEXT [--channel NAME] [--as USER] [--guild NAME]\n"
    "       drey sim command '/NAME option:VALUE' [--as USER] [--channel NAME] [--guild NAME]\n"
    "       drey sim command NAME --type user|message --target USER|MESSAGE\n"
    "       drey sim complete '/NAME option:PART'       what its autocomplete offers\n"
    "       drey sim press MESSAGE|last CUSTOM_ID [VALUE...] [--as USER]\n"
    "       drey sim submit CUSTOM_ID FIELD=TEXT...     a modal that was shown\n"
    "       drey sim messages [--channel NAME] [--guild NAME] [--last N]\n"
    "       drey sim status                    its counters, as JSON\n"
    "       drey sim transcript [--last N]     who said what\n"
    "       drey sim faults                    the faults there are\n"
    "       those that show what a bot did take [--json] and [--wait DURATION]\n"
    "       commands take [--at HOST:PORT], default 127.0.0.1:7070\n\n";

static int help(void) {
    struct buf text = {0};
    buf_text(&text, usage);
    buf_text(&text, "options:\n");
    sim_options_help(&text);
    fputs(text.bytes != NULL ? text.bytes : usage, stdout);
    buf_finish(&text);
    return 0;
}

static bool announce(const struct sim *sim, const struct sim_options *options, struct err *err) {
    struct buf text = {0};
    bool fine = sim_server_addresses(sim, true, &text);
    if (fine && options->ready_file != NULL) {
        fine = file_write(options->ready_file, text.bytes, text.length, err);
    }
    if (!options->json) {
        buf_clear(&text);
        fine = sim_server_addresses(sim, false, &text) && fine;
    }
    if (fine) {
        fputs(text.bytes, stdout);
        fflush(stdout);
    }
    buf_finish(&text);
    return fine;
}

static int serve(const struct sim_options *options) {
    struct err err = {0};
    struct sim *sim = sim_server_create(options, &err);
    bool fine = sim != NULL && announce(sim, options, &err) && sim_server_run(sim, &err);
    sim_server_destroy(sim);
    if (!fine) {
        fprintf(stderr, "drey sim: %s\n", err.text);
    }
    return fine ? 0 : 1;
}

int sim_main(int argc, char **argv) {
    struct sim_options options;
    struct err err = {0};
    if (argc > 1 && argv[1][0] != '-') {
        return sim_client_main(argc - 1, argv + 1);
    }
    if (!sim_options_parse(argc > 0 ? argc - 1 : 0, argv + 1, &options, &err)) {
        fprintf(stderr, "drey sim: %s\n", err.text);
        return 2;
    }
    return options.help ? help() : serve(&options);
}
