/* plugin/words.h: the last words of a worker's process: on a fatal signal it says which, where and
 * from where it was called, then dies of it. [the process's first thread, before others run] */
#ifndef PLUGIN_WORDS_H
#define PLUGIN_WORDS_H

/* channel: where they go, as one packet. copy: the path of the plugin's image, borrowed for ever.
 */
void words_prepare(int channel, const char *copy);

#endif
