// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <string>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/render.hpp"
#include "ftctl/run.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"

namespace ftctl {

namespace {

constexpr unsigned devices_seconds = 10; // until a module's disks are there again

void list() {
    const auto document = status_document(Client().objects());
    const Style style = Style::of_terminal();
    for (const auto &module : document["modules"])
        fmt::print("{:<6} {} {}\n", module["id"].get<std::uint32_t>(),
                   style.state(module["state"], 8), module["next_action"].get<std::string>());
    if (document["modules"].empty())
        fmt::print("no modules; {}\n", document["next_action"].get<std::string>());
}

// The module's part of the picture.
nlohmann::ordered_json module_of(const nlohmann::ordered_json &document, const std::string &id) {
    for (const auto &module : document["modules"])
        if (fmt::format("{}", module["id"].get<std::uint32_t>()) == id)
            return module;
    throw Denied(
        fmt::format("there is no module {}; \"ftctl module list\" shows which there are", id));
}

void show(const std::string &id) {
    const auto module = module_of(status_document(Client().objects()), id);
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
}

// Whether ledmon is there and did it.
bool ledctl(const std::string &word) {
    try {
        return run({"ledctl", word}, [](std::string_view) {}) == 0;
    } catch (const Denied &) {
        return false;
    }
}

// The locate LEDs of the module's disks, as far as ledmon reaches them; the slot's own
// indicator is the kernel's. They are told by the disks' names, which go with the disks:
// before the module is cut off, and when it is back. Returns whether it has disks.
bool locate(const nlohmann::ordered_json &module, bool on) {
    bool any = false;
    for (const auto &device : module["devices"]) {
        if (device["kind"] != "disk" || device["name"] == "")
            continue;
        any = true;
        ledctl(fmt::format("{}=/dev/{}", on ? "locate" : "locate_off",
                           device["name"].get<std::string>()));
    }
    return any;
}

void remove(const std::string &id, bool force) {
    Client client;
    const auto module = module_of(status_document(client.objects()), id);
    const Message request = client.request(module_path(id), ft::names::module, "Remove");
    sd_bus_message_append(request.get(), "b", force);
    locate(module, true);
    try {
        client.call(request);
    } catch (...) {
        locate(module, false);
        throw;
    }
    fmt::print("module {} is OFFLINE: it is safe to pull\n", id);
}

void can_remove(const std::string &id, int &exit) {
    const auto module = module_of(status_document(Client().objects()), id);
    const std::string state = module["state"];
    if (state == "REMOVED" || state == "OFFLINE") {
        fmt::print("yes: module {} is {}\n", id, state);
        return;
    }
    if (module["removal_blockers"].empty()) {
        fmt::print("yes: every pair goes on without module {}\n", id);
        return;
    }
    for (const auto &blocker : module["removal_blockers"])
        fmt::print("no: {}\n", blocker.get<std::string>());
    exit = exit_not_duplex;
}

bool agreed(const std::string &question) {
    fmt::print("{} [y/N] ", question);
    std::fflush(stdout);
    std::string answer;
    return std::getline(std::cin, answer) && (answer == "y" || answer == "Y" || answer == "yes");
}

// From the old module to the new one, telling at each step what a person has to
// do, and seeing by itself when it is done.
void replace(const std::string &id, bool yes, bool blank, unsigned timeout, int &exit) {
    Client client;
    const auto look = [&] { return status_document(client.objects()); };
    const auto until = [&](const char *what, const std::function<bool()> &reached) {
        fmt::print("{}\n", what);
        std::fflush(stdout);
        if (client.watch(timeout, [&](const std::string &, sd_bus_message *) {
                try {
                    return !reached();
                } catch (const NoAnswer &) {
                    return true; // ftd is being restarted
                }
            }))
            return;
        throw Denied(fmt::format("that did not happen within {} s; see \"ftctl status\", and begin "
                                 "again: \"ftctl module replace {}\"",
                                 timeout, id));
    };
    const auto state = [&] { return module_of(look(), id)["state"].get<std::string>(); };

    std::string now = state();
    if (now != "REMOVED") {
        if (now != "OFFLINE") {
            const auto module = module_of(look(), id);
            if (!module["removal_blockers"].empty())
                throw Denied(fmt::format("module {} cannot be taken out: {}", id,
                                         module["removal_blockers"][0].get<std::string>()));
            if (!yes && !agreed(fmt::format("1. Take module {} out of use?", id))) {
                fmt::print("nothing was changed\n");
                exit = exit_not_duplex;
                return;
            }
            remove(id, false);
        }
        until("2. Pull the module out now.", [&] { return state() == "REMOVED"; });
    }
    until("3. Put the new module in.", [&] { return state() != "REMOVED"; });
    std::set<std::string> asked;
    until("4. It is being taken in; that may take as long as the disks need.", [&] {
        const auto document = look();
        bool all = true;
        for (const char *list : {"bonds", "mirrors"})
            for (const auto &pair : document[list])
                for (const auto &member : pair["members"]) {
                    const std::string device = member["device"];
                    if (!device.starts_with(id + "/"))
                        continue;
                    all = all && pair["state"] == "DUPLEX";
                    if (member["reason"] != "BLANK" || !asked.insert(device).second)
                        continue;
                    const std::string name = pair["name"];
                    if (blank) {
                        fmt::print("   the disk at {} is blank: it becomes the new leg of {}\n",
                                   device, name);
                        std::fflush(stdout);
                        const Message request =
                            client.request(mirror_path(name), ft::names::mirror, "Replace");
                        sd_bus_message_append(request.get(), "st", device.c_str(),
                                              std::uint64_t{0});
                        client.call(request);
                    } else {
                        fmt::print("   {}\n", pair["next_action"].get<std::string>());
                        std::fflush(stdout);
                    }
                }
        return all;
    });
    locate(module_of(look(), id), false);
    fmt::print("done: module {} is in use, and its pairs are DUPLEX\n", id);
}

void online(const std::string &id) {
    Client client;
    client.call(client.request(module_path(id), ft::names::module, "Online"));
    const auto dark = [&] {
        return locate(module_of(status_document(client.objects()), id), false);
    };
    if (ledctl("--version"))
        client.watch(devices_seconds,
                     [&](const std::string &, sd_bus_message *) { return !dark(); });
    fmt::print("module {} is taken in again; see \"ftctl status\"\n", id);
}

} // namespace

void add_module(CLI::App &app, int &exit) {
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
    with_id("can-remove", "Whether it could be removed now, or what stands against it")
        ->callback([id, &exit] { can_remove(*id, exit); });
    CLI::App *swap = with_id("replace", "Step by step from the old module to a new one");
    struct Replace {
        bool yes = false, blank = false;
        unsigned timeout = 3600;
    };
    auto options = std::make_shared<Replace>();
    swap->add_flag("--yes", options->yes, "Do not ask");
    swap->add_flag("--use-blank", options->blank, "Make blank disks of the new one the new legs");
    swap->add_option("--timeout", options->timeout, "Seconds to wait at each step")
        ->check(CLI::Range(1U, 1000000U));
    swap->callback([id, options, &exit] {
        replace(*id, options->yes, options->blank, options->timeout, exit);
    });
    with_id("online", "Take a module in again, and retry what failed in it")->callback([id] {
        online(*id);
    });
}

} // namespace ftctl
