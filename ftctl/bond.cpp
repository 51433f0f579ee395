// SPDX-License-Identifier: GPL-2.0
#include "ftctl/bond.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <net/if.h>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "ftctl/verbs.hpp"
#include "ftd/common/error.hpp"
#include "ftd/model/config.hpp"

namespace ftctl {

using ft::link::Bond;
using ft::link::Settings;

namespace {

constexpr std::size_t netdev_name_max = IFNAMSIZ - 1;

struct Options {
    std::string name, port;
    std::vector<std::string> ports;
    std::string primary;
    ft_bond_failback failback = FT_BOND_FAILBACK_NEVER;
    std::uint32_t holddown = 0, probe = 0, count = 0, spacing = 0;
    bool allow = false;
};

bool given(const CLI::App &verb, const char *option) {
    return verb.get_option(option)->count() > 0;
}

void add_settings(CLI::App &verb, Options &options) {
    const std::map<std::string, ft_bond_failback> failback{{"never", FT_BOND_FAILBACK_NEVER},
                                                           {"better", FT_BOND_FAILBACK_BETTER},
                                                           {"always", FT_BOND_FAILBACK_ALWAYS}};
    verb.add_option("--primary", options.primary, "Port that is preferred; \"none\": neither");
    verb.add_option("--failback", options.failback,
                    "When to return to the primary: never; better, if it is faster; always")
        ->transform(CLI::CheckedTransformer(failback).description("never|better|always"));
    verb.add_option("--hold-down", options.holddown,
                    "Milliseconds that the primary has to work before the bond returns to it")
        ->check(CLI::Range(0U, FT_BOND_HOLDDOWN_MAX_MS));
    verb.add_option("--probe-interval", options.probe,
                    "Milliseconds between probes of the paths; 0: none")
        ->check(CLI::Range(0U, FT_BOND_PROBE_MAX_MS));
    verb.add_option("--announce-count", options.count, "Announcements after a switch")
        ->check(CLI::Range(0U, FT_BOND_ANNOUNCE_MAX));
    verb.add_option("--announce-spacing", options.spacing, "Milliseconds between them")
        ->check(CLI::Range(1U, FT_BOND_SPACING_MAX_MS));
}

// All but the primary, which needs the ports.
Settings settings_of(const CLI::App &verb, const Options &options) {
    Settings settings;
    if (given(verb, "--failback"))
        settings.failback = options.failback;
    if (given(verb, "--hold-down"))
        settings.holddown_ms = options.holddown;
    if (given(verb, "--probe-interval"))
        settings.probe_ms = options.probe;
    if (given(verb, "--announce-count"))
        settings.announce_count = options.count;
    if (given(verb, "--announce-spacing"))
        settings.announce_spacing_ms = options.spacing;
    return settings;
}

std::optional<std::string> primary_of(const CLI::App &verb, const Options &options) {
    if (!given(verb, "--primary"))
        return std::nullopt;
    return options.primary == "none" ? std::string() : options.primary;
}

void create(const CLI::App &verb, const Options &options) {
    if (!ft::is_name(options.name, netdev_name_max))
        throw ft::refused(fmt::format("a bond cannot have this name; use 1 to {} letters, digits, "
                                      "'_', '-' or '.', not beginning with '-' or '.'",
                                      netdev_name_max));
    if (ft::link::exists(options.name))
        throw ft::refused(fmt::format("there is a network interface {} already; take another name",
                                      options.name));
    if (options.ports.size() == 2 && options.ports[0] == options.ports[1])
        throw ft::refused("a bond has two ports, not one twice");
    Settings settings = settings_of(verb, options);
    settings.allow_same_module = options.allow;
    ft::link::create_bond(options.name, {}, settings);
    // Whole or not at all.
    try {
        for (const std::string &port : options.ports)
            ft::link::enslave(port, options.name);
        if (const auto primary = primary_of(verb, options)) {
            Settings last;
            last.primary = primary;
            ft::link::set(options.name, last);
        }
        ft::link::up(options.name);
    } catch (const ft::Error &) {
        ft::link::remove(options.name);
        throw;
    }
    fmt::print("{} is up\n", options.name);
}

void set(const CLI::App &verb, const Options &options) {
    need_bond(options.name);
    Settings settings = settings_of(verb, options);
    settings.primary = primary_of(verb, options);
    if (given(verb, "--allow-same-module"))
        settings.allow_same_module = options.allow;
    const auto options_given = verb.get_options();
    if (std::count_if(options_given.begin(), options_given.end(),
                      [](const CLI::Option *option) { return option->count() > 0; }) < 2)
        throw ft::refused("nothing to set; \"ftctl bond set --help\" says what there is");
    ft::link::set(options.name, settings);
}

void switch_to(const Options &options) {
    const Bond bond = need_bond(options.name);
    std::string to = options.port;
    if (to.empty()) {
        const auto other =
            std::find_if(bond.ports.begin(), bond.ports.end(), [&](const ft::link::Port &port) {
                return port.name != *bond.settings.active;
            });
        if (other == bond.ports.end())
            throw ft::refused(fmt::format("{} has no other port to switch to", bond.name));
        to = other->name;
    }
    Settings settings;
    settings.active = to;
    ft::link::set(bond.name, settings);
    fmt::print("{}: {} carries the traffic\n", bond.name, to);
}

bool is_configured(const std::string &name) {
    std::ifstream file(ft::names::configuration);
    std::stringstream text;
    text << file.rdbuf();
    try {
        const ft::Config config = ft::parse_config(text.str(), ft::names::configuration);
        return std::any_of(config.bonds.begin(), config.bonds.end(),
                           [&](const ft::BondConfig &bond) { return bond.name == name; });
    } catch (const std::exception &) {
        return false; // ftd does not go by it either
    }
}

void remove(const Options &options) {
    const Bond bond = need_bond(options.name);
    if (is_configured(bond.name))
        throw ft::refused(fmt::format("{0} is in {1}, and ftd would make it again; take it out "
                                      "there, then \"ftctl reload\" removes it",
                                      bond.name, ft::names::configuration));
    ft::link::remove(bond.name);
    fmt::print("{} is gone; its ports are as they were before\n", bond.name);
}

} // namespace

Bond need_bond(const std::string &name) {
    for (const Bond &bond : ft::link::bonds())
        if (bond.name == name)
            return bond;
    throw ft::refused(
        ft::link::exists(name)
            ? fmt::format("{} is a network interface, but no ftbond", name)
            : fmt::format("there is no bond {}; \"ftctl bond show\" shows which there are", name));
}

void add_bond(CLI::App &app, int &exit) {
    CLI::App *noun = app.add_subcommand("bond", "Bonds: two network interfaces that act as one");
    noun->require_subcommand(1);
    noun->footer("Example: ftctl bond show");
    auto options = std::make_shared<Options>();
    const auto verb = [&](const char *name, const char *help, const char *example) {
        CLI::App *result = noun->add_subcommand(name, help);
        result->add_option("name", options->name, "The bond, for example ftb0")->required();
        result->footer(std::string("Example: ftctl bond ") + example);
        return result;
    };
    add_bond_show(*noun, exit);

    CLI::App *maker = verb("create", "Make a bond and put ports into it",
                           "create ftb0 eth1 eth2 --probe-interval 100");
    maker->add_option("port", options->ports, "One or two network interfaces, in two modules")
        ->required()
        ->expected(1, 2);
    add_settings(*maker, *options);
    maker->add_flag("--allow-same-module", options->allow,
                    "The ports may be in one module: for machines without modules");
    maker->callback([options, maker] { create(*maker, *options); });

    CLI::App *setter = verb("set", "Change settings of a bond, now; ftd's file is left as it is",
                            "set ftb0 --primary eth1 --failback always --hold-down 5000");
    add_settings(*setter, *options);
    setter->add_option("--allow-same-module", options->allow,
                       "true or false: whether the ports may be in one module");
    setter->callback([options, setter] { set(*setter, *options); });

    CLI::App *switcher =
        verb("switch", "Let the other port carry the traffic, without loss", "switch ftb0");
    switcher->add_option("port", options->port, "The port that is to; otherwise the other one");
    switcher->callback([options] { switch_to(*options); });

    verb("delete", "Remove a bond; its ports become what they were", "delete ftb0")
        ->callback([options] { remove(*options); });
}

} // namespace ftctl
