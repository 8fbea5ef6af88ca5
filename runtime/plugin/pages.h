/* plugin/pages.h: the pages of code and constants that a worker's process has in its memory.
 *
 * Around each page that is touched the kernel maps fifteen more, and those of the start are hardly
 * needed again: without this they count for as long as the process lives. What is given back stays
 * in the page cache; who needs it again pays a page fault for sixteen of them. */
#ifndef PLUGIN_PAGES_H
#define PLUGIN_PAGES_H

#include <poll.h>

/* Notes what is loaded now, and stays: the program and its libraries. To be called before there is
 * anything of the plugin's; what cannot be loaded anew from its file unchanged is left out.
 * [the process's first thread, before others run] */
void pages_note(void);
/* poll(), after it has given back the pages of all that was noted, but for those that it needs to
 * sleep. Other threads may run meanwhile. */
int pages_poll(struct pollfd *fds, nfds_t count, int timeout_ms);

#endif
