/* echo-cpp/echo.cpp: /echo says it again, in C++17 over the same header.
 *
 *     [plugin:echo-cpp]
 *     before = 🔊                     ; stands before each line; may be left out
 *
 * The host is C: an exception that left a handler would end it. So one template stands at the
 * border and turns exceptions into answers; behind it the code throws as it likes. What the plugin
 * owns hangs at ctx->user and goes in stop: a static with a destructor would keep the old code in
 * memory after a reload, and would be shared by nobody but itself. */
#include <drey/drey.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace {

/* What one instance owns; each bot has its own. */
struct echo {
    std::string before;
};

/* Something that the user can mend, told to the user alone. */
struct user_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* The border. Whatever else is thrown is told in the log, and to the user as a reference to it. */
template <void (*handler)(const echo &, const drey_event *)>
void guarded(drey_ctx *ctx, const drey_event *ev) noexcept {
    try {
        handler(*static_cast<const echo *>(ctx->user), ev);
    } catch (const user_error &error) {
        drey_whisper(ev, error.what());
    } catch (const std::exception &error) {
        drey_fail(ev, error.what());
    } catch (...) {
        drey_fail(ev, "an exception that is no std::exception");
    }
}

void on_echo(const echo &self, const drey_event *ev) {
    const std::string text = drey_option_str(ev, "text"); /* a copy; the original goes with ev */
    std::string out;
    for (std::int64_t left = drey_option_int(ev, "times"); left > 0; left--) {
        out += self.before + text + '\n';
    }
    if (out.size() > 2000) {
        throw user_error("That echo would be too long.");
    }
    drey_reply(
        ev, drey_write(ev->ctx, "{'content': %s, 'allowed_mentions': {'parse': []}}", out.c_str()));
}

std::int32_t init(drey_ctx *ctx) noexcept {
    try {
        const char *before = drey_config(ctx, "before");
        ctx->user = new echo{before != nullptr ? std::string(before) + ' ' : ""};
    } catch (const std::exception &error) {
        drey_error(ctx, "%s", error.what());
        return DREY_E_FAIL;
    }
    return drey_command(ctx,
                        "{'name': 'echo', 'description': 'Says it again', 'options': ["
                        "{'type': 3, 'name': 'text', 'description': 'What', 'required': true},"
                        "{'type': 4, 'name': 'times', 'description': 'How often',"
                        " 'required': true, 'min_value': 1, 'max_value': 100}]}",
                        nullptr, guarded<on_echo>);
}

void stop(drey_ctx *ctx) noexcept {
    delete static_cast<echo *>(ctx->user);
    ctx->user = nullptr;
}

} // namespace

DREY_PLUGIN_FULL("echo-cpp", "1.0.0", init, nullptr, stop, nullptr, nullptr)
