// SPDX-License-Identifier: GPL-2.0
// ftd: keeps the modules and pairs of a fault tolerant server.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <systemd/sd-event.h>

#include "ftd/bus/server.hpp"
#include "ftd/common/names.hpp"
#include "ftd/control/system.hpp"
#include "ftd/out/service.hpp"
#include "ftd/version.hpp"

namespace {

int run(const char *config_path) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr); // before the first thread

    sd_event *event = nullptr;
    if (const int error = sd_event_default(&event); error < 0)
        throw std::system_error(-error, std::generic_category(), "event loop");
    const ft::Handle<sd_event, sd_event_unref> owner(event);
    sd_event_add_signal(event, nullptr, SIGTERM, nullptr, nullptr);
    sd_event_add_signal(event, nullptr, SIGINT, nullptr, nullptr);
    sd_event_set_watchdog(event, true);

    ft::System system(event, config_path);
    ft::bus::Server server(event, system);
    system.start([&](const ft::SystemView &before, const ft::SystemView &now) {
        server.published(before, now);
        ft::service::status(now);
    });
    ft::service::ready(system.view());
    const int code = sd_event_loop(event);
    return code < 0 ? EXIT_FAILURE : code;
}

} // namespace

int main(int argc, char **argv) try {
    const std::string_view option = argc > 1 ? argv[1] : "";
    if (argc == 1)
        return run(ft::names::configuration);
    if (option == "--config" && argc == 3)
        return run(argv[2]);
    const bool known = argc == 2 && (option == "--version" || option == "--help");
    std::fprintf(known ? stdout : stderr, "ftd %s\nusage: ftd [--config FILE]\n", ft::version);
    return known ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception &error) {
    std::fprintf(stderr, "ftd: %s\n", error.what());
    return EXIT_FAILURE;
}
