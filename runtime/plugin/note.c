/* plugin/note.c: a bounds-checked walk over an ELF file. */
#include "plugin/note.h"

#include "drey/drey.h"
#include "plugin/object.h"

#if defined(__x86_64__)
enum { OUR_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OUR_MACHINE = EM_AARCH64 };
#else
#error "which machine is this?"
#endif

/* Linkers write a dozen. All that is looked at together is bounded, whatever a file claims: tables
 * and notes may overlap, so that a small file can pretend to hold millions of them. */
enum { SEGMENTS_MAX = 256, NOTE_BYTES_MAX = 64 << 10 };

static bool cut_short(const struct object *file, const char *what, uint64_t offset, uint64_t size,
                      struct err *err) {
    return err_set(err, ERR_PLUGIN,
                   "cut short: its %s lies at offset %llu, %llu bytes, but the file ends at %llu",
                   what, (unsigned long long)offset, (unsigned long long)size,
                   (unsigned long long)file->length);
}

static bool check_identity(const Elf64_Ehdr *header, struct err *err) {
    if (header->e_ident[EI_CLASS] != ELFCLASS64) {
        return err_set(err, ERR_PLUGIN, "not a 64-bit shared object");
    }
    if (header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_ident[EI_VERSION] != EV_CURRENT ||
        header->e_version != EV_CURRENT) {
        return err_set(err, ERR_PLUGIN, "not an ELF file for this machine");
    }
    if (header->e_machine != OUR_MACHINE) {
        return err_set(err, ERR_PLUGIN, "built for another machine (ELF machine %u, here %d)",
                       header->e_machine, OUR_MACHINE);
    }
    if (header->e_type != ET_DYN) {
        return err_set(err, ERR_PLUGIN, "not a shared object (built without -shared?)");
    }
    return true;
}

static bool check_header(struct object *file, struct err *err) {
    if (file->length < EI_NIDENT || memcmp(file->bytes, ELFMAG, SELFMAG) != 0) {
        return err_set(err, ERR_PLUGIN, file->length == 0 ? "empty" : "not an ELF file");
    }
    if (!object_within(file, 0, sizeof(file->header))) {
        return cut_short(file, "header", 0, sizeof(file->header), err);
    }
    memcpy(&file->header, file->bytes, sizeof(file->header));
    const Elf64_Ehdr *header = &file->header;
    if (!check_identity(header, err)) {
        return false;
    }
    uint64_t segments = (uint64_t)header->e_phnum * sizeof(Elf64_Phdr);
    uint64_t sections = (uint64_t)header->e_shnum * sizeof(Elf64_Shdr);
    if (header->e_ehsize != sizeof(*header) || header->e_phentsize != sizeof(Elf64_Phdr) ||
        header->e_phnum == 0 || header->e_phnum > SEGMENTS_MAX ||
        header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 ||
        header->e_shstrndx >= header->e_shnum) {
        return err_set(err, ERR_PLUGIN, "its ELF header makes no sense");
    }
    if (!object_within(file, header->e_phoff, segments)) {
        return cut_short(file, "program header table", header->e_phoff, segments, err);
    }
    if (!object_within(file, header->e_shoff, sections)) {
        return cut_short(file, "section table", header->e_shoff, sections, err);
    }
    return true;
}

static bool check_segments(const struct object *file, struct err *err) {
    for (unsigned i = 0; i < file->header.e_phnum; i++) {
        Elf64_Phdr segment = object_segment(file, i);
        if (!object_within(file, segment.p_offset, segment.p_filesz)) {
            return cut_short(file, "program", segment.p_offset, segment.p_filesz, err);
        }
        if (segment.p_type == PT_LOAD && segment.p_memsz < segment.p_filesz) {
            return err_set(err, ERR_PLUGIN, "segment %u is larger in the file than in memory", i);
        }
    }
    return true;
}

/* A tail of zeros (a file allocated before it is written) shows as sections without a type. */
static bool check_sections(const struct object *file, struct err *err) {
    for (unsigned i = 0; i < file->header.e_shnum; i++) {
        Elf64_Shdr section = object_section(file, i);
        if (i > 0 && section.sh_type == SHT_NULL) {
            return err_set(err, ERR_PLUGIN, "incomplete: section %u of %u is empty (offset %llu)",
                           i, file->header.e_shnum,
                           (unsigned long long)(file->header.e_shoff + i * sizeof(section)));
        }
        if (section.sh_type != SHT_NOBITS &&
            !object_within(file, section.sh_offset, section.sh_size)) {
            return cut_short(file, "section", section.sh_offset, section.sh_size, err);
        }
    }
    Elf64_Shdr names = object_section(file, file->header.e_shstrndx);
    if (names.sh_type != SHT_STRTAB || names.sh_size == 0 || file->bytes[names.sh_offset] != '\0' ||
        file->bytes[names.sh_offset + names.sh_size - 1] != '\0') {
        return err_set(err, ERR_PLUGIN, "incomplete: its section names are not readable");
    }
    return true;
}

static bool read_tls(const struct object *file, bool *static_tls, struct err *err) {
    for (unsigned i = 0; i < file->header.e_phnum; i++) {
        Elf64_Phdr segment = object_segment(file, i);
        if (segment.p_type != PT_DYNAMIC) {
            continue;
        }
        Elf64_Dyn entry;
        for (uint64_t at = 0; at + sizeof(entry) <= segment.p_filesz; at += sizeof(entry)) {
            memcpy(&entry, file->bytes + segment.p_offset + at, sizeof(entry));
            if (entry.d_tag == DT_NULL) {
                break;
            }
            if (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_STATIC_TLS) != 0) {
                *static_tls = true;
            }
        }
        return true;
    }
    return err_set(err, ERR_PLUGIN, "has no dynamic section");
}

/* Looks for our note in one segment of notes. */
static bool find_note(const struct object *file, const Elf64_Phdr *segment, drey_note *found) {
    uint64_t at = segment->p_offset;
    uint64_t end = at + (segment->p_filesz < NOTE_BYTES_MAX ? segment->p_filesz : NOTE_BYTES_MAX);
    uint64_t align = segment->p_align == 8 ? 7 : 3;
    Elf64_Nhdr head;
    while (end - at >= sizeof(head)) {
        memcpy(&head, file->bytes + at, sizeof(head));
        uint64_t name = (head.n_namesz + align) & ~align;
        uint64_t whole = sizeof(head) + name + ((head.n_descsz + align) & ~align);
        if (head.n_type == 1 && head.n_namesz == 5 && head.n_descsz >= 104 &&
            end - at >= sizeof(*found) && memcmp(file->bytes + at + sizeof(head), "drey", 5) == 0) {
            memcpy(found, file->bytes + at, sizeof(*found));
            return true;
        }
        if (whole > end - at) {
            return false;
        }
        at += whole;
    }
    return false;
}

static bool text_is(const char *text, size_t size, const char *allowed) {
    size_t length = strnlen(text, size);
    if (length == 0 || length == size) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool fine =
            allowed != NULL ? strchr(allowed, text[i]) != NULL : text[i] > ' ' && text[i] < 0x7f;
        if (!fine) {
            return false;
        }
    }
    return true;
}

static bool judge_note(const drey_note *found, struct note *note, struct err *err) {
    if (found->abi_major != DREY_ABI_MAJOR || found->abi_minor > DREY_ABI_MINOR) {
        return err_set(err, ERR_PLUGIN, "was built for ABI %u.%u, this drey offers %u.%u: %s",
                       found->abi_major, found->abi_minor, DREY_ABI_MAJOR, DREY_ABI_MINOR,
                       found->abi_major < DREY_ABI_MAJOR ? "build it again" : "upgrade drey");
    }
    if (found->size < 104 ||
        !text_is(found->id, sizeof(found->id), "abcdefghijklmnopqrstuvwxyz0123456789_-")) {
        return err_set(err, ERR_PLUGIN, "its id is not made of a-z, 0-9, _ and -");
    }
    if (!text_is(found->version, sizeof(found->version), NULL)) {
        return err_set(err, ERR_PLUGIN, "its version is empty or not printable");
    }
    memcpy(note->id, found->id, sizeof(note->id));
    memcpy(note->version, found->version, sizeof(note->version));
    note->abi_major = found->abi_major;
    note->abi_minor = found->abi_minor;
    return true;
}

static bool read_note(const struct object *file, struct note *note, struct err *err) {
    drey_note found;
    for (unsigned i = 0; i < file->header.e_phnum; i++) {
        Elf64_Phdr segment = object_segment(file, i);
        if (segment.p_type == PT_NOTE && find_note(file, &segment, &found)) {
            return judge_note(&found, note, err);
        }
    }
    return err_set(err, ERR_PLUGIN, "not a plugin: it has no drey note (DREY_PLUGIN missing?)");
}

static bool lingering(const char *name) {
    static const char *const names[] = {"on_exit", "setvbuf", "setbuf", "setbuffer", "setlinebuf"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void scan_imports(const struct object *file, const Elf64_Shdr *symbols, struct note *note) {
    if (symbols->sh_link >= file->header.e_shnum) {
        return;
    }
    Elf64_Shdr names = object_section(file, symbols->sh_link);
    if (names.sh_type != SHT_STRTAB) {
        return;
    }
    Elf64_Sym symbol;
    for (uint64_t at = 0; at + sizeof(symbol) <= symbols->sh_size; at += sizeof(symbol)) {
        memcpy(&symbol, file->bytes + symbols->sh_offset + at, sizeof(symbol));
        char name[sizeof(note->lingers)] = "";
        if (symbol.st_shndx != SHN_UNDEF || symbol.st_name >= names.sh_size) {
            continue;
        }
        uint64_t left = names.sh_size - symbol.st_name;
        memcpy(name, file->bytes + names.sh_offset + symbol.st_name,
               left < sizeof(name) - 1 ? left : sizeof(name) - 1);
        if (lingering(name)) {
            memcpy(note->lingers, name, sizeof(name));
            return;
        }
    }
}

bool note_read(const void *bytes, size_t length, struct note *note, struct err *err) {
    struct object file = {.bytes = bytes, .length = length};
    memset(note, 0, sizeof(*note));
    if (!check_header(&file, err) || !check_segments(&file, err) || !check_sections(&file, err) ||
        !read_tls(&file, &note->static_tls, err) || !read_note(&file, note, err)) {
        return false;
    }
    unsigned tables = 0;
    for (unsigned i = 0; i < file.header.e_shnum; i++) {
        Elf64_Shdr section = object_section(&file, i);
        if (section.sh_type == SHT_DYNSYM && tables++ == 0) {
            scan_imports(&file, &section, note);
        }
    }
    return tables <= 1 || err_set(err, ERR_PLUGIN, "has %u dynamic symbol tables", tables);
}

bool note_fits_thread(const struct note *note, struct err *err) {
    return !note->static_tls ||
           err_set(err, ERR_PLUGIN,
                   "uses initial-exec thread-local storage, which runs out when a plugin is "
                   "reloaded: build with -ftls-model=global-dynamic, or use isolation = process");
}
