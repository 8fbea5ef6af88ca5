/* bot/desks.c: a short list under a lock that many may hold at once. */
#include "bot/desks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct place {
    struct place *next;
    struct desk *desk;
    char name[];
};

struct desks {
    pthread_rwlock_t lock;
    struct place *places;
};

struct desks *desks_create(struct err *err) {
    struct desks *desks = calloc(1, sizeof(*desks));
    if (desks == NULL) {
        err_set(err, ERR_NO_MEMORY, "desks");
        return NULL;
    }
    pthread_rwlock_init(&desks->lock, NULL);
    return desks;
}

void desks_destroy(struct desks *desks) {
    if (desks == NULL) {
        return;
    }
    while (desks->places != NULL) {
        struct place *place = desks->places;
        desks->places = place->next;
        free(place);
    }
    pthread_rwlock_destroy(&desks->lock);
    free(desks);
}

bool desks_add(struct desks *desks, const char *name, struct desk *desk, struct err *err) {
    size_t size = strlen(name) + 1;
    struct place *place = calloc(1, sizeof(*place) + size);
    if (place == NULL) {
        return err_set(err, ERR_NO_MEMORY, "bot %s", name);
    }
    memcpy(place->name, name, size);
    place->desk = desk;
    pthread_rwlock_wrlock(&desks->lock);
    place->next = desks->places;
    desks->places = place;
    pthread_rwlock_unlock(&desks->lock);
    return true;
}

void desks_remove(struct desks *desks, const struct desk *desk) {
    pthread_rwlock_wrlock(&desks->lock);
    struct place **link = &desks->places;
    while (*link != NULL && (*link)->desk != desk) {
        link = &(*link)->next;
    }
    struct place *gone = *link;
    if (gone != NULL) {
        *link = gone->next;
        free(gone);
    }
    pthread_rwlock_unlock(&desks->lock);
}

/* With the lock held. A bot of a name that is used again comes first. */
static struct desk *find(const struct desks *desks, const char *name) {
    for (const struct place *place = desks->places; place != NULL; place = place->next) {
        if (strcmp(place->name, name) == 0) {
            return place->desk;
        }
    }
    return NULL;
}

bool desks_take(struct desks *desks, const struct plugins_asker *asker,
                const struct port_message *head, const char *name, const void *data) {
    pthread_rwlock_rdlock(&desks->lock);
    struct desk *desk = find(desks, asker->bot);
    bool taken = desk != NULL && desk_take(desk, asker, head, name, data);
    pthread_rwlock_unlock(&desks->lock);
    return taken;
}

bool desks_declare(struct desks *desks, const struct plugins_asker *asker, const void *rows,
                   size_t length, bool check, struct err *err) {
    pthread_rwlock_rdlock(&desks->lock);
    struct desk *desk = find(desks, asker->bot);
    bool ok =
        desk == NULL || (check ? desk_check(desk, asker->plugin, rows, length, err)
                               : desk_declare(desk, asker->plugin, asker->seat, rows, length, err));
    pthread_rwlock_unlock(&desks->lock);
    return ok;
}
