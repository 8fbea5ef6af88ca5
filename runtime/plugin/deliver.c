/* plugin/deliver.c: from a record of the ring to the plugin's handlers. The record and its
 * message may be anybody's bytes: every span is checked. */
#include "plugin/instance.h"

#include "base/text.h"

#include <string.h>

static uint16_t place_of(const struct ring_record *record) {
    if (record->kind != RING_EVENT) {
        return INSTANCE_GAP;
    }
    return record->event <= EVENT_COUNT ? record->event : 0;
}

bool instance_wants(const struct instance *instance, const struct ring_record *record) {
    return instance->wanted[place_of(record)];
}

/* Events about a guild, channel or thread carry its id as `id` alone. */
static void complete_ids(drey_event *event) {
    switch (event->event) {
    case EVENT_GUILD_CREATE:
    case EVENT_GUILD_UPDATE:
    case EVENT_GUILD_DELETE:
        event->guild_id = event->id;
        break;
    case EVENT_CHANNEL_CREATE:
    case EVENT_CHANNEL_UPDATE:
    case EVENT_CHANNEL_DELETE:
    case EVENT_THREAD_CREATE:
    case EVENT_THREAD_UPDATE:
    case EVENT_THREAD_DELETE:
        event->channel_id = event->id;
        break;
    case EVENT_USER_UPDATE:
        event->user_id = event->id;
        break;
    default:
        break;
    }
}

static void decode(struct instance *instance, const struct ring_record *record,
                   const uint8_t *message, drey_event *event) {
    struct path_ids ids;
    if (record->d_length == 0 || record->d_offset > record->length ||
        record->d_length > record->length - record->d_offset) {
        return;
    }
    event->raw = (const char *)message + record->d_offset;
    event->raw_size = record->d_length;
    instance->document = (struct path_text){event->raw, record->d_length};
    struct path_value root = path_whole(instance->document);
    path_ids(instance->document, root, &ids);
    event->id = ids.id;
    event->guild_id = ids.guild_id;
    event->channel_id = ids.channel_id;
    event->user_id = ids.user_id;
    event->d = instance_json(instance, root);
    complete_ids(event);
}

/* The name of an event that is not in the table, from the message. */
static const char *unknown_name(struct instance *instance, const struct ring_record *record,
                                const uint8_t *message) {
    if (record->t_offset > record->length || record->t_length > record->length - record->t_offset) {
        return "";
    }
    char *name = arena_take(&instance->arena, (size_t)record->t_length * 3 + 1);
    if (name == NULL) {
        return "";
    }
    path_decode((const char *)message + record->t_offset, record->t_length, name);
    return name;
}

static void call(struct instance *instance, uint16_t index, const drey_event *event) {
    while (index != INSTANCE_NONE) {
        const struct handler *handler = &instance->handlers[index];
        uint32_t scope = event->guild_id != 0 ? DREY_GUILD : DREY_DM;
        bool named = event->event != 0 || strcmp(handler->name, event->name) == 0 ||
                     strcmp(handler->name, DREY_ALL) == 0;
        if (named && (!handler->by_scope || (handler->flags & scope) != 0)) {
            handler->fn(&instance->ctx, event);
        }
        index = handler->next;
    }
}

static void tell_handling(struct instance *instance, const struct route *route,
                          const drey_event *event, const char *title) {
    struct path_text text = instance->document;
    struct path_value root = path_root(text);
    uint64_t type = (uint64_t)path_int(text, path_find(text, root, "type")) & 0xff;
    uint64_t on_message = path_find(text, root, "message").kind == PATH_OBJECT;
    struct port_message head = {.kind = PORT_HANDLING,
                                .number = event->id,
                                .extra = event->received_ms,
                                .more = on_message << 40 | type << 32 | route->rules.flags,
                                .name_length = (uint32_t)strlen(title)};
    (void)instance_ask(instance, &head, title, "");
}

static void tell_handled(struct instance *instance, uint64_t id) {
    struct port_message head = {.kind = PORT_HANDLED, .number = id};
    (void)instance_ask(instance, &head, "", "");
}

/* The function that an interaction is for, if it is one of this plugin's. The host knows in time:
 * it watches the three seconds. */
static void call_route(struct instance *instance, const drey_event *event) {
    char title[512];
    const struct route *route =
        instance->route_count > 0 ? instance_route(instance, title, sizeof(title)) : NULL;
    if (route != NULL) {
        tell_handling(instance, route, event, title);
        if (instance_may_use(instance, route, event)) {
            route->fn(&instance->ctx, event);
        }
        tell_handled(instance, event->id);
    }
}

static void describe_gap(const struct ring_record *record, drey_event *event) {
    event->name = DREY_GAP;
    event->gap_reason = record->reason;
    event->gap_from = record->kind == RING_STUB ? record->seq : record->gap_from;
    event->gap_to = record->seq;
}

void instance_event(struct instance *instance, const struct ring_record *record,
                    const uint8_t *message, uint32_t attempt) {
    uint16_t place = place_of(record);
    drey_event event = {.size = sizeof(event),
                        .event = place < INSTANCE_GAP ? place : 0,
                        .ctx = &instance->ctx,
                        .seq = record->seq,
                        .received_ms = record->received_ms,
                        .offset = record->offset,
                        .shard = record->shard,
                        .attempt = attempt,
                        .raw = ""};
    instance_enter(instance, PHASE_HANDLER);
    instance->attempt = attempt;
    if (place == INSTANCE_GAP) {
        describe_gap(record, &event);
    } else {
        decode(instance, record, message, &event);
        event.name = place != 0 ? event_name(place) : unknown_name(instance, record, message);
    }
    if (place == EVENT_INTERACTION_CREATE) {
        call_route(instance, &event);
    }
    call(instance, instance->first[place], &event);
    call(instance, instance->first_all, &event);
    instance_leave(instance);
}
