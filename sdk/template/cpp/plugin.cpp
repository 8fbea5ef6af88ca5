/* cpp/plugin.cpp: @NAME@: answers /@COMMAND@, and counts who asks. */
#include <drey/drey.h>

#include <cstdint>
#include <map>
#include <string>

namespace {

/* What one instance knows; each bot has its own. An exception must not leave a handler: the host is C. */
struct memory {
    std::map<std::uint64_t, int> asked;
};

void on_command(drey_ctx *ctx, const drey_event *ev) {
    auto *known = static_cast<memory *>(ctx->user);
    const int times = ++known->asked[ev->user_id];
    const std::string text = "Hello, <@" + std::to_string(ev->user_id) + ">! That was " +
                             std::to_string(times) + (times == 1 ? " time." : " times.");
    drey_reply_text(ev, text.c_str());
}

std::int32_t init(drey_ctx *ctx) {
    ctx->user = new memory();
    return drey_command(ctx, "{'name': '@COMMAND@', 'description': 'Says hello'}", nullptr, on_command);
}

void stop(drey_ctx *ctx) {
    delete static_cast<memory *>(ctx->user);
}

} // namespace

DREY_PLUGIN_FULL("@NAME@", "0.1.0", init, nullptr, stop, nullptr, nullptr)
