// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"
#include "ftd/common/state.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

std::string text(const ordered_json &value) {
    return value.is_string() ? value.get<std::string>() : std::string("-");
}

std::string outlook(const ordered_json &fault) {
    if (fault["given_up"])
        return "kept out";
    return fault["retry_at"].is_null() ? "in use, or waits for a person"
                                       : "is tried again at " + text(fault["retry_at"]);
}

void list(bool json) {
    const auto faults = status_document(Client().objects())["faults"];
    if (json) {
        fmt::print("{}\n", faults.dump(2));
        return;
    }
    if (faults.empty())
        fmt::print("no device has failed\n");
    for (const auto &fault : faults)
        fmt::print("{:<8} {:<10} {:>4} faults  {:<12} {}\n", text(fault["device"]),
                   text(fault["pair"]), fault["count"].get<std::uint64_t>(), text(fault["reason"]),
                   outlook(fault));
}

void show(const std::string &device) {
    const auto faults = status_document(Client().objects())["faults"];
    for (const auto &fault : faults) {
        if (text(fault["device"]) != device)
            continue;
        const std::string module = device.substr(0, device.find('/'));
        fmt::print("device   {}\npair     {}\nfaults   {}\nlatest   {}  {}\nfirst    {}\n"
                   "between  {}\noutlook  {}\n",
                   device, text(fault["pair"]), fault["count"].get<std::uint64_t>(),
                   text(fault["last"]), std::string(ft::reason_text(text(fault["reason"]))),
                   text(fault["first"]),
                   fault["mtbf_s"].is_null()
                       ? std::string("-")
                       : fmt::format("{} s on average", fault["mtbf_s"].get<std::uint64_t>()),
                   outlook(fault));
        if (fault["given_up"])
            fmt::print("next     replace it, or try it again: \"ftctl fault clear {}\", then "
                       "\"ftctl module online {}\"\n",
                       device, module);
        return;
    }
    throw Denied(
        fmt::format("no fault of {} is known; \"ftctl fault list\" shows which are", device));
}

void clear(const std::string &device) {
    const Client client;
    const Message request = client.request(ft::names::root, ft::names::manager, "ClearFault");
    sd_bus_message_append(request.get(), "s", device.c_str());
    client.call(request);
    fmt::print("the faults of {} are forgotten; if it is out, take it in: \"ftctl module online "
               "{}\"\n",
               device, device.substr(0, device.find('/')));
}

} // namespace

void add_fault(CLI::App &app, int &) {
    CLI::App *noun = app.add_subcommand("fault", "Devices that failed, and what is done about it");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl fault list");
    auto json = std::make_shared<bool>(false);
    CLI::App *all = noun->add_subcommand("list", "All devices that failed");
    all->add_flag("--json", *json, "As a JSON document, for programs");
    all->footer("Example: ftctl fault list --json")->callback([json] { list(*json); });
    auto device = std::make_shared<std::string>();
    const auto verb = [&](const char *name, const char *help) {
        CLI::App *result = noun->add_subcommand(name, help);
        result->add_option("device", *device, "Device path, for example 11/1")->required();
        result->footer(fmt::format("Example: ftctl fault {} 11/1", name));
        return result;
    };
    verb("show", "One device")->callback([device] { show(*device); });
    verb("clear", "Forget a device's faults; that alone does not take it in again")
        ->callback([device] { clear(*device); });
}

} // namespace ftctl
