// SPDX-License-Identifier: GPL-2.0
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>

#include <fmt/format.h>

#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

// By ftd's own eyes, whether or not it runs: nothing else knows the file's grammar.
void add_config(CLI::App &app, int &) {
    CLI::App *noun = app.add_subcommand("config", "The configuration file");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl config check");
    CLI::App *check = noun->add_subcommand("check", "Whether ftd would accept it");
    check->footer("Example: ftctl config check /tmp/ftd.conf");
    auto path = std::make_shared<std::string>(ft::names::configuration);
    check->add_option("file", *path, fmt::format("Another file than {}", *path));
    check->callback([path] {
        std::fflush(stdout);
        std::error_code error;
        const auto folder = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
        for (const auto &place : {folder / "ftd", folder / "../sbin/ftd"})
            ::execl(place.c_str(), "ftd", "--check", path->c_str(), nullptr);
        throw std::runtime_error(fmt::format("ftd cannot be started: {}", std::strerror(errno)));
    });
}

} // namespace ftctl
