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
    const auto document = status_document(Client().objects());
    const Style style = Style::of_terminal();
    for (const auto &module : document["modules"])
        fmt::print("{:<6} {} {}\n", module["id"].get<std::uint32_t>(),
                   style.state(module["state"], 8), module["next_action"].get<std::string>());
    if (document["modules"].empty())
        fmt::print("no modules; {}\n", document["next_action"].get<std::string>());
}

void show(const std::string &id) {
    auto document = status_document(Client().objects());
    for (const auto &module : document["modules"]) {
        if (fmt::format("{}", module["id"].get<std::uint32_t>()) != id)
            continue;
        fmt::print("module {}\nstate    {} {}\n", id, module["state"].get<std::string>(),
                   module["reason"].get<std::string>());
        for (const auto &bridge : module["bridges"])
            fmt::print("bridge   {}\n", bridge.get<std::string>());
        for (const auto &device : module["devices"])
            fmt::print("device   {} {} {} {}\n", device["device"].get<std::string>(),
                       device["kind"].get<std::string>(), device["name"].get<std::string>(),
                       device["pair"].get<std::string>());
        for (const auto &blocker : module["removal_blockers"])
            fmt::print("cannot be removed: {}\n", blocker.get<std::string>());
        const std::string next = module["next_action"];
        if (!next.empty())
            fmt::print("next     {}\n", next);
        return;
    }
    throw Denied(
        fmt::format("there is no module {}; \"ftctl module list\" shows which there are", id));
}

void remove(const std::string &id, bool force) {
    const Client client;
    const Message request = client.request(module_path(id), ft::names::module, "Remove");
    sd_bus_message_append(request.get(), "b", force);
    client.call(request);
    fmt::print("module {} is OFFLINE: it is safe to pull\n", id);
}

void online(const std::string &id) {
    const Client client;
    client.call(client.request(module_path(id), ft::names::module, "Online"));
    fmt::print("module {} is taken in again; see \"ftctl status\"\n", id);
}

} // namespace

void add_module(CLI::App &app, int &) {
    CLI::App *noun = app.add_subcommand("module", "I/O modules: look, take out, take in");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl module remove 11");

    noun->add_subcommand("list", "All modules and their states")
        ->footer("Example: ftctl module list")
        ->callback(list);

    auto id = std::make_shared<std::string>();
    const auto with_id = [&](const char *name, const char *help) {
        CLI::App *verb = noun->add_subcommand(name, help);
        verb->add_option("id", *id, "Number of the module, for example 11")
            ->required()
            ->check(CLI::Range(0U, 4294967294U));
        verb->footer(fmt::format("Example: ftctl module {} 11", name));
        return verb;
    };
    with_id("show", "One module")->callback([id] { show(*id); });
    CLI::App *out = with_id("remove", "Cut a module off, so that it is safe to pull");
    auto force = std::make_shared<bool>(false);
    out->add_flag("--force", *force, "Even if a pair loses its last good member");
    out->callback([id, force] { remove(*id, *force); });
    with_id("online", "Take a module in again, and retry what failed in it")->callback([id] {
        online(*id);
    });
}

} // namespace ftctl
