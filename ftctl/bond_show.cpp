// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "ftctl/bond.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/clock.hpp"

namespace ftctl {

namespace {

using ft::link::Bond;
using nlohmann::ordered_json;

std::string word(std::string_view name) {
    return std::string(name);
}

ordered_json name_or_null(const std::optional<std::string> &name) {
    return name && !name->empty() ? ordered_json(*name) : ordered_json();
}

ordered_json document(const Bond &bond) {
    const ft::link::Settings &set = bond.settings;
    ordered_json ports = ordered_json::array(), last;
    for (const ft::link::Port &port : bond.ports)
        ports.push_back({{"name", port.name},
                         {"state", word(ft::name(port.state))},
                         {"reason", word(ft::name(port.reason))},
                         {"since", date(ft::calendar_us(port.since))},
                         {"tx_dropped", port.tx_dropped},
                         {"rx_standby_dropped", port.rx_dropped},
                         {"probes_sent", port.probes_sent},
                         {"probes_arrived", port.probes_arrived},
                         {"probe_answers", port.probe_answers},
                         {"probes_looped", port.probes_looped}});
    if (bond.switches)
        last = {{"time", date(ft::calendar_us(bond.time))},
                {"from", bond.from},
                {"to", bond.to},
                {"reason", word(ft::name(bond.reason))}};
    return {{"name", bond.name},
            {"up", bond.up},
            {"state", word(ft::name(bond.state()))},
            {"active", name_or_null(set.active)},
            {"ports", ports},
            {"primary", name_or_null(set.primary)},
            {"failback", ft::link::name(set.failback.value_or(FT_BOND_FAILBACK_NEVER))},
            {"hold_down_ms", set.holddown_ms.value_or(0)},
            {"probe_interval_ms", set.probe_ms.value_or(0)},
            {"probing", ft::link::name(bond.probing)},
            {"announce_count", set.announce_count.value_or(0)},
            {"announce_spacing_ms", set.announce_spacing_ms.value_or(0)},
            {"allow_same_module", set.allow_same_module.value_or(false)},
            {"switches", bond.switches},
            {"last_switch", last}};
}

std::string because(const ordered_json &reason) {
    const std::string name = reason;
    const std::string text(ft::reason_text(name));
    return text.empty() ? std::string() : fmt::format(" {} ({})", name, text);
}

std::string words(const ordered_json &name) {
    return name.is_null() ? "none" : name.get<std::string>();
}

void print(const ordered_json &bond, const Style &style) {
    fmt::print("{} {}{}\n", style.strong(bond["name"]), style.state(bond["state"]),
               bond["up"] ? "" : ", switched off");
    for (const auto &port : bond["ports"])
        fmt::print(
            "  port      {} {}{} since {}\n"
            "            probes sent {}, arrived {}, answers {}, looped {}; "
            "dropped sending {}, received standing by {}\n",
            port["name"].get<std::string>(), style.state(port["state"]), because(port["reason"]),
            words(port["since"]), port["probes_sent"].get<std::uint64_t>(),
            port["probes_arrived"].get<std::uint64_t>(), port["probe_answers"].get<std::uint64_t>(),
            port["probes_looped"].get<std::uint64_t>(), port["tx_dropped"].get<std::uint64_t>(),
            port["rx_standby_dropped"].get<std::uint64_t>());
    const auto number = [&](const char *key) { return bond[key].get<std::uint32_t>(); };
    fmt::print("  primary   {}, failback {}, hold-down {} ms\n", words(bond["primary"]),
               bond["failback"].get<std::string>(), number("hold_down_ms"));
    fmt::print("  probing   {}{}\n", bond["probing"].get<std::string>(),
               number("probe_interval_ms")
                   ? fmt::format(", every {} ms", number("probe_interval_ms"))
                   : std::string());
    fmt::print("  announce  {} times, {} ms apart\n", number("announce_count"),
               number("announce_spacing_ms"));
    if (bond["allow_same_module"])
        fmt::print("  its ports may be in one module\n");
    fmt::print("  switches  {}\n", number("switches"));
    const auto &last = bond["last_switch"];
    if (!last.is_null())
        fmt::print("  the last  {} from {} to {}:{}\n", words(last["time"]), words(last["from"]),
                   words(last["to"]), because(last["reason"]));
}

void show(const std::string &name, bool json, int &exit) {
    ordered_json all = ordered_json::array();
    if (name.empty())
        for (const Bond &bond : ft::link::bonds())
            all.push_back(document(bond));
    else
        all.push_back(document(need_bond(name)));
    for (const auto &bond : all)
        if (bond["state"] == "BROKEN")
            exit = exit_broken;
        else if (bond["state"] != "DUPLEX" && exit == exit_good)
            exit = exit_not_duplex;
    if (json) {
        fmt::print("{}\n", (name.empty() ? all : all[0]).dump(2));
        return;
    }
    const Style style = Style::of_terminal();
    for (const auto &bond : all)
        print(bond, style);
    if (all.empty())
        fmt::print("no bonds; \"ftctl setup\" or \"ftctl bond create\" makes one\n");
}

} // namespace

void add_bond_show(CLI::App &noun, int &exit) {
    struct Options {
        std::string name;
        bool json = false;
    };
    auto options = std::make_shared<Options>();
    CLI::App *verb = noun.add_subcommand(
        "show", "Settings, ports, probes and the last switch; exit code as of status");
    verb->add_option("name", options->name, "The bond; otherwise all");
    verb->add_flag("--json", options->json, "For programs");
    verb->footer("Example: ftctl bond show ftb0");
    verb->callback([options, &exit] { show(options->name, options->json, exit); });
}

} // namespace ftctl
