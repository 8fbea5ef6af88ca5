/* dev/dev.h: `drey dev`: a plugin's folder, built, run against a Discord on this machine, built
 * again at each save, with a chat to try it in. [main thread] */
#ifndef DEV_DEV_H
#define DEV_DEV_H

/* argv[0] is "dev". Returns the exit status. */
int dev_main(int argc, char **argv);

#endif
