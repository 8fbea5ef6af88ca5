/* sim/chat.c: a chat on a terminal. Pure. */
#include "sim/chat.h"

#include "base/text.h"
#include "sim/components.h"

#include <stdio.h>
#include <string.h>

/* Text of strangers: line breaks become indented lines, what may not be shown an escape. */
static bool shown(struct buf *out, const char *text, const char *indent) {
    size_t length = strlen(text);
    bool fine = true;
    for (size_t i = 0; i < length && fine;) {
        size_t width = text_shown_width(text + i, length - i);
        if (text[i] == '\n') {
            fine = buf_text(out, "\n") && buf_text(out, indent);
        } else if (width > 0) {
            fine = buf_append(out, text + i, width);
        } else {
            fine = buf_printf(out, "\\x%02x", (unsigned char)text[i]);
        }
        i += width > 0 ? width : 1;
    }
    return fine;
}

static const char *text_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}

static bool line(struct buf *out, const char *before, const char *text) {
    char indent[16];
    if (text[0] == '\0') {
        return true;
    }
    snprintf(indent, sizeof(indent), "%.12s", before);
    return buf_text(out, before) && shown(out, text, indent) && buf_text(out, "\n");
}

static bool embed(struct buf *out, const cJSON *object) {
    const cJSON *field;
    bool fine = line(out, "  | ", text_of(cJSON_GetObjectItem(object, "author"), "name")) &&
                line(out, "  | # ", text_of(object, "title")) &&
                line(out, "  | ", text_of(object, "description"));
    cJSON_ArrayForEach(field, cJSON_GetObjectItemCaseSensitive(object, "fields")) {
        fine = fine && buf_text(out, "  | ") && shown(out, text_of(field, "name"), "  | ") &&
               buf_text(out, ": ") && shown(out, text_of(field, "value"), "  |   ") &&
               buf_text(out, "\n");
    }
    return fine && line(out, "  | image ", text_of(cJSON_GetObjectItem(object, "image"), "url")) &&
           line(out, "  | -- ", text_of(cJSON_GetObjectItem(object, "footer"), "text"));
}

static bool button(struct buf *out, const cJSON *object) {
    const char *label = text_of(object, "label");
    const char *emoji = text_of(cJSON_GetObjectItemCaseSensitive(object, "emoji"), "name");
    const char *id = text_of(object, "custom_id");
    bool off = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "disabled"));
    return buf_text(out, off ? "  (" : "  [") && shown(out, emoji, "") &&
           buf_text(out, emoji[0] != '\0' && label[0] != '\0' ? " " : "") &&
           shown(out, label, "") && buf_text(out, off ? ")" : "]") && buf_text(out, " <") &&
           shown(out, id[0] != '\0' ? id : text_of(object, "url"), "") && buf_text(out, ">");
}

static bool select(struct buf *out, const cJSON *object) {
    const cJSON *option;
    bool fine = buf_text(out, "  {") && shown(out, text_of(object, "placeholder"), "") &&
                buf_text(out, "} <") && shown(out, text_of(object, "custom_id"), "") &&
                buf_text(out, ">");
    cJSON_ArrayForEach(option, cJSON_GetObjectItemCaseSensitive(object, "options")) {
        fine = fine && buf_text(out, "\n    - ") && shown(out, text_of(option, "label"), "") &&
               buf_text(out, " <") && shown(out, text_of(option, "value"), "") &&
               buf_text(out, ">");
    }
    return fine;
}

static bool components(struct buf *out, const cJSON *list) {
    const cJSON *item;
    bool fine = true;
    cJSON_ArrayForEach(item, list) {
        int type = sim_component_type(item);
        if (type == SIM_ACTION_ROW) {
            fine = fine && components(out, cJSON_GetObjectItemCaseSensitive(item, "components")) &&
                   buf_text(out, "\n");
        } else if (type == SIM_BUTTON) {
            fine = fine && button(out, item);
        } else if (type == SIM_TEXT_DISPLAY) {
            fine = fine && line(out, "  ", text_of(item, "content"));
        } else if (cJSON_HasObjectItem(item, "components")) {
            fine = fine && components(out, cJSON_GetObjectItemCaseSensitive(item, "components"));
        } else if (cJSON_HasObjectItem(item, "custom_id")) {
            fine = fine && select(out, item);
        }
    }
    return fine;
}

static bool extras(struct buf *out, const cJSON *message) {
    const cJSON *item;
    bool fine = true;
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(message, "attachments")) {
        const cJSON *size = cJSON_GetObjectItemCaseSensitive(item, "size");
        fine = fine && buf_text(out, "  file ") && shown(out, text_of(item, "filename"), "") &&
               buf_printf(out, " (%.0f bytes) ", cJSON_IsNumber(size) ? size->valuedouble : 0.0) &&
               shown(out, text_of(item, "url"), "") && buf_text(out, "\n");
    }
    const cJSON *reactions = cJSON_GetObjectItemCaseSensitive(message, "reactions");
    if (cJSON_GetArraySize(reactions) > 0) {
        fine = fine && buf_text(out, "  reactions");
        cJSON_ArrayForEach(item, reactions) {
            const cJSON *count = cJSON_GetObjectItemCaseSensitive(item, "count");
            fine = fine && buf_text(out, " ") &&
                   shown(out, text_of(cJSON_GetObjectItem(item, "emoji"), "name"), "") &&
                   buf_printf(out, " %d", cJSON_IsNumber(count) ? count->valueint : 0);
        }
        fine = fine && buf_text(out, "\n");
    }
    return fine;
}

bool sim_chat_message(struct buf *out, const cJSON *message, const char *ephemeral_to) {
    const cJSON *author = cJSON_GetObjectItemCaseSensitive(message, "author");
    const cJSON *flags = cJSON_GetObjectItemCaseSensitive(message, "flags");
    const cJSON *item;
    const char *time = strchr(text_of(message, "timestamp"), 'T');
    char clock[9]; /* 12:34:56 */
    bool loading = cJSON_IsNumber(flags) && (flags->valueint & 128) != 0;
    bool edited = cJSON_IsString(cJSON_GetObjectItemCaseSensitive(message, "edited_timestamp"));
    snprintf(clock, sizeof(clock), "%s", time != NULL ? time + 1 : "");
    bool fine =
        shown(out, text_of(author, "username"), "") &&
        buf_text(out,
                 cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(author, "bot")) ? " [bot]" : "") &&
        buf_text(out, "  ") && shown(out, clock, "") && buf_text(out, edited ? " (edited)" : "") &&
        buf_text(out, cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(message, "pinned"))
                          ? " (pinned)"
                          : "");
    if (ephemeral_to != NULL) {
        fine = fine && buf_text(out, " (ephemeral: only ") && shown(out, ephemeral_to, "") &&
               buf_text(out, " sees this)");
    }
    fine = fine && buf_text(out, "  ") && shown(out, text_of(message, "id"), "") &&
           buf_text(out, "\n");
    const cJSON *replied = cJSON_GetObjectItemCaseSensitive(message, "referenced_message");
    if (cJSON_IsObject(replied)) {
        fine = fine && buf_text(out, "  > ") &&
               shown(out, text_of(cJSON_GetObjectItem(replied, "author"), "username"), "") &&
               line(out, ": ", text_of(replied, "content"));
    }
    fine = fine && line(out, "  ", loading ? "... is thinking" : text_of(message, "content"));
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(message, "embeds")) {
        fine = fine && embed(out, item);
    }
    return fine && components(out, cJSON_GetObjectItemCaseSensitive(message, "components")) &&
           extras(out, message);
}

static bool inputs(struct buf *out, const cJSON *list) {
    const cJSON *item;
    bool fine = true;
    cJSON_ArrayForEach(item, list) {
        const cJSON *below = cJSON_GetObjectItemCaseSensitive(item, "component");
        if (below != NULL) {
            fine = fine && line(out, "  ", text_of(item, "label")) && buf_text(out, "   ") &&
                   select(out, below) && buf_text(out, "\n");
        } else if (cJSON_HasObjectItem(item, "components")) {
            fine = fine && inputs(out, cJSON_GetObjectItemCaseSensitive(item, "components"));
        } else if (cJSON_HasObjectItem(item, "custom_id")) {
            fine = fine && buf_text(out, "  ") && shown(out, text_of(item, "label"), "") &&
                   buf_text(out, ": ") && shown(out, text_of(item, "value"), "    ") &&
                   buf_text(out, " <") && shown(out, text_of(item, "custom_id"), "") &&
                   buf_text(out, ">\n");
        }
    }
    return fine;
}

bool sim_chat_modal(struct buf *out, const cJSON *modal) {
    return buf_text(out, "modal: ") && shown(out, text_of(modal, "title"), "") &&
           buf_text(out, " <") && shown(out, text_of(modal, "custom_id"), "") &&
           buf_text(out, ">\n") &&
           inputs(out, cJSON_GetObjectItemCaseSensitive(modal, "components"));
}

bool sim_chat_choices(struct buf *out, const cJSON *choices) {
    const cJSON *item;
    bool fine = true;
    cJSON_ArrayForEach(item, choices) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(item, "value");
        fine = fine && buf_text(out, "- ") && shown(out, text_of(item, "name"), "");
        if (cJSON_IsNumber(value)) {
            fine = fine && buf_printf(out, " <%g>\n", value->valuedouble);
        } else {
            fine = fine && buf_text(out, " <") && shown(out, text_of(item, "value"), "") &&
                   buf_text(out, ">\n");
        }
    }
    return fine && (cJSON_GetArraySize(choices) > 0 || buf_text(out, "no choices\n"));
}
