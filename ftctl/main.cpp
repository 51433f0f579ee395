// SPDX-License-Identifier: GPL-2.0
// ftctl: the fault tolerant server at the command line.
#include <cstdio>

#include "ftctl/client.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/version.hpp"

int main(int argc, char **argv) {
    using namespace ftctl;
    int exit = exit_good;
    CLI::App app("The modules and pairs of a fault tolerant server.\nStart with: ftctl setup");
    app.set_version_flag("--version", std::string("ftctl ") + ft::version);
    // Not required here: then an unknown one would not be named in the error.
    app.require_subcommand(0, 1);
    app.footer("Example: ftctl status");
    add_status(app, exit);
    add_monitor(app, exit);
    add_wait(app, exit);
    add_module(app, exit);
    add_bond(app, exit);
    add_mirror(app, exit);
    add_setup(app, exit);
    add_reload(app, exit);
    add_config(app, exit);
    add_fault(app, exit);
    add_job(app, exit);
    add_alert(app, exit);
    add_dump(app, exit);
    add_doctor(app, exit);
    add_metrics(app, exit);
    try {
        app.parse(argc, argv);
        if (!app.get_subcommands().empty())
            return exit;
        std::fputs(app.help().c_str(), stderr);
        return exit_not_duplex;
    } catch (const CLI::ParseError &error) {
        return app.exit(error) ? exit_not_duplex : exit_good;
    } catch (const NoAnswer &error) {
        std::fprintf(stderr, "ftctl: %s\n", error.what());
        return exit_no_answer;
    } catch (const std::exception &error) {
        std::fprintf(stderr, "ftctl: %s\n", error.what());
        return exit_not_duplex;
    }
}
