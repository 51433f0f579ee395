// SPDX-License-Identifier: GPL-2.0
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/names.hpp"
#include "ftd/common/state.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

std::string now() {
    const auto time = std::chrono::system_clock::now();
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch());
    return date(static_cast<std::uint64_t>(us.count())).get<std::string>();
}

std::string object_name(const std::string &path) {
    if (path == ft::names::root)
        return "server";
    for (const auto &[root, kind] : {std::make_pair(ft::names::module_root, "module "),
                                     {ft::names::bond_root, ""},
                                     {ft::names::mirror_root, ""},
                                     {ft::names::dump_root, "dump "},
                                     {ft::names::job_root, "job "}}) {
        char *name = nullptr;
        if (sd_bus_path_decode(path.c_str(), root, &name) > 0) {
            const ft::Handle<char, std::free> owner(name);
            return std::string(kind) + name;
        }
    }
    return path;
}

class Monitor {
  public:
    explicit Monitor(bool as_json) : json_(as_json), style_(Style::of_terminal()) {}

    void show(const std::string &path, sd_bus_message *message) {
        const char *member = sd_bus_message_get_member(message);
        if (!std::strcmp(member, "PropertiesChanged")) {
            read_value(message); // the interface
            changed(path, "changed", read_value(message));
        } else if (!std::strcmp(member, "InterfacesAdded")) {
            const std::string object = read_value(message);
            const ordered_json interfaces = read_value(message);
            for (const auto &[interface, properties] : interfaces.items())
                if (interface.starts_with(ft::names::bus))
                    changed(object, "added", properties);
        } else if (!std::strcmp(member, "InterfacesRemoved")) {
            const std::string object = read_value(message);
            changed(object, "removed", ordered_json::object());
        } else if (!std::strcmp(member, "JobRemoved")) {
            const std::string object = read_value(message);
            ordered_json properties = ordered_json::object();
            for (const char *key : {"Kind", "Subject", "Result"})
                properties[key] = read_value(message);
            changed(object, "ended", properties);
        } else if (!std::strcmp(member, "NameOwnerChanged")) {
            read_value(message);
            read_value(message);
            const std::string owner = read_value(message);
            changed(ft::names::root, owner.empty() ? "ftd stopped" : "ftd started",
                    ordered_json::object());
        }
    }

  private:
    void changed(const std::string &path, const char *event, const ordered_json &properties) {
        const std::string name = object_name(path);
        if (json_) {
            const ordered_json line{
                {"time", now()}, {"object", name}, {"event", event}, {"properties", properties}};
            fmt::print("{}\n", line.dump());
        } else {
            const std::string text = describe(event, properties);
            if (!text.empty())
                fmt::print("{}  {:<10} {}\n", style_.dim(now().substr(11, 12)), name, text);
        }
        std::fflush(stdout);
    }

    std::string describe(const std::string &event, const ordered_json &properties) const {
        std::string text = event == "changed" ? std::string() : event;
        const auto add = [&](const std::string &part) {
            if (!part.empty())
                text += text.empty() ? part : "  " + part;
        };
        for (const char *key : {"Kind", "Subject", "Result", "DumpReason"})
            if (properties.contains(key))
                add(properties[key]);
        if (properties.contains("State"))
            add(style_.state(properties["State"]));
        if (properties.contains("Reason"))
            add(std::string(ft::reason_text(properties["Reason"].get<std::string>())));
        if (properties.contains("Members"))
            for (const ordered_json &member : properties["Members"])
                add(fmt::format("{} {}", member[0].get<std::string>(),
                                style_.state(member[2].get<std::string>())));
        for (const char *key : {"Summary", "ConfigurationError"})
            if (properties.contains(key))
                add(properties[key]);
        if (properties.contains("Switches"))
            add(fmt::format("{} switches", properties["Switches"].get<std::uint32_t>()));
        if (properties.contains("Devices"))
            add(fmt::format("{} devices", properties["Devices"].size()));
        const std::string next = properties.value("NextAction", "");
        if (!next.empty())
            add("next: " + next);
        return text;
    }

    bool json_;
    Style style_;
};

} // namespace

void add_monitor(CLI::App &app, int &) {
    CLI::App *verb = app.add_subcommand("monitor", "Each change as it happens, until interrupted");
    verb->footer("Example: ftctl monitor --json");
    auto json = std::make_shared<bool>(false);
    verb->add_flag("--json", *json, "One JSON document a line");
    verb->callback([json] {
        Client client;
        Monitor monitor(*json);
        client.watch(0, [&](const std::string &path, sd_bus_message *message) {
            if (message)
                monitor.show(path, message);
            return true;
        });
    });
}

} // namespace ftctl
