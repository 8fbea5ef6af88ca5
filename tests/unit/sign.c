/* tests/unit/sign.c: signatures of plugins: what a file of keys and a signature's text may look
 * like, that OpenSSL's own program would have made the same, and what is said when one does not
 * fit. */
#include "failing.h"

#include "base/file.h"
#include "sign/ed25519.h"
#include "sign/verify.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* A key of RFC 8032, and what `openssl pkeyutl -sign -rawin` made of it and the bytes below. */
static const char private_pem[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";
#define KEY_BODY    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
#define OTHER_BODY  "MCowBQYDK2VwAyEAJKiBPViUjdYtjryT1slOuB3gc8bS49AHVvXrCXbCooA=\n"
#define BEGIN       "-----BEGIN PUBLIC KEY-----\n"
#define END         "-----END PUBLIC KEY-----\n"
#define FINGERPRINT "06e3fd8fda29bb60ab59557de61edb0a"
#define FIRST       "drey signature 1\n"
#define SECOND      "key " FINGERPRINT "\n"
#define THIRD                                                                                      \
    "ed25519 "                                                                                     \
    "Jq6VjkeAvA78idsVPBRb4LSIzc8AMrzvt0+Nr1EKqPhh+LtUBHgigBp2RxvKxQwRRVmbhxqxj73DjKBQmDP3CQ==\n"

static const char plugin_bytes[] = "\177ELF, and so on";
enum { PLUGIN_LENGTH = sizeof(plugin_bytes) - 1 };

/* ---- The file of keys ---- */

static void a_file_of_keys_is_read_or_refused_with_its_line(void **state) {
    static const struct {
        const char *text;
        size_t count;
        const char *wrong; /* within the error's text */
    } rows[] = {
        {BEGIN KEY_BODY END, 1, NULL},
        {BEGIN KEY_BODY END BEGIN OTHER_BODY END, 2, NULL},
        {"# ours\n\n  # and theirs\r\n" BEGIN KEY_BODY END "\n#\n" BEGIN OTHER_BODY END "# end", 2,
         NULL},
        {"-----BEGIN PUBLIC KEY-----\r\n  MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHU"
         "Ro=\t\r\n-----END PUBLIC KEY-----",
         1, NULL},
        {BEGIN "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7T\nyWQHOg7hcvPapiMlrwIaaPcHURo=\n" END, 1, NULL},
        {"", 0, "there is no key in it"},
        {"# nothing\n", 0, "there is no key in it"},
        {"\n----BEGIN PUBLIC KEY-----\n" KEY_BODY END, 0, "line 2: neither a comment (#) nor"},
        {BEGIN KEY_BODY END "ssh-ed25519 AAAA\n", 0, "line 4: neither a comment (#) nor"},
        {"# x\n-----BEGIN PRIVATE KEY-----\n", 0, "line 2: a private key does not belong here"},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\n", 0, "line 1: a private key"},
        {"-----BEGIN CERTIFICATE-----\n", 0, "line 1: neither"},
        {BEGIN KEY_BODY, 0, "line 1: the key that begins here has no line -----END"},
        {BEGIN KEY_BODY BEGIN OTHER_BODY END, 0, "line 1: the key that begins here has no line"},
        {BEGIN END, 0, "line 1: the key that begins here is cut or mistyped"},
        {BEGIN "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo\n" END, 0,
         "line 1: the key that begins here is cut or mistyped"},
        {BEGIN "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIa\n" END, 0,
         "line 1: the key that begins here is no Ed25519 key"},
        {BEGIN "MCowBQYDK2VuAyEADrgiLH0MBHInv+2wB+S6ZiGIUQqf8mtj35g6th6gHy0=\n" END, 0,
         "line 1: the key that begins here is no Ed25519 key"}, /* X25519 */
        {BEGIN "MEMwBQYDK2VxAzoAv+wIHCMmKW8QL9A1uIaKL5LhVP0akqVjlXE8DjpBsRUQ+QXp\n"
               "BmEgRIYhHu/TvlpAMryAFXOUmcWA\n" END,
         0, "line 1: the key that begins here is no Ed25519 key"}, /* Ed448 */
        {BEGIN KEY_BODY END "\n" BEGIN KEY_BODY END, 0, "line 5: the same key as in line 1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sign_keys keys = {.path = "x"};
        struct err err = {0};
        bool ok = sign_keys_read(rows[i].text, strlen(rows[i].text), &keys, &err);
        if (ok != (rows[i].wrong == NULL) || keys.count != rows[i].count ||
            (!ok && (err.code != ERR_CONFIG || strstr(err.text, rows[i].wrong) == NULL))) {
            fail_msg("row %zu: %zu keys, %s", i, keys.count, err.text);
        }
        assert_string_equal(keys.path, "x");
    }
}

static void a_key_is_known_by_its_line_and_written_as_it_was_read(void **state) {
    struct sign_keys keys = {0};
    struct buf text = {0};
    assert_true(sign_keys_read("#\n" BEGIN OTHER_BODY END BEGIN KEY_BODY END,
                               strlen("#\n" BEGIN OTHER_BODY END BEGIN KEY_BODY END), &keys, NULL));
    assert_int_equal(keys.list[0].line, 2);
    assert_int_equal(keys.list[1].line, 5);
    assert_true(sign_key_write(&keys.list[1], &text));
    assert_string_equal(text.bytes, BEGIN KEY_BODY END);
    buf_finish(&text);
}

static void too_many_keys_are_refused_and_not_left_out(void **state) {
    struct buf text = {0};
    struct sign_keys keys = {0};
    struct err err = {0};
    for (uint8_t i = 0; i <= SIGN_KEYS_MAX; i++) {
        struct sign_key key = {.bytes = {i}};
        bool ok = i == 0 || sign_keys_read(text.bytes, text.length, &keys, &err);
        assert_true(ok);
        assert_int_equal(keys.count, i);
        assert_true(sign_key_write(&key, &text));
    }
    assert_false(sign_keys_read(text.bytes, text.length, &keys, &err));
    assert_string_equal(err.text, "line 97: more than 32 keys");
    assert_int_equal(keys.count, 0);
    buf_finish(&text);
}

static void keys_are_the_same_by_their_bytes_and_order(void **state) {
    static const char both[] = BEGIN KEY_BODY END BEGIN OTHER_BODY END;
    static const char turned[] = "# turned\n" BEGIN OTHER_BODY END BEGIN KEY_BODY END;
    struct sign_keys none = {0};
    struct sign_keys a = {.path = "a"};
    struct sign_keys b = {.path = "b"};
    assert_true(sign_keys_read(both, strlen(both), &a, NULL));
    assert_true(sign_keys_read(both, strlen(both), &b, NULL));
    assert_true(sign_keys_same(&a, &b));
    assert_true(sign_keys_same(&none, &none));
    assert_false(sign_keys_same(&a, &none));
    assert_true(sign_keys_read(turned, strlen(turned), &b, NULL));
    assert_false(sign_keys_same(&a, &b));
    b.count = 1;
    assert_false(sign_keys_same(&a, &b));
}

/* ---- The text of a signature ---- */

static void a_signature_is_read_or_refused_with_its_line(void **state) {
    static const struct {
        const char *text;
        const char *wrong;
    } rows[] = {
        {FIRST SECOND THIRD, NULL},
        {"", "line 1: is not \"drey signature 1\""},
        {"drey signature 1", "line 1: is not"},
        {"drey signature 1\r\n" SECOND THIRD, "line 1: is not"},
        {"drey signature 01\n" SECOND THIRD,
         "line 1: its format has version 01, this drey knows 1"},
        {"drey signature 2\n" SECOND THIRD, "line 1: its format has version 2, this drey knows 1"},
        {"drey signature 20\nwhatever", "line 1: its format has version 20, this drey knows 1"},
        {"drey signature 9999999999\n", "line 1: is not"},
        {"drey signature -1\n" SECOND THIRD, "line 1: is not"},
        {"drey signature \n" SECOND THIRD, "line 1: is not"},
        {"drey signature 2", "line 1: is not"},
        {"\xef\xbb\xbf" FIRST SECOND THIRD, "line 1: is not"},
        {FIRST, "line 2: is not \"key \" and 32 hexadecimal digits"},
        {FIRST THIRD, "line 2: is not"},
        {FIRST "key \n" THIRD, "line 2: is not"},
        {FIRST "key " FINGERPRINT, "line 2: is not"},
        {FIRST "key 06E3FD8FDA29BB60AB59557DE61EDB0A\n" THIRD, "line 2: is not"},
        {FIRST "key 06e3fd8fda29bb60ab59557de61edb0\n" THIRD, "line 2: is not"},
        {FIRST "key 06e3fd8fda29bb60ab59557de61edb0a0\n" THIRD, "line 2: is not"},
        {FIRST SECOND, "line 3: is not \"ed25519 \" and 88 letters of base64"},
        {FIRST SECOND "ed25519 \n", "line 3: is not"},
        {FIRST SECOND "ed25519 Jq6VjkeAvA78idsV\n", "line 3: is not"},
        {FIRST SECOND
         "ed25519  Jq6VjkeAvA78idsVPBRb4LSIzc8AMrzvt0+Nr1EKqPhh+LtUBHgigBp2RxvKxQwRRVmb"
         "hxqxj73DjKBQmDP3CQ==\n",
         "line 3: is not"},
        /* the same bytes to a lenient reader: the last letter's spare bits are set */
        {FIRST SECOND "ed25519 Jq6VjkeAvA78idsVPBRb4LSIzc8AMrzvt0+Nr1EKqPhh+LtUBHgigBp2RxvKxQwRRVmb"
                      "hxqxj73DjKBQmDP3CR==\n",
         "line 3: is not"},
        {FIRST SECOND "ed25519 Jq6VjkeAvA78idsVPBRb4LSIzc8AMrzvt0+Nr1EKqPhh+LtUBHgigBp2RxvKxQwRRVmb"
                      "hxqxj73DjKBQmDP3CQ==",
         "line 3: is not"},
        {FIRST SECOND THIRD "\n", "1 bytes follow behind its third line"},
        {FIRST SECOND THIRD THIRD, "97 bytes follow behind its third line"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seal seal;
        struct err err = {0};
        bool ok = seal_read(rows[i].text, strlen(rows[i].text), &seal, &err);
        if (ok != (rows[i].wrong == NULL) ||
            (!ok && (err.code != ERR_PLUGIN || strstr(err.text, rows[i].wrong) == NULL))) {
            fail_msg("row %zu: %s", i, err.text);
        }
    }
}

static void a_signature_cut_anywhere_is_none(void **state) {
    static const char text[] = FIRST SECOND THIRD;
    struct seal seal;
    for (size_t length = 0; length < strlen(text); length++) {
        char *exact = __real_malloc(length + 1);
        memcpy(exact, text, length);
        assert_false(seal_read(exact, length, &seal, NULL));
        free(exact);
    }
    assert_true(seal_read(text, strlen(text), &seal, NULL));
}

static void a_signature_is_written_as_it_was_read(void **state) {
    struct seal seal;
    struct buf text = {0};
    assert_true(seal_read(FIRST SECOND THIRD, strlen(FIRST SECOND THIRD), &seal, NULL));
    assert_string_equal(seal.key, FINGERPRINT);
    assert_true(seal_write(&seal, &text));
    assert_string_equal(text.bytes, FIRST SECOND THIRD);
    buf_finish(&text);
}

/* ---- Keys and bytes ---- */

static struct ed25519 *known_key(void) {
    struct err err = {0};
    struct ed25519 *key = ed25519_open(private_pem, strlen(private_pem), &err);
    if (key == NULL) {
        fail_msg("%s", err.text);
    }
    return key;
}

static void what_is_signed_is_what_openssl_signs(void **state) {
    struct ed25519 *key = known_key();
    struct sign_key public;
    struct seal seal = {0};
    struct buf text = {0};
    char fingerprint[SIGN_FINGERPRINT_BYTES];
    assert_true(ed25519_sign(key, plugin_bytes, PLUGIN_LENGTH, &seal, NULL));
    assert_true(seal_write(&seal, &text));
    assert_string_equal(text.bytes, FIRST SECOND THIRD);
    assert_true(ed25519_public(key, &public, NULL));
    ed25519_fingerprint(&public, fingerprint);
    assert_string_equal(fingerprint, FINGERPRINT);
    buf_clear(&text);
    assert_true(sign_key_write(&public, &text));
    assert_string_equal(text.bytes, BEGIN KEY_BODY END);
    buf_clear(&text);
    assert_true(ed25519_write(key, &text, NULL));
    assert_string_equal(text.bytes, private_pem);
    buf_finish(&text);
    ed25519_destroy(key);
}

static void a_signature_fits_its_bytes_and_key_and_no_others(void **state) {
    struct ed25519 *key = known_key();
    struct ed25519 *other = ed25519_create(NULL);
    struct sign_key public;
    struct sign_key foreign;
    struct seal seal;
    struct err err = {0};
    char bytes[PLUGIN_LENGTH];
    memcpy(bytes, plugin_bytes, sizeof(bytes));
    assert_true(ed25519_public(key, &public, NULL));
    assert_true(ed25519_public(other, &foreign, NULL));
    assert_true(ed25519_sign(key, bytes, sizeof(bytes), &seal, NULL));
    assert_true(ed25519_verify(&public, bytes, sizeof(bytes), seal.signature, &err));
    assert_false(ed25519_verify(&foreign, bytes, sizeof(bytes), seal.signature, &err));
    assert_int_equal(err.code, ERR_PLUGIN);
    assert_false(ed25519_verify(&public, bytes, sizeof(bytes) - 1, seal.signature, NULL));
    assert_false(ed25519_verify(&public, NULL, 0, seal.signature, NULL));
    for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_false(ed25519_verify(&public, bytes, sizeof(bytes), seal.signature, NULL));
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * SIGN_SIGNATURE_BYTES; bit++) {
        seal.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(ed25519_verify(&public, bytes, sizeof(bytes), seal.signature, NULL));
        seal.signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(ed25519_verify(&public, bytes, sizeof(bytes), seal.signature, NULL));
    ed25519_destroy(key);
    ed25519_destroy(other);
}

static void what_is_no_private_key_is_called_by_its_name(void **state) {
    static const struct {
        const char *text;
        const char *wrong;
    } rows[] = {
        {"", "there is no private key in it"},
        {"hello\n", "there is no private key in it"},
        {BEGIN KEY_BODY END, "this is a public key; signing takes the private one"},
        {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n",
         "the private key cannot be read: "},
        {"-----BEGIN PRIVATE KEY-----\n" /* X25519 */
         "MC4CAQAwBQYDK2VuBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
         "-----END PRIVATE KEY-----\n",
         "it is no Ed25519 key"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        assert_null(ed25519_open(rows[i].text, strlen(rows[i].text), &err));
        if (strstr(err.text, rows[i].wrong) == NULL) {
            fail_msg("row %zu: %s", i, err.text);
        }
    }
}

/* ---- Files ---- */

struct place {
    char folder[64];
    char plugin[96];
    char seal[96];
    struct sign_keys keys;
};

static void open_place(struct place *place) {
    strcpy(place->folder, "/tmp/drey-test-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    snprintf(place->plugin, sizeof(place->plugin), "%s/a.so", place->folder);
    assert_true(seal_path(place->seal, sizeof(place->seal), place->plugin));
    place->keys.path = "trusted.pub";
    assert_true(sign_keys_read(BEGIN OTHER_BODY END BEGIN KEY_BODY END,
                               strlen(BEGIN OTHER_BODY END BEGIN KEY_BODY END), &place->keys,
                               NULL));
}

static void close_place(const struct place *place) {
    unlink(place->seal);
    assert_int_equal(rmdir(place->folder), 0);
}

static void put(const struct place *place, const char *text, size_t length) {
    assert_true(file_write(place->seal, text, length, NULL));
}

/* wrong: within the refusal. */
static void refused(const struct place *place, const char *bytes, size_t length,
                    const char *wrong) {
    char signer[SIGN_FINGERPRINT_BYTES] = "?";
    struct err err = {0};
    assert_false(verify_signed(place->plugin, bytes, length, &place->keys, signer, &err));
    assert_string_equal(signer, "");
    assert_int_equal(err.code, ERR_PLUGIN);
    if (strstr(err.text, wrong) == NULL) {
        fail_msg("%s", err.text);
    }
}

static void bytes_are_judged_by_the_signature_beside_their_file(void **state) {
    struct place place = {0};
    char signer[SIGN_FINGERPRINT_BYTES];
    char large[SEAL_FILE_MAX + 2];
    static const char good[] = FIRST SECOND THIRD;
    open_place(&place);
    refused(&place, plugin_bytes, PLUGIN_LENGTH,
            "it is not signed: there is no a.so.sig beside it; trusted (trusted.pub): "
            "43d474ec07e5c20a085789d9193311c0, " FINGERPRINT "; next: drey sign KEY /tmp/");
    put(&place, good, strlen(good));
    assert_true(
        verify_signed(place.plugin, plugin_bytes, PLUGIN_LENGTH, &place.keys, signer, NULL));
    assert_string_equal(signer, FINGERPRINT);
    refused(&place, plugin_bytes, PLUGIN_LENGTH - 1, "is not for these bytes");
    place.keys.count = 1;
    refused(&place, plugin_bytes, PLUGIN_LENGTH,
            "it is signed with the key " FINGERPRINT ", which is not trusted; trusted "
            "(trusted.pub): 43d474ec07e5c20a085789d9193311c0; next: drey sign");
    place.keys.count = 2;
    put(&place, good, strlen(good) - 1);
    refused(&place, plugin_bytes, PLUGIN_LENGTH, "a.so.sig: line 3: is not");
    memset(large, '\n', sizeof(large));
    memcpy(large, good, strlen(good));
    put(&place, large, SEAL_FILE_MAX);
    refused(&place, plugin_bytes, PLUGIN_LENGTH, "bytes follow behind its third line");
    put(&place, large, sizeof(large));
    refused(&place, plugin_bytes, PLUGIN_LENGTH, "larger than 4096 bytes");
    close_place(&place);
}

/* The fingerprint only says which key to take. */
static void another_key_s_name_does_not_help(void **state) {
    struct place place = {0};
    struct ed25519 *foreign = ed25519_create(NULL);
    struct seal seal;
    struct buf text = {0};
    open_place(&place);
    assert_true(ed25519_sign(foreign, plugin_bytes, PLUGIN_LENGTH, &seal, NULL));
    memcpy(seal.key, FINGERPRINT, sizeof(seal.key));
    assert_true(seal_write(&seal, &text));
    put(&place, text.bytes, text.length);
    refused(&place, plugin_bytes, PLUGIN_LENGTH, "(key " FINGERPRINT ") is not for these bytes");
    buf_finish(&text);
    ed25519_destroy(foreign);
    close_place(&place);
}

static void what_is_no_file_is_refused_at_once(void **state) {
    struct place place = {0};
    char long_name[PATH_MAX];
    char cut[PATH_MAX];
    open_place(&place);
    assert_int_equal(mkfifo(place.seal, 0600), 0);
    refused(&place, plugin_bytes, PLUGIN_LENGTH, "not a regular file");
    assert_int_equal(unlink(place.seal), 0);
    assert_int_equal(mkdir(place.seal, 0700), 0);
    refused(&place, plugin_bytes, PLUGIN_LENGTH, "not a regular file");
    assert_int_equal(rmdir(place.seal), 0);
    assert_int_equal(symlink(place.seal, place.seal), 0);
    refused(&place, plugin_bytes, PLUGIN_LENGTH, "Too many levels of symbolic links");
    memset(long_name, 'x', sizeof(long_name));
    long_name[sizeof(long_name) - 2] = '\0';
    assert_false(seal_path(cut, sizeof(cut), long_name));
    close_place(&place);
}

/* ---- No memory ---- */

static bool keys_with_little(void *arg) {
    struct sign_keys keys = {0};
    struct err err = {0};
    bool ok = sign_keys_read(BEGIN KEY_BODY END, strlen(BEGIN KEY_BODY END), &keys, &err);
    assert_int_equal(err.code, ok ? ERR_NONE : ERR_NO_MEMORY);
    return ok;
}

static bool seal_with_little(void *arg) {
    struct seal seal;
    struct err err = {0};
    bool ok = seal_read(FIRST SECOND THIRD, strlen(FIRST SECOND THIRD), &seal, &err);
    assert_int_equal(err.code, ok ? ERR_NONE : ERR_NO_MEMORY);
    return ok;
}

static bool verify_with_little(void *arg) {
    const struct place *place = arg;
    char signer[SIGN_FINGERPRINT_BYTES];
    struct err err = {0};
    bool ok = verify_signed(place->plugin, plugin_bytes, PLUGIN_LENGTH, &place->keys, signer, &err);
    assert_int_equal(err.code, ok ? ERR_NONE : ERR_NO_MEMORY);
    return ok;
}

static void a_lack_of_memory_is_no_verdict(void **state) {
    struct place place = {0};
    open_place(&place);
    put(&place, FIRST SECOND THIRD, strlen(FIRST SECOND THIRD));
    assert_true(each_fails(keys_with_little, NULL) >= 2);
    assert_true(each_fails(seal_with_little, NULL) >= 1);
    assert_true(each_fails(verify_with_little, &place) >= 3);
    close_place(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_keys_is_read_or_refused_with_its_line),
        cmocka_unit_test(a_key_is_known_by_its_line_and_written_as_it_was_read),
        cmocka_unit_test(too_many_keys_are_refused_and_not_left_out),
        cmocka_unit_test(keys_are_the_same_by_their_bytes_and_order),
        cmocka_unit_test(a_signature_is_read_or_refused_with_its_line),
        cmocka_unit_test(a_signature_cut_anywhere_is_none),
        cmocka_unit_test(a_signature_is_written_as_it_was_read),
        cmocka_unit_test(what_is_signed_is_what_openssl_signs),
        cmocka_unit_test(a_signature_fits_its_bytes_and_key_and_no_others),
        cmocka_unit_test(what_is_no_private_key_is_called_by_its_name),
        cmocka_unit_test(bytes_are_judged_by_the_signature_beside_their_file),
        cmocka_unit_test(another_key_s_name_does_not_help),
        cmocka_unit_test(what_is_no_file_is_refused_at_once),
        cmocka_unit_test(a_lack_of_memory_is_no_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
