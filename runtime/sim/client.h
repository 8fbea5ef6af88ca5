/* sim/client.h: `drey sim fault|say|status|transcript|faults`: asks a running simulator. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

/* argv[0] is the command. Returns an exit status. */
int sim_client_main(int argc, char **argv);

#endif
