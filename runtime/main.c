/* main.c: from the command line to a command. One table; help and usage print the same rows. */
#include "base/program.h"
#include "base/text.h"
#include "bot/house.h"
#include "cli/cli.h"
#include "cli/help_config.h"
#include "dev/dev.h"
#include "plugin/new.h"
#include "plugin/probe.h"
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

static int help_main(int argc, char **argv);

#define CONFIG_OPTION                                                                              \
    "  -c, --config FILE   default: ./drey.ini, ~/.config/drey/drey.ini, /etc/drey/drey.ini\n"
#define CONTROL_OPTION                                                                             \
    "  --control SOCKET    of the running drey; default: what the configuration says\n"

static const struct command {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *usage;
    const char *line;   /* what it does, in a line */
    const char *detail; /* the rest of `drey help NAME` */
} commands[] = {
    {"run", run_main, "[-c FILE] [--safe] [--time-scale X]", "run the bots of a configuration",
     "Runs in the foreground until SIGTERM or Ctrl-C; sessions stay resumable for a few minutes.\n"
     "SIGHUP takes over a changed configuration and changed plugins, SIGUSR2 a changed program.\n" CONFIG_OPTION
     "  --safe              without plugins on threads that have crashed drey\n"
     "  --time-scale X      all client timings times X; only against a local Discord\n"
     "Exit status: 0 stopped, 1 trouble, 2 usage, 75 another drey has the state directory or the\n"
     "token (it may end: worth another try), 77 every token was refused, 78 configuration.\n"},
    {"check", check_main, "[-c FILE] [PLUGIN.so...]",
     "find what is wrong with a configuration, or a plugin",
     "Opens each plugin in a child process, shows what it registers and which intents follow.\n"
     "With files: only these, in full: commands, intents, permissions, what the host would refuse,\n"
     "symbols and calls that should not be; with -c they get their keys from that file.\n" CONFIG_OPTION
     "Exit status: 0 nothing is wrong, 2 usage, 78 something is wrong.\n"},
    {"status", status_main, "[-c FILE] [--control SOCKET] [--all | --json] [-q]",
     "show bots, shards and plugins",
     CONFIG_OPTION CONTROL_OPTION
     "  -a, --all           a line for each shard and plugin, however many there are\n"
     "  --json              everything, as JSON\n"
     "  -q, --quiet         print nothing: the exit status says it\n"
     "Exit status: 0 every bot is ready and every plugin runs, 1 trouble, 2 usage, 3 not running,\n"
     "4 a bot is not ready or a plugin does not run, 78 no configuration tells where drey listens.\n"
     "0, too, where something deserves a look but a restart would not mend it: a new version that\n"
     "was refused while the old one runs (or whose signature is not one that require_signature\n"
     "wants by now): LAST ERROR says so; and parked events.\n"},
    {"reload", reload_main, "[-c FILE] [--control SOCKET] [--config | [--reidentify] [PLUGIN...]]",
     "replace plugins, or take over a changed configuration, while events flow",
     "Without a name: every plugin whose file changed, that was refused, or that is stopped. Prints\n"
     "the result per plugin.\n"
     "  --config            the configuration, and changed plugins: bots come, go and get new\n"
     "                      tokens, plugins new settings; other bots keep their sessions. A file\n"
     "                      with an error changes nothing.\n"
     "  --reidentify        a plugin that needs intents which the sessions of its bots lack is taken\n"
     "                      all the same: those bots make new sessions, for an IDENTIFY a shard\n"
     "  -c FILE             where the socket is found; default: ./drey.ini and so on\n" CONTROL_OPTION
     "Exit status: 0 all done, 1 something was refused (a plugin's old version goes on), 2 usage,\n"
     "3 not running, 78 no configuration tells where drey listens.\n"},
    {"upgrade", upgrade_main, "[-c FILE] [--control SOCKET]",
     "let the installed binary take over from the running one",
     "The file that drey was started from is asked to check the configuration; then it goes on in\n"
     "the same process, and sessions are resumed. A refusal leaves the running one undisturbed.\n"
     "Also a restart in place: the file may be the same.\n" CONFIG_OPTION CONTROL_OPTION
     "Exit status: 0 the new one runs, 1 it was refused or did not come up, 2 usage, 3 not running,\n"
     "78 no configuration tells where drey listens.\n"},
    {"commands", commands_main, "[-c FILE] [--control SOCKET] [--bot NAME] [diff | sync]",
     "compare the commands of a bot's plugins with what Discord has",
     "A running drey publishes changed commands by itself. diff shows what would change; sync\n"
     "publishes it now, also where commands of plugins that are not loaded would go.\n" CONFIG_OPTION
         CONTROL_OPTION "  -b, --bot NAME      needed when there are several\n"
     "Exit status: 0 done, 1 trouble, 2 usage, 3 not running, 78 no configuration tells where drey\n"
     "listens.\n"},
    {"parked", parked_main,
     "[-c FILE] [--control SOCKET] [--bot NAME] [--plugin ID] [--json] [list | {show | retry | "
     "drop} EVENT | drop --all]",
     "show, retry or drop events that two attempts did not survive",
     "An event that ended a plugin's process twice is parked, and so is one at which a plugin on a\n"
     "thread ended drey twice. It is named PLUGIN.NUMBER. retry lets the plugin have it again, as\n"
     "attempt 3; it is forgotten once it was handled, and stays parked if the plugin crashes.\n" CONFIG_OPTION
         CONTROL_OPTION "  -b, --bot NAME      of this bot alone\n"
     "  -p, --plugin ID     of this plugin alone\n"
     "  --all               drop: all there are, of all bots and plugins unless they are named\n"
     "  --json              as JSON\n"
     "Exit status: 0 done, 1 trouble, 2 usage, 3 not running, 78 no configuration tells where\n"
     "drey listens.\n"},
    {"stop", stop_main, "[-c FILE] [--control SOCKET] [--final]",
     "stop a running drey and wait for its end",
     CONFIG_OPTION CONTROL_OPTION
     "  --final             close the sessions for good: the bots show offline at once\n"
     "Exit status: 0 it has ended, 1 it is still there after a minute, 2 usage, 3 not running, 78 no\n"
     "configuration tells where drey listens.\n"},
    {"tail", tail_main, "[-c FILE] [--control SOCKET] [--bot BOT] [--event EVENT]... [--json]",
     "follow events as they come",
     "Reads the event rings beside the plugins, without slowing them, until drey stops.\n" CONFIG_OPTION
         CONTROL_OPTION "  -b, --bot BOT       of this bot alone\n"
     "  -e, --event EVENT   of this kind alone, such as MESSAGE_CREATE; may be repeated\n"
     "  --json              whole messages, one line each\n"
     "Exit status: 0 drey has stopped, 1 trouble, 2 usage, 3 not running, 78 no configuration tells\n"
     "where drey listens.\n"},
    {"record", record_main,
     "[-c FILE] [--control SOCKET] --bot NAME [--plugin ID] [--event EVENT]... [--last N] "
     "[--from AGO] [--to AGO] [-f] [--content] [--keep-ids]",
     "write events that happened as a file for drey replay",
     "Reads the ring of a running drey, or what a stopped one has left, and writes to stdout.\n"
     "Ids become others and what people wrote is left out, unless you ask for it; secrets "
     "always.\n" CONFIG_OPTION CONTROL_OPTION "  -b, --bot NAME      whose events\n"
     "  -p, --plugin ID     the plugin that the file will be for\n"
     "  -e, --event EVENT   of this kind alone, such as MESSAGE_CREATE; may be repeated\n"
     "  --last N            the last N of them\n"
     "  --from AGO          not before: 10m is ten minutes ago\n"
     "  --to AGO            not after\n"
     "  -f, --follow        go on with what comes; with that alone unless more is asked for\n"
     "  --content           keep what people wrote: contents, names, values of options\n"
     "  --keep-ids          keep ids and times\n"
     "Exit status: 0 written, 1 nothing or trouble, 2 usage, 3 not running (with -f).\n"},
    {"replay", replay_main,
     "[-c FILE] [--bot NAME] [--plugin FILE.so] [--gdb] [--from N] [--timeout N] [--update] "
     "[--json] [-v] FILE...",
     "test a plugin against files of events and expected requests",
     "Runs the plugin for real, but without Discord, network and clock: in milliseconds.\n"
     "  -p, --plugin FILE   the plugin; default: ID.so of the line 'plugin ID', in build/ and "
     "around\n"
     "  -c, --config FILE   gives it its keys, and says in plugin_dir where it is; default: none\n"
     "  -b, --bot NAME      the bot's name, and whose keys of that file; default: main\n"
     "  --from N            show steps from N on; a debugger stops there\n"
     "  --gdb               start a debugger with the plugin ready at that step\n"
     "  --timeout N         seconds that a step may take; default: 60\n"
     "  --here              run the plugin in this process, for tools that watch one\n"
     "  --update            write what came into the files, to be looked at with git diff\n"
     "  --json              one line for each step\n"
     "  -v, --verbose       the plugin's log, too\n"
     "Exit status: 0 all is as expected, 1 something is not, 2 usage, 78 a file cannot be read.\n"},
    {"kv", kv_main, "list|get|set|delete|export|import|schedules [BOT [PLUGIN [KEY [VALUE]]]]",
     "look into what plugins keep, change it, save it",
     "Works on the files below state_dir, whether drey runs or not.\n"
     "  list [BOT [PLUGIN]]           keys and values, in the order of guild and key\n"
     "  get BOT PLUGIN KEY            the value's bytes, as they are\n"
     "  set BOT PLUGIN KEY VALUE      VALUE -: what comes on stdin\n"
     "  delete BOT PLUGIN KEY\n"
     "  export BOT PLUGIN             everything, a JSON object on each line\n"
     "  import BOT PLUGIN             such lines from stdin; other keys stay\n"
     "  schedules [BOT [PLUGIN]]      calls at a later time\n" CONFIG_OPTION
     "  -g, --guild ID      the keys of this guild; 0: those of none. list: without it, all\n"
     "  -p, --prefix TEXT   list: keys that begin with it\n"
     "  -t, --ttl TIME      set: the key goes after this time, such as 10m\n"
     "  --json              list, get, schedules: a JSON object on each line\n"
     "Exit status: 0 done, 1 trouble, 2 usage, 4 there is no such key, 78 configuration.\n"},
    {"sign", sign_main, "KEY PLUGIN.so... | --verify PUBLIC PLUGIN.so... | --new-key NAME",
     "sign plugins, for a drey with require_signature",
     "Writes PLUGIN.so.sig beside each file: put both where the plugins are, in either order. The\n"
     "private key belongs where plugins are built, not where drey runs.\n"
     "  --new-key NAME      make a pair of Ed25519 keys: NAME.key (private) and NAME.pub (public,\n"
     "                      for require_signature). Nothing that is there is overwritten.\n"
     "  --verify            say whether each file is signed with a key of the file PUBLIC\n"
     "Exit status: 0 all done, 1 a file is not signed, 2 usage, 78 the key's file cannot be used.\n"},
    {"new", new_main, "NAME [--lang c|cpp|rust|zig] [--dir DIR]",
     "make a folder with a plugin that builds and runs",
     "  --lang LANGUAGE     c (the default), cpp, rust or zig\n"
     "  --dir DIR           the folder; default: NAME. Nothing that is there is overwritten.\n"},
    {"dev", dev_main,
     "[DIR] [--lang LANGUAGE] [--asan] [--gdb] [--attach] [--keep] [-v] [-- SIM-OPTIONS]",
     "build a plugin, run it against a local Discord, chat with it",
     "In a plugin's folder: builds it (CMake, Cargo, Zig, or one C or C++ file), starts a local\n"
     "Discord and the host, builds and reloads at each save, and is a chat: type /COMMAND, or\n"
     ":help. A version that does not build or load is refused, the one that runs goes on.\n"
     "Settings for the plugin come from a file dev.ini there. Two dashes alone end our options,\n"
     "the simulator's follow. Reads lines from a pipe as well.\n"
     "  --lang LANGUAGE     where several could be built: c, cpp, rust or zig; default: auto\n"
     "  --asan              build with AddressSanitizer and UndefinedBehaviorSanitizer, and run so\n"
     "  --gdb               run the host under gdb in this terminal; the chat is in another\n"
     "  --attach            be the chat of the drey dev that is at work in the folder\n"
     "  --keep              leave the temporary folder: configuration, state, the plugin as loaded\n"
     "  -v, --verbose       show all that the host logs\n"
     "Exit status: 0 ended as asked, 1 trouble, 2 usage.\n"},
    {"sim", sim_main, "[OPTIONS]", "run a local Discord to test bots against",
     "See: drey sim --help\n"},
    {"help", help_main, "[COMMAND | config [KEY]]", "explain a command, or configuration keys", ""},
    {"version", version_main, "", "print the version", ""},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *find(const char *name) {
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static void print_commands(FILE *out) {
    (void)fprintf(out, "drey %s, a host for Discord bots\n\nusage: drey COMMAND ...\n",
                  DREY_VERSION);
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].line);
    }
    (void)fprintf(out, "More: drey help COMMAND, drey help config\n");
}

static int unknown(const char *name) {
    const char *names[COMMANDS];
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *near = text_nearest(name, names, COMMANDS);
    cli_complain("no command '%s'%s%s%s; drey help lists them", name,
                 near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                 near != NULL ? "'?" : "");
    return EXIT_USAGE;
}

/* The long options that a text tells of, each once per text, with a blank before. */
static void print_options(const char *text) {
    for (const char *at = strstr(text, "--"); at != NULL; at = strstr(at, "--")) {
        size_t length = 2 + strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
        (void)printf(" %.*s", (int)length, at);
        at += length;
    }
}

/* A script for bash, from the table; etc/completions/drey is its output. */
static int print_completion(void) {
    (void)printf("# etc/completions/drey: completion for bash; made by `drey help --completion`.\n"
                 "_drey() {\n"
                 "    local current=\"$2\" previous=\"$3\" words=\"\"\n"
                 "    case \"$previous\" in\n"
                 "    -c | --config | --control | --dir)\n"
                 "        mapfile -t COMPREPLY < <(compgen -f -- \"$current\")\n"
                 "        return\n"
                 "        ;;\n"
                 "    esac\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                 "        words=\"");
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)printf("%s%s", i > 0 ? " " : "", commands[i].name);
    }
    (void)printf(" --help --version\"\n"
                 "    else\n"
                 "        case \"${COMP_WORDS[1]}\" in\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        (void)printf("        %s) words=\"", commands[i].name);
        if (commands[i].main == sim_main) {
            (void)printf("$(drey sim --help | grep -o -e '--[a-z-]*' | sort -u)\" ;;\n");
            continue;
        }
        (void)printf("--help");
        print_options(commands[i].detail);
        for (size_t j = 0; commands[i].main == help_main && j < COMMANDS; j++) {
            (void)printf(" %s", commands[j].name);
        }
        (void)printf("%s\" ;;\n", commands[i].main == help_main ? " config" : "");
    }
    (void)printf("        esac\n"
                 "    fi\n"
                 "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
                 "}\n"
                 "complete -F _drey drey\n");
    return EXIT_OK;
}

static int help_main(int argc, char **argv) {
    if (argc < 2) {
        print_commands(stdout);
        return EXIT_OK;
    }
    bool config = strcmp(argv[1], "config") == 0;
    if (argc > (config ? 3 : 2)) {
        return cli_usage("help", "it takes a command, or config and a key; got '%s' too",
                         argv[argc - 1]);
    }
    if (config) {
        return help_config(argv[2]);
    }
    if (strcmp(argv[1], "--completion") == 0) {
        return print_completion();
    }
    const struct command *command = find(argv[1]);
    if (command == NULL && help_config_knows(argv[1])) {
        cli_complain("'%s' is a key of the configuration: drey help config %s", argv[1], argv[1]);
        return EXIT_USAGE;
    }
    if (command == NULL) {
        return unknown(argv[1]);
    }
    (void)printf("usage: drey %s%s%s\n%s.\n%s", command->name, command->usage[0] != '\0' ? " " : "",
                 command->usage, command->line, command->detail);
    return EXIT_OK;
}

static bool asks_for_help(const char *word) {
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv) {
    program_remember(argc, argv);
    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], PROBE_ARGUMENT) == 0) {
        return probe_main(argc, argv);
    }
    if (asks_for_help(argv[1])) {
        return help_main(1, argv);
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        return version_main(1, argv);
    }
    const struct command *command = find(argv[1]);
    if (command == NULL) {
        return unknown(argv[1]);
    }
    for (int i = 2; i < argc && command->main != sim_main; i++) { /* sim explains itself */
        if (asks_for_help(argv[i])) {
            char *words[] = {argv[0], argv[1], NULL};
            return help_main(2, words);
        }
    }
    return command->main(argc - 1, argv + 1);
}
