/* sim/sim.h: `drey sim`: the local Discord, and the commands that talk to a running one. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

/* argv[0] is "sim" (or the program). Returns an exit status: 0, 1 on failure, 2 on wrong usage. */
int sim_main(int argc, char **argv);

#endif
