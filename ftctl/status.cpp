// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>

#include "ftctl/client.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"

namespace ftctl {

void add_status(CLI::App &app, int &exit) {
    CLI::App *verb = app.add_subcommand("status", "The whole server in one picture, worst first");
    verb->footer("Exit code: 0 duplex, 1 simplex or syncing, 2 broken, 3 no answer from ftd.\n"
                 "Example: ftctl status --json");
    auto json = std::make_shared<bool>(false);
    verb->add_flag("--json", *json, "As a JSON document, for programs");
    verb->callback([json, &exit] {
        const auto document = status_document(Client().objects());
        const std::string text =
            *json ? document.dump(2) + "\n" : status_tree(document, Style::of_terminal());
        std::fputs(text.c_str(), stdout);
        exit = exit_code(document);
    });
}

} // namespace ftctl
