/* plugin/new.h: `drey new NAME`: a plugin of one's own to begin with. */
#ifndef PLUGIN_NEW_H
#define PLUGIN_NEW_H

/* `drey new NAME [--dir DIR]`: writes DIR (default: NAME) with a source file, a CMakeLists.txt and
 * a README, and says how to build it. argv[0] is "new". Nothing that is there is overwritten.
 * Returns the exit status: 0, 1 (could not write), 2 (usage). [main thread] */
int new_main(int argc, char **argv);

#endif
