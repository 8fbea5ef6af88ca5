/* plugin/manager.h: what the files that make up the manager (plugins.h) share: its tables and the
 * calls between them. Nobody else includes this. [control thread] */
#ifndef PLUGIN_MANAGER_H
#define PLUGIN_MANAGER_H

#include "base/alarm.h"
#include "plugin/guard.h"
#include "plugin/hand.h"
#include "plugin/instance.h"
#include "plugin/isolation.h"
#include "plugin/note.h"
#include "plugin/plugins.h"
#include "plugin/probe.h"
#include "plugin/streak.h"
#include "plugin/timers.h"
#include "plugin/watch.h"
#include "ring/reader.h"
#include "sign/seal.h"

#include <dirent.h>
#include <sys/stat.h>

struct bot {
    struct bot *next;
    char *name;
    char *state_dir;
    char *wanted;
    struct ring *ring;
};

/* A saved state on its way. */
struct state {
    bool there;
    uint32_t reason;
    uint32_t version;
    struct buf data;
};

/* A plugin serving a bot: what stays the same over its generations. */
struct seat {
    struct seat *next;
    uint64_t serial; /* never given twice */
    struct bot *bot;
    struct cursor *cursor;
    bool attached;         /* the ring knows the cursor */
    bool fresh;            /* the cursor file is new */
    struct hand *hand;     /* serves; NULL until the first commit */
    struct hand *incoming; /* is being loaded */
    uint64_t hash;         /* of the file that was loaded last */
    struct plugin_needs needs;
    struct plugin_needs incoming_needs;
    struct buf incoming_rows; /* what it registered */
    bool declared;            /* the owner knows what serves */
    bool ends;                /* together with others */
    uint64_t settings;        /* hash of the configuration that its init was given */
    uint64_t incoming_settings;
    struct timers timers;
    uint64_t due_ms;    /* when its worker wants PORT_DUE, wall clock; UINT64_MAX: never */
    bool due_asked;     /* it was sent; the worker will tell the next time */
    struct buf staged;  /* timer requests of the incoming one: messages end to end */
    struct buf cut;     /* uint32_t: requests for members whose chunks it did not take */
    struct buf retried; /* uint64_t: offsets of parked events that were sent once more */
    struct state state;
    uint64_t handled; /* by the generations before */
    uint64_t errors;
    uint64_t gaps;
    uint64_t timeout_ms; /* of a handler */
    uint64_t incoming_timeout_ms;
    uint64_t cpu_ms; /* of a process, within a minute; 0: any */
    uint64_t incoming_cpu_ms;
    bool stuck;
    bool down;        /* its process has ended: it is stuck, too, and started again at revive_ms */
    bool asked_where; /* its process was asked to say where it hangs */
    const char *reviving; /* the step that its next process was asked for; NULL: there is none */
    uint64_t revive_begun_ns; /* when that was started */
    struct streak streak;
    struct streak_limits limits;
    struct streak_limits incoming_limits;
    uint64_t crashes;   /* since the host started */
    uint32_t put_off;   /* how often in a row the host was short of what a process takes */
    uint64_t revive_ms; /* when it is started again, or the step's time is up; UINT64_MAX: never */
    uint64_t cpu_begun_ms; /* the minute that is counted now, and the time used before it */
    uint64_t cpu_before_ms;
    uint64_t progress; /* as last looked at, and since when it has been so */
    uint64_t progress_ms;
    char error[256]; /* the last one */
};

struct plugin {
    struct plugin *next;
    char id[PLUGINS_ID_BYTES];
    char version[32];
    char *path;
    struct note note;
    uint64_t hash;
    char signer[SIGN_FINGERPRINT_BYTES]; /* whose signature the bytes that run have; "": unknown */
    uint32_t generation;
    uint64_t reloads;
    char refusal[512];  /* of the newest file; "" when that is what runs */
    uint64_t orphan_ms; /* since when its file holds another plugin; 0: it does not */
    struct seat *seats;
};

/* A file as last seen; one that was refused keeps why. */
struct file_seen {
    struct file_seen *next;
    char *path;
    struct stat stat;
    struct stat seal; /* of its signature; zeros: there is none, or none is asked for */
    char id[PLUGINS_ID_BYTES];
    char refusal[512];
    bool present;   /* in the scan that runs */
    bool judged;    /* this state of the file was loaded or refused */
    uint32_t tries; /* how often it was put off (judge.c), and until when it is */
    uint64_t retry_ms;
    uint64_t missing_ms; /* since when it is away; 0: it is there */
};

struct plugins {
    struct loop *loop;
    struct plugins_host host;
    char **dirs;
    size_t dir_count;
    struct sign_keys signers; /* path NULL: no signature is asked for */
    char *gen_dir;
    char *probe;
    uint32_t deadline_ms;
    uint32_t stuck_ms;
    uint32_t checkpoint_ms;
    struct box *inbox;
    struct loop_watch *inbox_watch;
    struct alarm *alarm;         /* the next call by the wall clock (store.h) */
    struct loop_timer *timer;    /* the next timer of a plugin's */
    struct loop_timer *watchdog; /* looks for handlers that do not return */
    struct loop_timer *checkpoint;
    struct loop_timer *reviver; /* starts processes again that have ended */
    struct watch *watch;
    struct guard guard;
    bool safe;    /* who has crashed the host is not started */
    bool blind;   /* at the last look a directory could not be looked at */
    bool partial; /* or was not there */
    bool sighted; /* a file was seen, some time */
    struct bot *bots;
    struct plugin *plugins; /* by id */
    struct file_seen *files;
    struct hand *hands;
    uint64_t serial; /* of hands and seats */
    size_t kept;
};

/* A plugin's file, read and judged. */
struct candidate {
    const char *path; /* borrowed */
    struct buf bytes;
    uint64_t hash;
    char signer[SIGN_FINGERPRINT_BYTES]; /* "": nobody asked */
    struct note note;
};

/* ---- change.c: from a judged file to a running generation, or back ---- */
/* Loads it for all bots that want it: for all or for none. *line: what happened, in words for
 * people, appended. force: also when the content is what runs already. */
bool change_run(struct plugins *plugins, const struct candidate *candidate, bool force,
                struct buf *line, struct err *err);
/* Whether init would be told something else now than what the running version was told. */
bool change_of_settings(struct plugins *plugins, const struct plugin *plugin);
/* Config of a plugin for a bot as KEY NUL VALUE NUL ... */
void change_config(struct plugins *plugins, const char *bot, const char *plugin, struct buf *out);

/* ---- seating.c ---- */
/* Makes the seat's incoming worker from the private copy and asks it to load. The caller's copy is
 * the hand's only when this succeeds. */
bool seat_load(struct plugins *plugins, const struct note *note, struct seat *seat,
               const char *copy, uint32_t generation, struct err *err);
/* The incoming one, loaded and started, sits there from now on. Returns the bytes of events that
 * wait for it. The old one is the caller's to retire. */
uint64_t seat_take_over(struct plugins *plugins, struct plugin *plugin, struct seat *seat);
/* How it is to be kept apart. */
void seat_isolation(struct plugins *plugins, const char *bot, const char *id,
                    struct isolation *out);
/* All that the configuration says about it, as bytes. Returns how many of them init gets; how it is
 * kept apart follows. */
size_t seat_all_settings(struct plugins *plugins, const char *bot, const char *id, struct buf *out);
/* It gets no events from now on and holds nobody back. */
void seat_detach(struct seat *seat);
/* A hash of all that the configuration says about it. */
uint64_t seat_settings(struct plugins *plugins, const char *bot, const char *id);

/* ---- revive.c: processes that have ended unasked ---- */
/* message: PORT_ENDED. */
void revive_ended(struct plugins *plugins, struct hand *hand, struct plugin *plugin,
                  struct seat *seat, const struct port_message *message);
/* The same for one that ended while it was being seated, when nobody looked. */
void revive_if_ended(struct plugins *plugins, struct plugin *plugin, struct seat *seat);
/* Starts again what is due; for the loop's timer. */
void revive_due(void *arg);
/* Whether its process has ended and is not started again by itself. */
bool revive_is_never(const struct seat *seat);
/* What is on its way back (seat->reviving) has answered its step, or has ended. */
void revive_step(struct plugins *plugins, struct plugin *plugin, struct seat *seat);
/* Somebody else takes care of the seat: what was on its way back to it is ended. */
void revive_cancel(struct plugins *plugins, struct seat *seat);
/* Watches what a process uses, and whether its cursor can be true. */
void revive_look(struct plugins *plugins, struct plugin *plugin, struct seat *seat);

/* ---- parked.c: events that two attempts did not survive: STATE_DIR/BOT/parked/ ---- */
/* Writes down the event that the seat's cursor is at, with how it ended. */
bool parked_write(const struct plugin *plugin, const struct seat *seat, const char *how,
                  struct err *err);
/* Writes down what the seat's cursor is at, the event that ended it too often, and moves the cursor
 * past it; a gap is passed without a file. False: neither. */
bool parked_set_aside(const struct plugin *plugin, struct seat *seat, uint64_t offset,
                      const char *how, struct err *err);
/* A worker says that the retried one was handled: believed of what was sent to it, once. */
void parked_done(const struct plugin *plugin, struct seat *seat, uint64_t offset);
/* Its process ended in it once more: it is told of, and stays parked. */
void parked_lost(const struct plugin *plugin, struct seat *seat, uint64_t offset);

/* ---- quarantine.c: plugins on threads, over the runs of the host ---- */
/* Looks at what this file did to the runs before at this seat, which none serves yet, reports a
 * crash once, and parks its event after the second attempt. *in_row: crashes of the host for which
 * it is to blame. force: counted anew. False: it cannot be looked at. */
bool quarantine_look(struct plugins *plugins, const struct plugin *plugin,
                     const struct candidate *candidate, struct seat *seat, bool force,
                     uint32_t *in_row, struct err *err);
/* in_row: of all seats together. False: it crashed the host too often to be started. */
bool quarantine_judge(const struct plugins *plugins, const char *id, uint32_t in_row,
                      struct err *err);
/* It has stopped in order. */
void quarantine_forgive(const struct seat *seat, const char *id);

/* What is waited for when an old version holds a change up. */
#define CHANGE_SAVE "save of the old version (or the handler before it)"

/* ---- rehearse.c: the same in a child process first ---- */
/* Runs init with the configuration of each of these bots, and restore with what each one's old
 * version would hand over now. False: what went wrong; ERR_BUSY when an old version is. */
bool rehearse(struct plugins *plugins, const struct candidate *candidate, struct seat *const *seats,
              size_t count, struct err *err);

/* ---- retire.c: ends ---- */
/* Asks them to stop and waits; NULL and abandoned ones are skipped (and set to NULL). */
void change_stop_hands(struct plugins *plugins, struct hand **hands, size_t count);
/* Ends a worker that answered PORT_STOPPED, or gives up on one that did not. NULL is fine. */
void change_retire(struct plugins *plugins, struct hand *hand);
/* Takes those off the count of what is left behind that have ended since. */
void change_reap(struct plugins *plugins);
/* A seat without a hand. */
void change_free_seat(struct plugins *plugins, struct plugin *plugin, struct seat *seat);
struct ending {
    struct plugin *plugin;
    struct seat *seat;
};
/* Stops these seats in an orderly way, all at the same time: handlers waited for, states saved and
 * on disk, threads joined. However many hang, it takes little longer than drain_ms, or with 0 than
 * the deadline (then those known to be stuck are not waited for). Frees the seats. */
void change_end_seats(struct plugins *plugins, struct ending *endings, size_t count,
                      uint64_t drain_ms);
/* NULL: no such plugin runs. */
struct plugin *change_find_plugin(const struct plugins *plugins, const char *id);
/* Forgets a plugin that has no seats. */
void change_drop_plugin(struct plugins *plugins, struct plugin *plugin);

/* ---- files.c ---- */
void files_forget(struct plugins *plugins);
/* NULL: not seen. */
struct file_seen *files_find(const struct plugins *plugins, const char *path);
bool files_same(const struct stat *a, const struct stat *b);

/* ---- judge.c ---- */
enum { JUDGE_FILE_MAX = 256 << 20 }; /* bytes of a plugin's file */
/* Loads or refuses one file, and remembers which. Lines for people go to *text, the first refusal
 * to *first (both may be NULL). force: also when its content is what runs already. */
bool judge_file(struct plugins *plugins, struct file_seen *file, bool force, struct buf *text,
                struct err *first);
/* Reads a file that is to be loaded and checks what can be without running it: who may write to it,
 * whether one of the signers (NULL, or path NULL: no matter) has signed it, its ELF tables, its
 * note. All of it is about candidate->bytes: load these, not the file. path: borrowed by
 * *candidate, whose bytes are the caller's to finish. */
bool judge_read(const char *path, const struct sign_keys *signers, struct candidate *candidate,
                struct err *err);
/* Files of this id get their turn again: another one had it, or its settings have changed. */
void judge_again(struct plugins *plugins, const char *id);
/* Whether the plugin (NULL: none) runs from this file. */
bool judge_is_file_of(const struct plugin *plugin, const struct file_seen *file);
/* For scandir(): names of files that may be plugins. */
int files_is_plugin_name(const struct dirent *entry);
/* The next look at the files judges anew those that the bot wants and has not. */
void files_judge_wanted(struct plugins *plugins, const struct bot *bot);

/* What the plugins at this seat registered is to hold (check: could it?) from now on; rows NULL:
 * it is gone. Without an owner that wants to know all is fine. */
bool change_declare(struct plugins *plugins, const struct plugin *plugin, struct seat *seat,
                    const struct buf *rows, bool check, struct err *err);

/* ---- tend.c: what happens between changes ---- */
/* Handles some of the messages that wait in the inbox: the loop calls again while there are more.
 */
void tend_inbox(struct plugins *plugins);
/* Waits until all of them answered, at most deadline_ms; the inbox is tended meanwhile. NULL
 * entries are skipped. */
bool tend_await(struct plugins *plugins, struct hand **hands, size_t count, uint64_t deadline_ms);
/* Carries out what the new generation asked for while it was incoming. */
void tend_staged(struct plugins *plugins, struct seat *seat);
void tend_arm_timer(struct plugins *plugins);
void tend_arm_watchdog(struct plugins *plugins);
void tend_arm_alarm(struct plugins *plugins);
bool tend_start(struct plugins *plugins, struct err *err);
void tend_stop(struct plugins *plugins);

/* ---- state.c: states on disk ---- */
/* STATE_DIR/BOT/plugins/ID.WHAT: a file that is kept for a plugin. False: too long. */
bool state_path(const struct bot *bot, const char *id, const char *what, char *out, size_t size);
/* found: whether there is one. False: it is there but cannot be used. */
bool state_read(const struct bot *bot, const char *id, struct state *state, struct err *err);
/* Into seat->state: what its old version has just handed over (its last answer, to PORT_HOLD or
 * PORT_CHECKPOINT), or what is on disk when none serves or it is stuck. */
bool state_fetch(struct seat *seat, const char *id, struct err *err);
/* clean: written at an orderly stop, so that it is complete. */
bool state_write(const struct bot *bot, const char *id, uint32_t version, const void *data,
                 size_t length, bool clean, struct err *err);
/* The plugin handed over that there is nothing: an older state must not come back. */
void state_remove(const struct bot *bot, const char *id);
/* Notes that a run has begun which the state does not know of. */
void state_mark_begun(const struct bot *bot, const char *id);

#endif
