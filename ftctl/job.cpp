// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

namespace {

void list() {
    const auto jobs = status_document(Client().objects())["jobs"];
    if (jobs.empty())
        fmt::print("nothing is being copied or compared\n");
    for (const auto &job : jobs)
        fmt::print("{:<4} {:<8} {:<10} {}\n", job["id"].get<std::uint32_t>(),
                   job["kind"].get<std::string>(), job["subject"].get<std::string>(),
                   job_progress(job, Style::of_terminal()));
}

} // namespace

void add_job(CLI::App &app, int &) {
    CLI::App *noun = app.add_subcommand("job", "Long work: how far it is, and its end");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl job list");
    noun->add_subcommand("list", "All that is under way")
        ->footer("Example: ftctl job list")
        ->callback(list);
    auto id = std::make_shared<std::string>();
    CLI::App *cancel = noun->add_subcommand(
        "cancel",
        "End a resync: the mirror stays SIMPLEX until \"ftctl module online\"; or a scrub");
    cancel->add_option("id", *id, "Its number, as \"ftctl job list\" shows it")
        ->required()
        ->check(CLI::Range(0U, 4294967294U));
    cancel->footer("Example: ftctl job cancel 1");
    cancel->callback([id] {
        const Client client;
        client.call(client.request(fmt::format("{}/{}", ft::names::job_root, *id), ft::names::job,
                                   "Cancel"));
        fmt::print("job {} is cancelled\n", *id);
    });
}

} // namespace ftctl
