/* cli/sign.c: `drey sign`: keys for signatures of plugins, signatures, and whether they fit.
 * Nothing here needs a configuration or a running drey: the private key should be on another
 * machine. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/text.h"
#include "bot/house.h"
#include "sign/ed25519.h"
#include "sign/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 256 << 20 };

/* For one printf(). */
static const char *plain(const char *text) {
    static char out[2048];
    return text_plain(out, sizeof(out), text);
}

static void wipe(struct buf *buf) {
    if (buf->bytes != NULL) {
        explicit_bzero(buf->bytes, buf->capacity);
    }
    buf_finish(buf);
}

/* ---- A new pair ---- */

/* A file that is not there yet; what is there may be the key that everything was signed with. */
static bool write_new(const char *path, mode_t mode, const struct buf *text, struct err *err) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) {
        return errno == EEXIST
                   ? err_set(err, ERR_EXISTS, "%s is there already: choose another name", path)
                   : err_system(err, "%s", path);
    }
    bool ok = file_write_all(fd, text->bytes, text->length) && fsync(fd) == 0;
    int saved = errno;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        unlink(path);
        errno = saved;
        return err_system(err, "%s", path);
    }
    return true;
}

struct pair {
    char private_path[PATH_MAX];
    char public_path[PATH_MAX];
    char fingerprint[SIGN_FINGERPRINT_BYTES];
    struct buf private_text;
    struct buf public_text;
};

static bool make_texts(struct pair *pair, struct err *err) {
    struct sign_key public;
    struct ed25519 *key = ed25519_create(err);
    bool ok = key != NULL && ed25519_public(key, &public, err) &&
              ed25519_write(key, &pair->private_text, err);
    ed25519_destroy(key);
    if (!ok) {
        return false;
    }
    ed25519_fingerprint(&public, pair->fingerprint);
    return (buf_printf(&pair->public_text, "# key %s, made by drey sign\n", pair->fingerprint) &&
            sign_key_write(&public, &pair->public_text)) ||
           err_set(err, ERR_NO_MEMORY, "no memory");
}

static bool write_pair(struct pair *pair, const char *name, struct err *err) {
    int one = snprintf(pair->private_path, PATH_MAX, "%s.key", name);
    int two = snprintf(pair->public_path, PATH_MAX, "%s.pub", name);
    if (one >= PATH_MAX || two >= PATH_MAX) {
        return err_set(err, ERR_INVALID, "the name is too long");
    }
    if (!make_texts(pair, err) || !write_new(pair->private_path, 0600, &pair->private_text, err)) {
        return false;
    }
    if (!write_new(pair->public_path, 0644, &pair->public_text, err)) {
        unlink(pair->private_path); /* half a pair is of no use */
        return false;
    }
    return true;
}

static int make_pair(const char *name) {
    struct pair pair = {0};
    struct err err = {0};
    bool ok = write_pair(&pair, name, &err);
    if (ok) {
        (void)printf("%s: the private key: sign with it, and keep it away from where drey runs\n",
                     plain(pair.private_path));
        (void)printf("%s: the public key %s: for require_signature, and for --verify\n",
                     plain(pair.public_path), pair.fingerprint);
    } else {
        cli_complain("%s", err.text);
    }
    wipe(&pair.private_text);
    buf_finish(&pair.public_text);
    return ok ? EXIT_OK : EXIT_TROUBLE;
}

/* ---- Signing ---- */

/* The descriptor is asked, so that it is this file whose mode was looked at. */
static bool read_private(int fd, const char *path, struct buf *text, struct err *err) {
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return err_system(err, "%s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_INVALID, "%s: not a regular file", path);
    }
    char proc[64];
    (void)snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    if (!file_read(proc, SIGN_KEYS_FILE_MAX, text, err)) {
        return err_prefix(err, "%s", path);
    }
    static const char secret[] = "PRIVATE KEY-----";
    if ((st.st_mode & 077) != 0 &&
        memmem(text->bytes, text->length, secret, strlen(secret)) != NULL) {
        return err_set(err, ERR_CONFIG,
                       "%s: others may read this private key (mode %04o): chmod 600 %s, or a new "
                       "key if they have",
                       path, st.st_mode & 07777u, path);
    }
    return true;
}

static struct ed25519 *open_private(const char *path, struct err *err) {
    struct buf text = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        err_system(err, "%s", path);
        return NULL;
    }
    struct ed25519 *key = NULL;
    if (read_private(fd, path, &text, err)) {
        key = ed25519_open(text.bytes, text.length, err);
        if (key == NULL) {
            err_prefix(err, "%s", path);
        }
    }
    close(fd);
    wipe(&text);
    return key;
}

/* A signature of something else by mistake (keys, signatures of signatures) helps nobody. */
static bool read_plugin(const char *path, struct buf *bytes, struct err *err) {
    return file_read(path, FILE_BYTES_MAX, bytes, err) &&
           ((bytes->length >= 4 && memcmp(bytes->bytes, "\177ELF", 4) == 0) ||
            err_set(err, ERR_PLUGIN, "%s: not a plugin (no ELF file)", path));
}

static bool sign_file(const struct ed25519 *key, const char *path, struct err *err) {
    char beside[PATH_MAX];
    struct seal seal;
    struct buf bytes = {0};
    struct buf text = {0};
    bool ok = (seal_path(beside, sizeof(beside), path) ||
               err_set(err, ERR_INVALID, "%s: the name is too long", path)) &&
              read_plugin(path, &bytes, err) &&
              ed25519_sign(key, bytes.bytes, bytes.length, &seal, err) &&
              (seal_write(&seal, &text) || err_set(err, ERR_NO_MEMORY, "no memory")) &&
              file_write_mode(beside, 0644, text.bytes, text.length, err);
    buf_finish(&bytes);
    buf_finish(&text);
    if (ok) {
        (void)printf("%s: signed by %s\n", plain(path), seal.key);
    }
    return ok;
}

static int sign_files(const char *key_path, char **files, int count) {
    struct err err = {0};
    struct ed25519 *key = open_private(key_path, &err);
    int status = EXIT_OK;
    if (key == NULL) {
        cli_complain("%s", err.text);
        return EXIT_CONFIGURATION;
    }
    for (int i = 0; i < count; i++) {
        if (!sign_file(key, files[i], &err)) {
            cli_complain("%s", err.text);
            status = EXIT_TROUBLE;
        }
    }
    ed25519_destroy(key);
    return status;
}

/* ---- Verifying ---- */

static bool read_public(const char *path, struct sign_keys *keys, struct err *err) {
    struct buf text = {0};
    keys->path = path;
    bool ok = file_read(path, SIGN_KEYS_FILE_MAX, &text, err);
    if (ok && !sign_keys_read(text.bytes != NULL ? text.bytes : "", text.length, keys, err)) {
        ok = err_prefix(err, "%s", path);
    }
    buf_finish(&text);
    return ok;
}

static bool verify_file(const struct sign_keys *keys, const char *path) {
    char signer[SIGN_FINGERPRINT_BYTES];
    struct err err = {0};
    struct buf bytes = {0};
    bool ok = read_plugin(path, &bytes, &err) &&
              verify_signed(path, bytes.bytes, bytes.length, keys, signer, &err);
    if (ok) {
        (void)printf("%s: ok, signed by %s\n", plain(path), signer);
    } else {
        size_t length = strlen(path); /* an error of the file's own begins with its name */
        bool named = strncmp(err.text, path, length) == 0 && err.text[length] == ':';
        (void)printf("%s: ", plain(path));
        (void)printf("error: %s\n", plain(named ? err.text + length + 2 : err.text));
    }
    buf_finish(&bytes);
    return ok;
}

static int verify_files(const char *key_path, char **files, int count) {
    struct sign_keys keys = {0};
    struct err err = {0};
    int status = EXIT_OK;
    if (!read_public(key_path, &keys, &err)) {
        cli_complain("%s", err.text);
        return EXIT_CONFIGURATION;
    }
    for (int i = 0; i < count; i++) {
        status = verify_file(&keys, files[i]) ? status : EXIT_TROUBLE;
    }
    return status;
}

int sign_main(int argc, char **argv) {
    static const struct option options[] = {
        {"new-key", required_argument, NULL, 'n'}, {"verify", no_argument, NULL, 'v'}, {0}};
    const char *name = NULL;
    bool verify = false;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'n':
            name = optarg;
            break;
        case 'v':
            verify = true;
            break;
        default:
            return cli_bad_option("sign", argv);
        }
    }
    if (name != NULL && (verify || optind < argc)) {
        return cli_usage("sign", "--new-key takes a name and nothing else");
    }
    if (name != NULL) {
        return name[0] != '\0' ? make_pair(name) : cli_usage("sign", "--new-key wants a name");
    }
    if (argc - optind < 2) {
        return cli_usage("sign", "it takes a %s key's file and plugins",
                         verify ? "public" : "private");
    }
    char **files = argv + optind + 1;
    int count = argc - optind - 1;
    return verify ? verify_files(argv[optind], files, count)
                  : sign_files(argv[optind], files, count);
}
