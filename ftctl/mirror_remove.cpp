// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <iostream>
#include <memory>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "ftctl/mirror.hpp"
#include "ftd/common/error.hpp"
#include "ftd/model/config.hpp"

namespace ftctl {

namespace {

bool agreed() {
    if (!::isatty(STDIN_FILENO))
        throw ft::refused("nobody is there to be asked; say --yes if the data may be lost");
    fmt::print("What is on the mirror cannot be reached any more after this. Go on? [y/N] ");
    std::fflush(stdout);
    std::string answer;
    return std::getline(std::cin, answer) && (answer == "y" || answer == "Y" || answer == "yes");
}

void remove(const std::vector<std::string> &devices, bool yes) {
    // All is checked before the first is written to.
    for (const std::string &device : devices) {
        open_alone(device, O_RDWR);
        const ft::Leg leg = ft::read_leg(device);
        if (leg.kind != ft::Leg::Kind::damaged)
            need_leg(device);
        fmt::print("{}: {}\n", device,
                   leg.kind == ft::Leg::Kind::leg
                       ? fmt::format("leg of mirror {}, {}", label_of(leg.meta),
                                     ft::uuid_string(leg.meta.uuid))
                       : "damaged leg of a mirror");
    }
    if (!yes && !agreed()) {
        fmt::print("nothing was changed\n");
        return;
    }
    for (const std::string &device : devices) {
        ft::blank(device);
        fmt::print("{} is blank\n", device);
    }
}

} // namespace

void add_mirror_remove(CLI::App &noun) {
    struct Options {
        std::vector<std::string> devices;
        bool yes = false;
    };
    auto options = std::make_shared<Options>();
    CLI::App *verb = noun.add_subcommand(
        "remove", "Make legs of a mirror that is not running blank disks again");
    verb->add_option("device", options->devices, "Disks")->required();
    verb->add_flag("--yes", options->yes, "Do not ask");
    verb->footer("Example: ftctl mirror remove /dev/nvme0n1 /dev/nvme1n1");
    verb->callback([options] { remove(options->devices, options->yes); });
}

} // namespace ftctl
