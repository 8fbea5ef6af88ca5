/* base/text.h: small questions about text: UTF-8, likeness of words, numbers with units,
 * CRC32C and hashes. Pure. [any thread] */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed UTF-8 sequence at text (1 to 4), or 0 where there is none. */
size_t text_utf8_width(const char *text, size_t length);
/* The character of a well-formed sequence. width: what text_utf8_width() said, not 0. */
uint32_t text_code_point(const char *text, size_t width);
bool text_utf8_valid(const char *text, size_t length);
/* Replaces every malformed byte by '?', in place. */
void text_utf8_repair(char *text, size_t length);

/* Bytes of the sequence at text (1 to 4) if a person may be shown it as it is; 0 if it is not
 * well-formed, moves a terminal's cursor (C0, DEL, C1), or turns or hides the text around it
 * (bidirectional marks and overrides, line separators, tags). */
size_t text_shown_width(const char *text, size_t length);
/* Text of strangers for a terminal, as one line: blanks become spaces, whatever else may not be
 * shown becomes '?', one for each character or malformed byte. Too long a text is cut between
 * two characters and ends in "...". size: at least 4. out may be text itself. Returns out. */
const char *text_plain(char *out, size_t size, const char *text);

/* The candidate nearest to word, if it is near enough to be a slip of the pen, else NULL. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);
/* How many slips of the pen (a letter too much, too few, another one, two swapped; case is none)
 * make one word of the other; SIZE_MAX: one is too long to be told. */
size_t text_slips(const char *a, const char *b);

/* Decimal digits only, no sign, no blanks. False on anything else or on overflow. */
bool text_u64(const char *text, uint64_t *value);
/* The same with a '-' in front, or none; of so many bytes, whatever follows. */
bool text_i64(const char *text, size_t length, int64_t *value);
/* "32 MiB", "64K", "4096": a bare number is bytes; K, M, G (with or without iB) are powers of
 * 1024. False on anything else. */
bool text_bytes(const char *text, uint64_t *bytes);
/* "250ms", "20s", "5m", "2h": the unit is required, except for 0. False on anything else. */
bool text_duration_ms(const char *text, uint64_t *ms);

/* Whether this host of a URL (without brackets) is this machine for certain: localhost, ::1 or
 * 127.x.y.z. */
bool text_is_loopback(const char *host, size_t length);

/* CRC32C (Castagnoli) of bytes, continuing from crc (0 at the start). */
uint32_t text_crc32c(uint32_t crc, const void *bytes, size_t length);
/* A 64-bit FNV-1a hash; not for secrets. */
uint64_t text_hash(const void *bytes, size_t length);
/* Copies at most size-1 bytes and ends with a NUL. False when it was cut. */
bool text_copy(char *out, size_t size, const char *text);

#endif
