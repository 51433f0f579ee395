// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>

#include "ftctl/client.hpp"
#include "ftctl/verbs.hpp"

namespace ftctl {

void add_wait(CLI::App &app, int &exit) {
    CLI::App *verb = app.add_subcommand("wait", "Wait until the server is in a state");
    verb->footer("Exit code: 0 it is, 1 the time is over.\n"
                 "Example: ftctl wait --duplex --timeout 300");
    struct Options {
        bool duplex = false;
        unsigned timeout = 0;
    };
    auto options = std::make_shared<Options>();
    verb->add_flag("--duplex", options->duplex, "Every pair is DUPLEX")->required();
    verb->add_option("--timeout", options->timeout,
                     "Seconds to wait at most; 0: as long as it takes")
        ->check(CLI::Range(0U, 1000000U));
    verb->callback([options, &exit] {
        Client client;
        std::string summary;
        const bool reached =
            client.watch(options->timeout, [&](const std::string &, sd_bus_message *) {
                try {
                    const auto manager = client.manager();
                    summary = manager["Summary"];
                    return manager["State"] != "DUPLEX";
                } catch (const NoAnswer &error) {
                    summary = error.what(); // it may be starting
                    return true;
                }
            });
        if (!reached) {
            std::fprintf(stderr, "ftctl: not duplex within %u s: %s\n", options->timeout,
                         summary.c_str());
            exit = exit_not_duplex;
        }
    });
}

} // namespace ftctl
