// SPDX-License-Identifier: GPL-2.0
// ftd: keeps the modules and pairs of a fault tolerant server.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <systemd/sd-event.h>

#include "ftd/bus/describe.hpp"
#include "ftd/bus/server.hpp"
#include "ftd/common/error.hpp"
#include "ftd/common/names.hpp"
#include "ftd/control/config_file.hpp"
#include "ftd/control/system.hpp"
#include "ftd/out/service.hpp"
#include "ftd/version.hpp"

namespace {

int run(const ft::Paths &paths) {
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

    ft::System system(event, paths);
    ft::bus::Server server(event, system);
    system.start([&](const ft::SystemView &before, const ft::SystemView &now) {
        server.published(before, now);
        ft::service::status(now);
    });
    server.when_answering([&] { ft::service::ready(system.view()); });
    const int code = sd_event_loop(event);
    system.stop();
    return code < 0 ? EXIT_FAILURE : code;
}

// Without touching anything: whether `path` would be accepted.
int check(const char *path) {
    const auto text = ft::config_file::read(path);
    if (!text)
        throw ft::refused(std::string(path) + " is not there; \"ftctl setup\" writes one");
    const ft::Config config = ft::parse_config(*text, path);
    std::printf("%s is good: %zu modules, %zu bonds, %zu mirrors\n", path, config.modules.size(),
                config.bonds.size(), config.mirrors.size());
    return EXIT_SUCCESS;
}

} // namespace

int main(int argc, char **argv) try {
    ft::Paths paths{ft::names::configuration, ft::names::state};
    int i = 1;
    for (; i + 1 < argc; i += 2) {
        if (std::string_view(argv[i]) == "--config")
            paths.config = argv[i + 1];
        else if (std::string_view(argv[i]) == "--state")
            paths.state = argv[i + 1];
        else if (std::string_view(argv[i]) == "--root")
            paths.root = argv[i + 1];
        else
            break;
    }
    if (i == argc)
        return run(paths);
    const std::string_view option = argv[1];
    if (argc == 2 && option == "--interface") {
        std::fputs(ft::bus::describe().c_str(), stdout);
        return EXIT_SUCCESS;
    }
    if (option == "--check" && argc == 3)
        return check(argv[2]);
    const bool known = argc == 2 && (option == "--version" || option == "--help");
    std::fprintf(known ? stdout : stderr,
                 "ftd %s\nusage: ftd [--config FILE] [--state FILE] [--root DIR] | --check FILE | "
                 "--interface\n",
                 ft::version);
    return known ? EXIT_SUCCESS : EXIT_FAILURE;
} catch (const std::exception &error) {
    std::fprintf(stderr, "ftd: %s\n", error.what());
    return EXIT_FAILURE;
}
