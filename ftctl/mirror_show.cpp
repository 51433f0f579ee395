// SPDX-License-Identifier: GPL-2.0
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/mirror.hpp"
#include "ftd/common/names.hpp"
#include "ftd/common/state.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

// Milliseconds that one request took on average.
double latency(std::uint64_t ms, std::uint64_t requests) {
    return requests ? static_cast<double>(ms) / static_cast<double>(requests) : 0;
}

ordered_json document(const ordered_json &mirror, const ordered_json &statistics,
                      const Scrubbed &scrubbed) {
    ordered_json result{{"name", mirror["Name"]},         {"uuid", mirror["Uuid"]},
                        {"state", mirror["State"]},       {"reason", mirror["Reason"]},
                        {"since", date(mirror["Since"])}, {"next_action", mirror["NextAction"]},
                        {"device", mirror["Device"]},     {"size", mirror["Size"]},
                        {"legs", ordered_json::array()}};
    for (std::size_t i = 0; i < 2; i++) {
        const ordered_json &member = mirror["Members"][i], &said = statistics[i];
        result["legs"].push_back({{"device", member[0]},
                                  {"name", member[1]},
                                  {"state", member[2]},
                                  {"reason", member[3]},
                                  {"since", date(member[4])},
                                  {"reads", said[1]},
                                  {"read_bytes", said[2]},
                                  {"read_latency_ms", latency(said[3], said[1])},
                                  {"writes", said[4]},
                                  {"written_bytes", said[5]},
                                  {"write_latency_ms", latency(said[6], said[4])},
                                  {"failed_reads", said[7]},
                                  {"failed_writes", said[8]},
                                  {"repaired", said[9]}});
    }
    result["scrub"] = {{"mode", scrubbed.mode},         {"done", scrubbed.done},
                       {"total", scrubbed.total},       {"differing", scrubbed.differing},
                       {"repaired", scrubbed.repaired}, {"unreadable", scrubbed.unreadable}};
    return result;
}

void show(const ordered_json &document, const std::string &scrub, const Style &style) {
    const auto text = [&](const char *key) { return document[key].get<std::string>(); };
    fmt::print("{}  {}  {}\n", style.strong("mirror " + text("name")), style.state(text("state")),
               ft::reason_text(text("reason")));
    if (!text("device").empty())
        fmt::print("{}, {}, uuid {}\n", text("device"),
                   bytes_text(document["size"].get<std::uint64_t>()), text("uuid"));
    fmt::print("\n{:8} {:10} {:8} {:>9} {:>10} {:>9} {:>9} {:>10} {:>9} {:>7} {:>8}\n", "leg",
               "disk", "state", "reads", "read", "latency", "writes", "written", "latency",
               "errors", "repaired");
    for (const ordered_json &leg : document["legs"]) {
        const auto number = [&](const char *key) { return leg[key].get<std::uint64_t>(); };
        const std::string name = leg["name"];
        fmt::print("{:8} {:10} {} {:>9} {:>10} {:>6.2f} ms {:>9} {:>10} {:>6.2f} ms {:>7} {:>8}\n",
                   leg["device"].get<std::string>(), name.empty() ? "-" : name,
                   style.state(leg["state"], 8), number("reads"), bytes_text(number("read_bytes")),
                   leg["read_latency_ms"].get<double>(), number("writes"),
                   bytes_text(number("written_bytes")), leg["write_latency_ms"].get<double>(),
                   number("failed_reads") + number("failed_writes"), number("repaired"));
    }
    fmt::print("\n{}: {}\n", document["scrub"]["mode"] == "idle" ? "last scrub" : "scrub", scrub);
    if (!text("next_action").empty())
        fmt::print("{}{}\n", style.strong("next: "), text("next_action"));
}

} // namespace

void add_mirror_show(CLI::App &noun) {
    struct Options {
        std::string name;
        bool json = false;
    };
    auto options = std::make_shared<Options>();
    CLI::App *verb = noun.add_subcommand(
        "show", "What each leg has read and written, its errors, and what a scrub has found");
    verb->add_option("name", options->name, "The mirror, for example ftm0")->required();
    verb->add_flag("--json", options->json, "For programs");
    verb->footer("Requests are counted by the disk since it appeared, errors by the mirror since "
                 "it was started.\nExample: ftctl mirror show ftm0");
    verb->callback([options] {
        Client client;
        const ordered_json mirror = find_mirror(client.objects(), options->name);
        const std::string path = mirror_path(options->name);
        const Scrubbed scrubbed(client.property(path, ft::names::mirror, "Scrubbed"));
        const ordered_json said =
            document(mirror, client.property(path, ft::names::mirror, "Statistics"), scrubbed);
        if (options->json)
            fmt::print("{}\n", said.dump(2));
        else
            show(said, scrubbed.text(), Style::of_terminal());
    });
}

} // namespace ftctl
