// SPDX-License-Identifier: GPL-2.0
// The commands. Each adds itself to the command line and, when it was chosen,
// leaves its exit code in `exit`. One file each.
#pragma once

#include <CLI/CLI.hpp>

namespace ftctl {

enum Exit {
    exit_good = 0,
    exit_not_duplex = 1, // status; of other commands: it did not work
    exit_broken = 2,
    exit_no_answer = 3,
};

void add_status(CLI::App &app, int &exit);
void add_monitor(CLI::App &app, int &exit);
void add_wait(CLI::App &app, int &exit);
void add_module(CLI::App &app, int &exit);
void add_bond(CLI::App &app, int &exit);
void add_mirror(CLI::App &app, int &exit);
void add_setup(CLI::App &app, int &exit);
void add_reload(CLI::App &app, int &exit);
void add_fault(CLI::App &app, int &exit);
void add_job(CLI::App &app, int &exit);
void add_alert(CLI::App &app, int &exit);
void add_doctor(CLI::App &app, int &exit);
void add_dump(CLI::App &app, int &exit);
void add_metrics(CLI::App &app, int &exit);
void add_config(CLI::App &app, int &exit);

} // namespace ftctl
