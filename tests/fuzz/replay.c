/* fuzz/replay.c: a main() for a fuzzer without libFuzzer: feeds it every file of the directories
 * that are named, so that any compiler and any sanitizer tests what was found before.
 * --random N: and N inputs of random bytes, from a seed that is printed when one of them fails. */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

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

static unsigned seed;

static void tell_seed(int number) {
    static char text[] = "random input 0000000000\n";
    for (unsigned value = seed, at = sizeof(text) - 3; value != 0; value /= 10, at--) {
        text[at] = (char)('0' + value % 10);
    }
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)ignored;
}

/* Every input has a number; it alone decides what is in it. */
static void play(unsigned count) {
    (void)signal(SIGABRT, tell_seed);
    for (seed = 1; seed <= count; seed++) {
        uint8_t bytes[2048];
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        for (size_t i = 0; i < sizeof(bytes); i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            bytes[i] = (uint8_t)(random >> 32);
        }
        uint8_t *exact = fuzz_copy(bytes, random % sizeof(bytes), 0, 0);
        (void)LLVMFuzzerTestOneInput(exact, random % sizeof(bytes));
        free(exact);
    }
}

int main(int argc, char **argv) {
    size_t count = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (strcmp(argv[i], "--random") == 0 && i + 1 < argc) {
            play((unsigned)strtoul(argv[++i], NULL, 10));
            continue;
        }
        bool directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        count += directory ? replay_directory(argv[i]) : replay_file(argv[i]);
    }
    (void)fprintf(stderr, "%zu inputs\n", count);
    return count > 0 ? 0 : 1; /* a corpus that is not there tests nothing */
}
