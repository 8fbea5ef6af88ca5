/* plugin/new.h: `drey new NAME`: a plugin of one's own to begin with. */
#ifndef PLUGIN_NEW_H
#define PLUGIN_NEW_H

/* `drey new NAME [--lang c|cpp|rust|zig] [--dir DIR]`: writes DIR (default: NAME) with a source
 * that answers /NAME, a build file and a README, and says what to type next. argv[0] is "new".
 * Nothing that is there is overwritten; when something cannot be written, nothing of it stays.
 * Returns the exit status: 0, 1 (could not write), 2 (usage). [main thread] */
int new_main(int argc, char **argv);

#endif
