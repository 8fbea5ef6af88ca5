/* sim/main_alone.c: the simulator as a program of its own, until `drey` calls sim_main(). */
#include "sim/sim.h"

int main(int argc, char **argv) {
    return sim_main(argc, argv);
}
