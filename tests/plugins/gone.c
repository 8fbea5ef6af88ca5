/* plugins/gone.c: a library that a plugin needs and that is nowhere to be found when it loads. */
int gone_here(void);

int gone_here(void) {
    return 1;
}
