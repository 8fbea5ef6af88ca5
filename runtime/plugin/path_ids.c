/* plugin/path_ids.c: the snowflakes in an event's `d`, which every delivered event is searched for.
 * The text is looked at 64 bytes at a time: strings and brackets are bits, so what lies in nested
 * objects that nobody asks for costs little more than counting its brackets. */
#include "plugin/path.h"

#include "gateway/jsonblock.h"

#include <string.h>

/* What an object is, as far as ids are wanted from it. */
enum role { ROLE_OTHER, ROLE_TOP, ROLE_PERSON, ROLE_MEMBER, ROLE_MEMBER_USER };

enum { DEPTHS = 3, NAME_MAX = 10, ESCAPED_MAX = 6 * NAME_MAX };

struct finder {
    struct path_text text;
    struct path_ids *ids;
    uint64_t person; /* of `author` or `user` */
    uint64_t member; /* of `member.user` */
    bool person_found;
    bool member_found;
    bool user_found;           /* `member` has a `user`: the first one counts */
    uint32_t depth;            /* of brackets */
    uint8_t roles[DEPTHS + 1]; /* of the open objects, by depth */
    uint8_t next;              /* of the object that opens next */
};

struct name {
    char text[NAME_MAX + 1];
    uint8_t length;
    uint8_t within; /* enum role */
    uint8_t opens;  /* enum role of an object that stands there */
};

static const struct name names[] = {
    {"id", 2, ROLE_TOP, 0},
    {"guild_id", 8, ROLE_TOP, 0},
    {"channel_id", 10, ROLE_TOP, 0},
    {"user_id", 7, ROLE_TOP, 0},
    {"author", 6, ROLE_TOP, ROLE_PERSON},
    {"user", 4, ROLE_TOP, ROLE_PERSON},
    {"member", 6, ROLE_TOP, ROLE_MEMBER},
    {"id", 2, ROLE_PERSON, 0},
    {"user", 4, ROLE_MEMBER, ROLE_MEMBER_USER},
    {"id", 2, ROLE_MEMBER_USER, 0},
};
/* Their places. */
enum { ID, GUILD_ID, CHANNEL_ID, USER_ID, AUTHOR, USER, MEMBER, PERSON_ID, MEMBER_USER, MEMBER_ID };

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint32_t skip_blanks(struct path_text text, uint32_t at) {
    while (at < text.length && is_blank(text.bytes[at])) {
        at++;
    }
    return at;
}

/* Whether the string that opens at `at` is this name; *end: behind its closing quote. One with
 * escapes is decoded. */
static bool is_name(struct path_text text, uint32_t at, const struct name *name, uint32_t *end) {
    const char *inside = text.bytes + at + 1;
    uint32_t left = text.length - at - 1;
    if (left > name->length && inside[name->length] == '"' &&
        memcmp(inside, name->text, name->length) == 0) {
        *end = at + name->length + 2;
        return true;
    }
    uint32_t plain = 0; /* bytes as they are in the name, up to the first escape */
    while (plain < name->length && plain < left && inside[plain] == name->text[plain]) {
        plain++;
    }
    if (plain >= left || inside[plain] != '\\') {
        return false;
    }
    char decoded[3 * ESCAPED_MAX + 1];
    uint32_t bytes = 0;
    while (bytes < left && bytes <= ESCAPED_MAX && inside[bytes] != '"') {
        bytes += inside[bytes] == '\\' ? 2 : 1;
    }
    if (bytes >= left || bytes > ESCAPED_MAX ||
        path_decode(inside, bytes, decoded) != name->length ||
        memcmp(decoded, name->text, name->length) != 0) {
        return false;
    }
    *end = at + bytes + 2;
    return true;
}

/* The first one counts within an object, as path_find() has it; of the top's the last. */
static void first_of(bool *found, uint64_t *to, uint64_t value) {
    *to = *found ? *to : value;
    *found = true;
}

static void take(struct finder *finder, size_t which, uint32_t at) {
    struct path_text text = finder->text;
    bool opens = at < text.length && text.bytes[at] == '{';
    uint64_t value = opens ? 0 : path_id(text, path_scalar(text, at));
    finder->next = opens ? names[which].opens : ROLE_OTHER;
    switch (which) {
    case ID:
        finder->ids->id = value;
        break;
    case GUILD_ID:
        finder->ids->guild_id = value;
        break;
    case CHANNEL_ID:
        finder->ids->channel_id = value;
        break;
    case USER_ID:
        finder->ids->user_id = value;
        break;
    case AUTHOR:
    case USER:
        finder->person = 0;
        finder->person_found = false;
        break;
    case MEMBER:
        finder->member = 0;
        finder->member_found = false;
        finder->user_found = false;
        break;
    case PERSON_ID:
        first_of(&finder->person_found, &finder->person, value);
        break;
    case MEMBER_USER:
        finder->next = finder->user_found ? ROLE_OTHER : finder->next;
        finder->user_found = true;
        break;
    default:
        first_of(&finder->member_found, &finder->member, value);
        break;
    }
}

/* A string opens at `at`, in an object that is looked at. What a colon follows is a name. */
static void look(struct finder *finder, uint32_t at, uint8_t role) {
    char first = at + 1 < finder->text.length ? finder->text.bytes[at + 1] : '"';
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint32_t end = 0;
        if (names[i].within != role || (first != names[i].text[0] && first != '\\') ||
            !is_name(finder->text, at, &names[i], &end)) {
            continue;
        }
        end = skip_blanks(finder->text, end);
        if (end < finder->text.length && finder->text.bytes[end] == ':') {
            take(finder, i, skip_blanks(finder->text, end + 1));
        }
        return;
    }
}

static void open_bracket(struct finder *finder, char c) {
    uint8_t role = finder->depth == 0 ? ROLE_TOP : c == '{' ? finder->next : ROLE_OTHER;
    finder->depth++;
    if (finder->depth <= DEPTHS) {
        finder->roles[finder->depth] = role;
    }
    finder->next = ROLE_OTHER;
}

static uint8_t role_here(const struct finder *finder) {
    return finder->depth <= DEPTHS ? finder->roles[finder->depth] : ROLE_OTHER;
}

/* strings: where they open. False: the object has ended. */
static bool take_block(struct finder *finder, uint32_t base, uint64_t brackets, uint64_t strings) {
    uint64_t wanted = role_here(finder) != ROLE_OTHER ? brackets | strings : brackets;
    while (wanted != 0) {
        unsigned i = (unsigned)__builtin_ctzll(wanted);
        uint64_t behind = ~(uint64_t)1 << i;
        char c = finder->text.bytes[base + i];
        if (c == '"') {
            look(finder, base + i, role_here(finder));
            wanted &= behind;
            continue;
        }
        if (c == '{' || c == '[') {
            open_bracket(finder, c);
        } else if (--finder->depth == 0) {
            return false;
        }
        wanted = (role_here(finder) != ROLE_OTHER ? brackets | strings : brackets) & behind;
    }
    return true;
}

void path_ids(struct path_text text, struct path_value d, struct path_ids *ids) {
    struct finder finder = {.text = text, .ids = ids};
    struct json_carry carry = {0};
    struct json_block blocks[JSON_BATCH];
    uint8_t last[JSON_BLOCK] = {0}; /* the end of the text, so that nothing is read behind it */
    uint64_t before = 0;            /* whether the byte before this block is in a string */
    bool more = d.kind == PATH_OBJECT && d.start < d.end && d.end <= text.length;
    json_blocks_fn *read = json_blocks_best();
    *ids = (struct path_ids){0};
    for (uint32_t at = d.start; more && at < d.end;) {
        uint32_t left = d.end - at;
        uint32_t count = left / JSON_BLOCK < JSON_BATCH ? left / JSON_BLOCK : JSON_BATCH;
        const uint8_t *bytes = (const uint8_t *)text.bytes + at;
        if (count == 0) {
            memcpy(last, bytes, left);
            bytes = last;
            count = 1;
        }
        read(bytes, count, &carry, blocks);
        for (uint32_t i = 0; more && i < count; i++, at += JSON_BLOCK) {
            uint64_t inside = blocks[i].in_string;
            more = take_block(&finder, at, blocks[i].brackets, inside & ~(inside << 1 | before));
            before = inside >> 63;
        }
    }
    if (ids->user_id == 0) {
        ids->user_id = finder.person != 0 ? finder.person : finder.member;
    }
}
