/* plugin/object.h: an ELF file as bytes that nobody vouches for. Every structure is copied out of
 * them before it is looked at: offsets in a hostile file need not be aligned. Pure. [any thread] */
#ifndef PLUGIN_OBJECT_H
#define PLUGIN_OBJECT_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct object {
    const unsigned char *bytes; /* borrowed */
    uint64_t length;
    Elf64_Ehdr header; /* its tables lie within the file: note.c sees to that first */
};

static inline bool object_within(const struct object *object, uint64_t offset, uint64_t size) {
    return size <= object->length && offset <= object->length - size;
}

/* index: below e_phnum */
static inline Elf64_Phdr object_segment(const struct object *object, unsigned index) {
    Elf64_Phdr segment;
    memcpy(&segment, object->bytes + object->header.e_phoff + index * sizeof(segment),
           sizeof(segment));
    return segment;
}

/* index: below e_shnum */
static inline Elf64_Shdr object_section(const struct object *object, unsigned index) {
    Elf64_Shdr section;
    memcpy(&section, object->bytes + object->header.e_shoff + index * sizeof(section),
           sizeof(section));
    return section;
}

#endif
