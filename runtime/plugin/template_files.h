/* plugin/template_files.h: the files of sdk/template as text in the binary; the definitions are
 * generated from them (template_files.c.in). */
#ifndef PLUGIN_TEMPLATE_FILES_H
#define PLUGIN_TEMPLATE_FILES_H

#include <stddef.h>

struct template_file {
    const char *language; /* as --lang names it */
    const char *name;     /* a path in the new folder; as in the text, marks stand for the plugin */
    const char *text;     /* @NAME@, @IDENT@ (the same with _ for -), @COMMAND@ (the same, short) */
};
extern const struct template_file template_files[];
extern const size_t template_file_count;

#endif
