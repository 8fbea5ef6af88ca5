/* plugins/faults.h: ways to misbehave, by name. A plugin asks fault_in() at each step of its life;
 * the word behind the dot in its version says whether and how it fails there. */
#ifndef PLUGINS_FAULTS_H
#define PLUGINS_FAULTS_H

#include <drey/drey.h>

enum fault_place {
    FAULT_CONSTRUCTOR,
    FAULT_INIT,
    FAULT_RESTORE,
    FAULT_START,
    FAULT_EVENT,
    FAULT_SAVE,
    FAULT_STOP
};

/* Does what the version says for this place; the step's answer, 0 when there is nothing wrong. ctx
 * is NULL in the constructor. */
int fault_in(enum fault_place place, drey_ctx *ctx);
/* Whether the version ends in this word. */
int fault_is(const char *word);
const char *fault_version(void);
/* The plugin's descriptor: said by the plugin. */
const drey_plugin *fault_plugin(void);

#endif
