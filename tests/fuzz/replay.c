/* fuzz/replay.c: a main() for a fuzzer without libFuzzer: feeds it every file of the directories
 * that are named, so that any compiler and any sanitizer tests what was found before. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 20 };

static bool replay_file(const char *path) {
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "%s: cannot be opened\n", path);
        return false;
    }
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    (void)fprintf(stderr, "%s\n", path); /* the last one named is the one that failed */
    uint8_t *exact = fuzz_copy(bytes, length, 0, 0);
    (void)LLVMFuzzerTestOneInput(exact, length);
    free(exact);
    return true;
}

static size_t replay_directory(const char *path) {
    DIR *directory = opendir(path);
    size_t count = 0;
    if (directory == NULL) {
        return 0;
    }
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char name[PATH_MAX];
        struct stat st;
        if (snprintf(name, sizeof(name), "%s/%s", path, entry->d_name) < (int)sizeof(name) &&
            stat(name, &st) == 0 && S_ISREG(st.st_mode)) {
            count += replay_file(name);
        }
    }
    (void)closedir(directory);
    return count;
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        count += directory ? replay_directory(argv[i]) : replay_file(argv[i]);
    }
    (void)fprintf(stderr, "%zu inputs\n", count);
    return count > 0 ? 0 : 1; /* a corpus that is not there tests nothing */
}
