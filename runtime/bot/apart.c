/* bot/apart.c: keys of a plugin's sections become a struct isolation. */
#include "bot/apart.h"

#include <string.h>

void apart_isolation(const struct config *config, const char *plugin, const char *bot,
                     struct isolation *out) {
    static const enum isolation_sandbox sandboxes[] = {
        [CONFIG_SANDBOX_AUTO] = ISOLATION_AUTO,
        [CONFIG_SANDBOX_REQUIRE] = ISOLATION_REQUIRE,
        [CONFIG_SANDBOX_OFF] = ISOLATION_OFF,
    };
    struct config_apart apart;
    if (config != NULL) {
        config_plugin_apart(config, plugin, bot, &apart);
    } else {
        config_apart_standard(&apart);
    }
    *out = (struct isolation){.process = apart.isolation == CONFIG_ISOLATION_PROCESS,
                              .sandbox = sandboxes[apart.sandbox],
                              .network = apart.network,
                              .memory_bytes = apart.memory_bytes,
                              .cpu_ms = apart.cpu_ms,
                              .files = apart.files,
                              .handler_timeout_ms = apart.handler_timeout_ms,
                              .crash_limit = apart.crash_limit,
                              .crash_wait_ms = apart.crash_wait_ms,
                              .read = apart.read.texts,
                              .read_count = apart.read.count,
                              .write = apart.write.texts,
                              .write_count = apart.write.count};
    _Static_assert(sizeof(out->connect) == sizeof(apart.connect.ports), "as many ports");
    out->connect_count = apart.connect.count;
    memcpy(out->connect, apart.connect.ports, sizeof(out->connect));
}
