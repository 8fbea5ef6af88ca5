/* interaction/letters.h: which characters Discord takes in the name of a slash command or an
 * option: letters, numbers, - _ ' and the signs of Devanagari and Thai; lowercase where there is
 * one. Pure. [any thread] */
#ifndef INTERACTION_LETTERS_H
#define INTERACTION_LETTERS_H

#include <stdbool.h>
#include <stdint.h>

bool letters_in_name(uint32_t code_point);
/* Whether it has a lowercase variant, which must be used then. */
bool letters_upper(uint32_t code_point);

#endif
