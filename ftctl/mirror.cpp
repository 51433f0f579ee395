// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

void add_mirror(CLI::App &app, int &) {
    CLI::App *noun = app.add_subcommand("mirror", "Mirrors that need a person's word");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl mirror replace ftm0 11/1");
    struct Options {
        std::string name, device;
        bool wipe = false;
    };
    auto options = std::make_shared<Options>();
    const auto verb = [&](const char *name, const char *help, const char *example) {
        CLI::App *result = noun->add_subcommand(name, help);
        result->add_option("name", options->name, "The mirror, for example ftm0")->required();
        result->footer(std::string("Example: ftctl mirror ") + example);
        return result;
    };

    verb("start", "Start on the one leg that is there, although the other may be newer",
         "start ftm0")
        ->callback([options] {
            const Client client;
            client.call(
                client.request(mirror_path(options->name), ft::names::mirror, "StartAlone"));
            fmt::print("{} runs on one leg\n", options->name);
        });

    CLI::App *resolve = verb("resolve", "Split brain: keep one leg's data, throw away the other's",
                             "resolve ftm0 10/1");
    resolve->add_option("survivor", options->device, "Device path of the leg whose data stays")
        ->required();
    resolve->callback([options] {
        const Client client;
        const Message request =
            client.request(mirror_path(options->name), ft::names::mirror, "Resolve");
        sd_bus_message_append(request.get(), "s", options->device.c_str());
        client.call(request);
        fmt::print("{} keeps the data of {}\n", options->name, options->device);
    });

    CLI::App *replace =
        verb("replace", "Take the disk at a place as the new leg", "replace ftm0 11/1");
    replace->add_option("device", options->device, "Device path of the new disk")->required();
    replace->add_flag("--wipe", options->wipe, "Even if it carries something, which is lost then");
    replace->callback([options] {
        const Client client;
        const Message request =
            client.request(mirror_path(options->name), ft::names::mirror, "Replace");
        sd_bus_message_append(request.get(), "st", options->device.c_str(),
                              options->wipe ? ft::names::flag_wipe : std::uint64_t{0});
        client.call(request);
        fmt::print("{} is being copied to the new disk at {}; see \"ftctl status\"\n",
                   options->name, options->device);
    });
}

} // namespace ftctl
