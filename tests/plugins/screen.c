/* plugins/screen.c: the plugin of the tests of the simulator's page: shows one of everything, and
 * tells what a person did with it. "!go" ends what /later has put off. */
#include <drey/drey.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Put off by /later; the only state, and no test reloads it. */
struct screen {
    uint64_t waiting;
};

static void on_choose(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(
        ev,
        drey_write(
            ctx,
            "{'content':'choose','components':["
            "{'type':1,'components':[{'type':3,'custom_id':'pick:nuts','placeholder':'Which nuts',"
            "'min_values':1,'max_values':2,'options':["
            "{'label':'Acorn','value':'acorn','description':'from an oak'},"
            "{'label':'Hazelnut','value':'hazel'},{'label':'Walnut','value':'walnut'}]}]},"
            "{'type':1,'components':[{'type':5,'custom_id':'pick:user'}]},"
            "{'type':1,'components':[{'type':6,'custom_id':'pick:role'}]},"
            "{'type':1,'components':[{'type':7,'custom_id':'pick:both'}]},"
            "{'type':1,'components':[{'type':8,'custom_id':'pick:channel','channel_types':[0]}]}"
            "]}"));
}

static void on_pick(drey_ctx *ctx, const drey_event *ev) {
    char text[512];
    size_t used = (size_t)snprintf(text, sizeof(text), "%s:", drey_str(ev, "data.custom_id"));
    DREY_EACH(ctx, value, drey_get(ev, "data.values")) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, " %s",
                                 drey_json_str(ctx, value, ""));
        used = used < sizeof(text) ? used : sizeof(text) - 1;
    }
    drey_reply_text(ev, text);
}

static void on_card(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(
        ev, drey_write(
                ctx,
                "{'embeds':[{'title':'The drey','description':'In the **fork** of an oak, <t:0:D>',"
                "'color':7174468,'author':{'name':'a squirrel'},'url':'https://example.com/drey',"
                "'fields':[{'name':'Twigs','value':'214','inline':true},"
                "{'name':'Moss','value':'`plenty`','inline':true},"
                "{'name':'Notes','value':'Dry since *Tuesday*'}],'footer':{'text':'kept warm'}}],"
                "'components':[{'type':1,'components':["
                "{'type':2,'style':1,'label':'Gather','custom_id':'press:1'},"
                "{'type':2,'style':2,'label':'Look','custom_id':'press:2'},"
                "{'type':2,'style':3,'label':'Sleep','custom_id':'press:3'},"
                "{'type':2,'style':4,'label':'Flee','custom_id':'press:4'},"
                "{'type':2,'style':5,'label':'Read','url':'https://example.com/'}]}]}"));
}

static void on_press(drey_ctx *ctx, const drey_event *ev) {
    drey_update(ev, drey_write(ctx, "{'content':'pressed %s'}", drey_str(ev, "data.custom_id")));
}

static void on_layout(drey_ctx *ctx, const drey_event *ev) {
    drey_reply(ev,
               drey_write(ctx, "{'flags':32768,'components':[{'type':17,'accent_color':10771484,"
                               "'components':[{'type':10,'content':'## Stores\\nfor the winter'},"
                               "{'type':14},{'type':9,'components':[{'type':10,'content':"
                               "'Acorns: **300**'}],'accessory':{'type':2,'style':2,"
                               "'label':'Count','custom_id':'press:5'}}]}]}"));
}

static void on_survey(drey_ctx *ctx, const drey_event *ev) {
    drey_show_modal(
        ev,
        drey_write(ctx, "{'custom_id':'survey:1','title':'A survey','components':["
                        "{'type':18,'label':'Your name','description':'as others call you',"
                        "'component':{'type':4,'custom_id':'name','style':1}},"
                        "{'type':18,'label':'Season','component':{'type':3,'custom_id':'season',"
                        "'options':[{'label':'Spring','value':'spring'},"
                        "{'label':'Autumn','value':'autumn'}]}}]}"));
}

static void on_surveyed(drey_ctx *ctx, const drey_event *ev) {
    drey_reply_text(ev, drey_option_str(ev, "name"));
}

static void on_later(drey_ctx *ctx, const drey_event *ev) {
    struct screen *screen = ctx->user;
    screen->waiting = ev->id;
    drey_defer(ev, 0);
}

static void on_message(drey_ctx *ctx, const drey_event *ev) {
    const struct screen *screen = ctx->user;
    if (strcmp(drey_str(ev, "content"), "!go") == 0 && screen->waiting != 0) {
        drey_edit(ctx, screen->waiting, "{\"content\":\"thought about it\"}");
    }
}

static void stop(drey_ctx *ctx) {
    free(ctx->user);
}

static int init(drey_ctx *ctx) {
    ctx->user = calloc(1, sizeof(struct screen));
    if (ctx->user == NULL) {
        return DREY_E_NO_MEMORY;
    }
    drey_command(ctx, "{'name':'choose','description':'Every kind of select'}", NULL, on_choose);
    drey_command(ctx, "{'name':'card','description':'An embed and buttons'}", NULL, on_card);
    drey_command(ctx, "{'name':'layout','description':'Components that lay out'}", NULL, on_layout);
    drey_command(ctx, "{'name':'survey','description':'A form with a select'}", NULL, on_survey);
    drey_command(ctx, "{'name':'later','description':'Thinks until told to go'}", NULL, on_later);
    drey_on_interaction(ctx, DREY_COMPONENT, "pick:", NULL, on_pick);
    drey_on_interaction(ctx, DREY_COMPONENT, "press:", NULL, on_press);
    drey_on_interaction(ctx, DREY_MODAL, "survey:", NULL, on_surveyed);
    return drey_on(ctx, DREY_MESSAGE_CREATE, DREY_ANYWHERE | DREY_CONTENT, on_message);
}

DREY_PLUGIN_FULL("screen", "1", init, NULL, stop, NULL, NULL)
