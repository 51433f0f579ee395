// SPDX-License-Identifier: GPL-2.0
#include "ftctl/client.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

void add_reload(CLI::App &app, int &) {
    CLI::App *verb =
        app.add_subcommand("reload", "Read the configuration again; running pairs stay");
    verb->footer("Example: ftctl reload");
    verb->callback([] {
        const Client client;
        client.call(client.request(ft::names::root, ft::names::manager, "Reload"));
    });
}

} // namespace ftctl
