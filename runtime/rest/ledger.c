/* rest/ledger.c: two tables of accounts. */
#include "rest/ledger.h"

#include <assert.h>
#include <stdlib.h>

void ledger_finish(struct ledger *ledger) {
    assert(ledger->owners.count == 0 && ledger->bots.count == 0);
    table_finish(&ledger->owners);
    table_finish(&ledger->bots);
}

static struct ledger_account *find(const struct table *table, uint64_t id) {
    struct table_node *node = table_first(table, table_hash(table, NULL, 0, id));
    while (node != NULL && CONTAINER_OF(node, struct ledger_account, node)->id != id) {
        node = table_next(node);
    }
    return node != NULL ? CONTAINER_OF(node, struct ledger_account, node) : NULL;
}

static struct ledger_account *open_account(struct table *table, uint64_t id) {
    struct ledger_account *account = find(table, id);
    if (account != NULL || !table_reserve(table)) {
        return account;
    }
    account = calloc(1, sizeof(*account));
    if (account != NULL) {
        account->id = id;
        list_init(&account->entries);
        table_insert(table, &account->node, table_hash(table, NULL, 0, id));
    }
    return account;
}

static void close_account(struct table *table, struct ledger_account *account) {
    if (account != NULL && account->calls == 0) {
        table_remove(table, &account->node);
        free(account);
    }
}

static void count(struct ledger_account *account, struct ledger_size size) {
    account->calls++;
    account->size.bytes += size.bytes;
    account->size.files += size.files;
}

static void discount(struct ledger_account *account, struct ledger_size size) {
    account->calls--;
    account->size.bytes -= size.bytes;
    account->size.files -= size.files;
}

static bool has_room(const struct ledger_account *account, const struct ledger_bounds *bounds,
                     struct ledger_size size, const char *who, struct err *err) {
    if (account->calls >= bounds->calls) {
        return err_set(err, ERR_LIMIT, "%s has %zu calls under way, at most %zu are allowed", who,
                       account->calls, bounds->calls);
    }
    if (size.files > 0 && account->size.files + size.files > bounds->files) {
        return err_set(err, ERR_LIMIT,
                       "%s has %zu files open for calls under way, with this one more than the %zu "
                       "that are allowed",
                       who, account->size.files, bounds->files);
    }
    size_t used = account->size.bytes;
    size_t left = used < bounds->bytes ? bounds->bytes - used : 0;
    if (size.bytes > left) {
        return err_set(err, ERR_LIMIT,
                       "%s has %zu bytes of calls under way, with this one more than the %zu that "
                       "are allowed",
                       who, used, bounds->bytes);
    }
    return true;
}

static bool take(struct ledger *ledger, struct ledger_entry *entry, uint32_t bot, uint64_t owner,
                 struct ledger_size size, bool bounded, struct err *err) {
    struct ledger_account *of_owner = open_account(&ledger->owners, owner);
    struct ledger_account *of_bot = open_account(&ledger->bots, bot);
    bool ok = of_owner != NULL && of_bot != NULL;
    if (!ok) {
        err_set(err, ERR_NO_MEMORY, "no memory for the call");
    }
    ok = ok && (!bounded || (has_room(of_owner, &ledger->owner_bounds, size, "this plugin", err) &&
                             has_room(of_bot, &ledger->bot_bounds, size, "this bot", err)));
    if (!ok) {
        close_account(&ledger->owners, of_owner);
        close_account(&ledger->bots, of_bot);
        return false;
    }
    *entry = (struct ledger_entry){.owner = of_owner, .bot = of_bot, .size = size};
    count(of_owner, size);
    count(of_bot, size);
    list_append(&of_owner->entries, &entry->of_owner);
    return true;
}

bool ledger_take(struct ledger *ledger, struct ledger_entry *entry, uint32_t bot, uint64_t owner,
                 struct ledger_size size, struct err *err) {
    return take(ledger, entry, bot, owner, size, true, err);
}

bool ledger_take_always(struct ledger *ledger, struct ledger_entry *entry, uint32_t bot,
                        uint64_t owner, struct ledger_size size, struct err *err) {
    return take(ledger, entry, bot, owner, size, false, err);
}

void ledger_give(struct ledger *ledger, struct ledger_entry *entry) {
    list_remove(&entry->of_owner);
    discount(entry->owner, entry->size);
    discount(entry->bot, entry->size);
    close_account(&ledger->owners, entry->owner);
    close_account(&ledger->bots, entry->bot);
    *entry = (struct ledger_entry){0};
}

struct ledger_account *ledger_owner(const struct ledger *ledger, uint64_t owner) {
    return find(&ledger->owners, owner);
}
