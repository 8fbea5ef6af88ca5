/* plugin/symbols.c: the dynamic symbol table and the list of libraries of an ELF file. */
#include "plugin/symbols.h"

#include "plugin/object.h"

enum { ENTRIES_MAX = 1 << 20 }; /* tables of a small file may pretend to be endless */

const char *symbols_doubt(const char *function) {
    static const struct {
        const char *name;
        const char *why;
    } rows[] = {
        {"exit", "ends its process, on a thread drey: let init refuse, or use drey_error()"},
        {"_exit", "ends its process, on a thread drey: let init refuse, or use drey_error()"},
        {"quick_exit", "ends its process, on a thread drey: let init refuse, or use drey_error()"},
        {"fork", "is refused by the sandbox, and copies drey on a thread"},
        {"vfork", "is refused by the sandbox, and copies drey on a thread"},
        {"daemon", "is refused by the sandbox, and copies drey on a thread"},
        {"system", "blocks the plugin's thread until another program ends"},
        {"signal", "changes drey's signals with isolation = thread"},
        {"sigaction", "changes drey's signals with isolation = thread"},
        {"sigprocmask", "changes drey's signals with isolation = thread"},
        {"chdir", "moves all of drey to another directory with isolation = thread"},
        {"umask", "changes the permissions of drey's files with isolation = thread"},
        {"setlocale", "changes the language of all of drey with isolation = thread"},
        {"setenv", "changes drey's environment under all threads with isolation = thread"},
        {"putenv", "changes drey's environment under all threads with isolation = thread"},
        {"sleep", "holds up the plugin's events: use drey_timer()"},
        {"usleep", "holds up the plugin's events: use drey_timer()"},
        {"nanosleep", "holds up the plugin's events: use drey_timer()"},
        {"printf", "has no level in the log, and on a thread goes past it: use drey_info()"},
        {"puts", "has no level in the log, and on a thread goes past it: use drey_info()"},
        {"on_exit", "cannot be undone: the file stays in memory after each reload"},
        {"setvbuf", "cannot be undone: the file stays in memory after each reload"},
        {"setbuf", "cannot be undone: the file stays in memory after each reload"},
        {"setlinebuf", "cannot be undone: the file stays in memory after each reload"},
        {"strtok", "shares its place with other threads: use strtok_r()"},
        {"localtime", "shares its result with other threads: use localtime_r()"},
        {"gmtime", "shares its result with other threads: use gmtime_r()"},
        {"srand", "shares its state with other threads: use random_r() or rand_r()"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(function, rows[i].name) == 0) {
            return rows[i].why;
        }
    }
    return NULL;
}

/* A name out of a string table; cut when it is long, empty when it is nowhere. */
static void name_at(const struct object *object, const Elf64_Shdr *names, uint64_t at,
                    char out[static SYMBOLS_NAME_BYTES]) {
    memset(out, 0, SYMBOLS_NAME_BYTES);
    if (names->sh_type == SHT_STRTAB && at < names->sh_size &&
        object_within(object, names->sh_offset, names->sh_size)) {
        uint64_t left = names->sh_size - at;
        size_t most = left < SYMBOLS_NAME_BYTES - 1 ? (size_t)left : SYMBOLS_NAME_BYTES - 1;
        const char *name = (const char *)object->bytes + names->sh_offset + at;
        memcpy(out, name, strnlen(name, most));
    }
}

static void keep(char (*list)[SYMBOLS_NAME_BYTES], size_t *count, const char *name) {
    if (*count < SYMBOLS_SHOWN) {
        memcpy(list[*count], name, SYMBOLS_NAME_BYTES);
    }
    (*count)++;
}

/* What linkers and compilers add to every library by themselves. */
static bool is_usual(const char *name) {
    static const char *const usual[] = {"drey_plugin_v1", "_init",  "_fini",
                                        "__bss_start",    "_edata", "_end"};
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (strcmp(name, usual[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void take_symbol(struct symbols *symbols, const Elf64_Sym *symbol, const char *name) {
    unsigned binding = ELF64_ST_BIND(symbol->st_info);
    unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);
    if (name[0] == '\0') {
        return;
    }
    if (symbol->st_shndx == SHN_UNDEF) {
        if (symbols_doubt(name) != NULL) {
            keep(symbols->doubts, &symbols->doubt_count, name);
        }
        return;
    }
    if (binding == STB_GNU_UNIQUE && symbols->unique[0] == '\0') {
        memcpy(symbols->unique, name, SYMBOLS_NAME_BYTES);
    }
    /* Weak ones are what C++ libraries make of their templates; nobody means to export them. */
    if (binding == STB_GLOBAL && (visibility == STV_DEFAULT || visibility == STV_PROTECTED) &&
        !is_usual(name)) {
        keep(symbols->exports, &symbols->export_count, name);
    }
}

static void take_table(const struct object *object, const Elf64_Shdr *table,
                       struct symbols *symbols) {
    Elf64_Sym symbol;
    if (table->sh_link >= object->header.e_shnum ||
        !object_within(object, table->sh_offset, table->sh_size)) {
        return;
    }
    Elf64_Shdr names = object_section(object, table->sh_link);
    uint64_t count = table->sh_size / sizeof(symbol);
    for (uint64_t i = 0; i < count && i < ENTRIES_MAX; i++) {
        char name[SYMBOLS_NAME_BYTES];
        memcpy(&symbol, object->bytes + table->sh_offset + i * sizeof(symbol), sizeof(symbol));
        name_at(object, &names, symbol.st_name, name);
        take_symbol(symbols, &symbol, name);
    }
}

static void take_libraries(const struct object *object, const Elf64_Shdr *table,
                           struct symbols *symbols) {
    Elf64_Dyn entry;
    if (table->sh_link >= object->header.e_shnum ||
        !object_within(object, table->sh_offset, table->sh_size)) {
        return;
    }
    Elf64_Shdr names = object_section(object, table->sh_link);
    uint64_t count = table->sh_size / sizeof(entry);
    for (uint64_t i = 0; i < count && i < ENTRIES_MAX; i++) {
        char name[SYMBOLS_NAME_BYTES];
        memcpy(&entry, object->bytes + table->sh_offset + i * sizeof(entry), sizeof(entry));
        if (entry.d_tag == DT_NULL) {
            return;
        }
        name_at(object, &names, entry.d_un.d_val, name);
        if (entry.d_tag == DT_NEEDED && name[0] != '\0') {
            keep(symbols->libraries, &symbols->library_count, name);
        }
    }
}

void symbols_read(const void *bytes, size_t length, struct symbols *symbols) {
    struct object object = {.bytes = bytes, .length = length};
    memset(symbols, 0, sizeof(*symbols));
    if (!object_within(&object, 0, sizeof(object.header))) {
        return;
    }
    memcpy(&object.header, bytes, sizeof(object.header));
    if (!object_within(&object, object.header.e_shoff,
                       (uint64_t)object.header.e_shnum * sizeof(Elf64_Shdr))) {
        return;
    }
    for (unsigned i = 0; i < object.header.e_shnum; i++) {
        Elf64_Shdr section = object_section(&object, i);
        if (section.sh_type == SHT_DYNSYM) {
            take_table(&object, &section, symbols);
        } else if (section.sh_type == SHT_DYNAMIC) {
            take_libraries(&object, &section, symbols);
        }
    }
}

/* The nearest function at or before the address that reaches it. */
static bool nearest(const struct object *object, const Elf64_Shdr *table, uint64_t address,
                    uint64_t *best, char name[static SYMBOLS_NAME_BYTES]) {
    bool found = false;
    Elf64_Sym symbol;
    if (table->sh_link >= object->header.e_shnum ||
        !object_within(object, table->sh_offset, table->sh_size)) {
        return false;
    }
    Elf64_Shdr names = object_section(object, table->sh_link);
    uint64_t count = table->sh_size / sizeof(symbol);
    for (uint64_t i = 0; i < count && i < ENTRIES_MAX; i++) {
        memcpy(&symbol, object->bytes + table->sh_offset + i * sizeof(symbol), sizeof(symbol));
        if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
            address >= symbol.st_value && address - symbol.st_value < symbol.st_size) {
            *best = symbol.st_value;
            name_at(object, &names, symbol.st_name, name);
            found = name[0] != '\0';
        }
    }
    return found;
}

bool symbols_at(const void *bytes, size_t length, uint64_t address, char *name, uint64_t *into) {
    static const uint32_t kinds[] = {SHT_SYMTAB, SHT_DYNSYM}; /* a stripped file has the second */
    struct object object = {.bytes = bytes, .length = length};
    uint64_t best = 0;
    if (length < sizeof(object.header)) {
        return false;
    }
    memcpy(&object.header, bytes, sizeof(object.header));
    if (!object_within(&object, object.header.e_shoff,
                       (uint64_t)object.header.e_shnum * sizeof(Elf64_Shdr))) {
        return false;
    }
    for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
        for (uint16_t i = 0; i < object.header.e_shnum; i++) {
            Elf64_Shdr section = object_section(&object, i);
            if (section.sh_type == kinds[kind] &&
                nearest(&object, &section, address, &best, name)) {
                *into = address - best;
                return true;
            }
        }
    }
    return false;
}
