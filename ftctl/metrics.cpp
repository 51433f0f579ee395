// SPDX-License-Identifier: GPL-2.0
// The state as OpenMetrics, for node_exporter's textfile collector.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <sys/stat.h>

#include <fmt/format.h>

#include "ftctl/client.hpp"
#include "ftctl/dump.hpp"
#include "ftctl/render.hpp"
#include "ftctl/verbs.hpp"
#include "ftd/common/state.hpp"

namespace ftctl {

namespace {

using nlohmann::ordered_json;

class Metrics {
  public:
    void family(const char *name, const char *type, const char *help) {
        name_ = name;
        out_ += fmt::format("# TYPE {} {}\n# HELP {} {}\n", name, type, name, help);
    }
    void sample(const std::string &labels, std::uint64_t value, const char *suffix = "") {
        out_ += fmt::format("{}{}{} {}\n", name_, suffix,
                            labels.empty() ? labels : "{" + labels + "}", value);
    }
    // One sample a state: 1 for the one that is.
    void states(const std::string &labels, const std::string &now,
                std::initializer_list<std::string_view> all) {
        for (const std::string_view state : all)
            sample(fmt::format("{},{}=\"{}\"", labels, name_, state), now == state);
    }
    std::string end() { return out_ + "# EOF\n"; }

  private:
    const char *name_ = "";
    std::string out_;
};

std::string str(const ordered_json &value) {
    return value.get<std::string>();
}

#define FT_STATE_NAME(n, v, t) #n,

void pairs(Metrics &metrics, const ordered_json &document) {
    const auto each = [&](auto visit) {
        for (const auto &[list, type] :
             {std::make_pair("bonds", "bond"), std::make_pair("mirrors", "mirror")})
            for (const ordered_json &pair : document[list])
                visit(pair, fmt::format("pair=\"{}\",type=\"{}\"", str(pair["name"]), type));
    };
    metrics.family("ftstack_pair_state", "stateset", "State of a pair.");
    each([&](const ordered_json &pair, const std::string &labels) {
        metrics.states(labels, str(pair["state"]), {FT_PAIR_STATES(FT_STATE_NAME)});
    });
    metrics.family("ftstack_member_state", "stateset", "State of a member of a pair.");
    each([&](const ordered_json &pair, const std::string &labels) {
        for (const ordered_json &member : pair["members"])
            metrics.states(fmt::format("{},device=\"{}\"", labels, str(member["device"])),
                           str(member["state"]), {FT_MEMBER_STATES(FT_STATE_NAME)});
    });
    metrics.family("ftstack_bond_switches", "counter", "Changes of the active port.");
    for (const ordered_json &bond : document["bonds"])
        metrics.sample(fmt::format("pair=\"{}\"", str(bond["name"])), bond["switches"], "_total");
    metrics.family("ftstack_mirror_size_bytes", "gauge", "Size of a mirror.");
    for (const ordered_json &mirror : document["mirrors"])
        metrics.sample(fmt::format("pair=\"{}\"", str(mirror["name"])), mirror["size"]);
    metrics.family("ftstack_mirror_sync_copied_bytes", "counter",
                   "Copied from leg to leg since the mirror was started.");
    for (const ordered_json &mirror : document["mirrors"])
        metrics.sample(fmt::format("pair=\"{}\"", str(mirror["name"])), mirror["sync"]["copied"],
                       "_total");
    metrics.family("ftstack_mirror_sync_remaining_bytes", "gauge", "Left to copy of a resync.");
    for (const ordered_json &mirror : document["mirrors"]) {
        const std::uint64_t done = mirror["sync"]["done"], total = mirror["sync"]["total"];
        metrics.sample(fmt::format("pair=\"{}\"", str(mirror["name"])),
                       str(mirror["state"]) == "SYNCING" && total > done ? total - done : 0);
    }
}

std::string text_of(const ordered_json &document) {
    Metrics metrics;
    metrics.family("ftstack_up", "gauge", "1 if ftd answers.");
    metrics.sample("", 1);
    metrics.family("ftstack_state", "stateset", "The worst state of all pairs.");
    for (const std::string_view state : {FT_PAIR_STATES(FT_STATE_NAME)})
        metrics.sample(fmt::format("ftstack_state=\"{}\"", state), str(document["state"]) == state);
    metrics.family("ftstack_module_state", "stateset", "State of a module.");
    for (const ordered_json &module : document["modules"])
        metrics.states(fmt::format("module=\"{}\"", module["id"].get<std::uint32_t>()),
                       str(module["state"]), {FT_MODULE_STATES(FT_STATE_NAME)});
    pairs(metrics, document);
    metrics.family("ftstack_device_faults", "gauge", "Faults of a device since they were cleared.");
    for (const ordered_json &fault : document["faults"])
        metrics.sample(fmt::format("device=\"{}\"", str(fault["device"])), fault["count"]);
    metrics.family("ftstack_device_given_up", "gauge", "1 if a device is kept out for its faults.");
    for (const ordered_json &fault : document["faults"])
        metrics.sample(fmt::format("device=\"{}\"", str(fault["device"])),
                       fault["given_up"].get<bool>());
    metrics.family("ftstack_alerts", "gauge", "Alerts that hold now.");
    for (const char *severity : {"warning", "critical"}) {
        std::uint64_t count = 0;
        for (const ordered_json &alert : document["alerts"])
            count += str(alert["severity"]) == severity;
        metrics.sample(fmt::format("severity=\"{}\"", severity), count);
    }
    metrics.family("ftstack_dump_armed", "gauge", "1 if a crash kernel is loaded.");
    metrics.sample("", dump::first_line("/sys/kernel/kexec_crash_loaded") == "1");
    metrics.family("ftstack_dump_running", "gauge",
                   "1 if the system runs from a dump, and its old memory is not back yet.");
    const std::string dump = dump::state();
    metrics.sample("", dump != "NONE" && dump != "RETURNED");
    return metrics.end();
}

#undef FT_STATE_NAME

// The collector sees the old file or the new one, never a part.
void write(const std::string &path, const std::string &text) {
    const std::string draft = path + ".new";
    std::FILE *file = std::fopen(draft.c_str(), "we");
    const bool good = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
    if (file)
        ::fchmod(::fileno(file), 0644);
    if ((file && std::fclose(file)) || !good || std::rename(draft.c_str(), path.c_str())) {
        const int error = errno;
        std::remove(draft.c_str());
        throw std::runtime_error(
            fmt::format("{} cannot be written: {}", path, std::strerror(error)));
    }
}

} // namespace

void add_metrics(CLI::App &app, int &exit) {
    CLI::App *verb = app.add_subcommand("metrics", "The state as OpenMetrics");
    verb->footer("Example: ftctl metrics --write "
                 "/var/lib/prometheus/node-exporter/ftstack.prom\n"
                 "The timer ftstack-metrics.timer does that twice a minute.");
    auto path = std::make_shared<std::string>();
    verb->add_option("--write", *path, "Into this file, replaced whole; the name ends in .prom");
    verb->callback([path, &exit] {
        std::string text;
        try {
            text = text_of(status_document(Client().objects()));
        } catch (const NoAnswer &) {
            Metrics metrics;
            metrics.family("ftstack_up", "gauge", "1 if ftd answers.");
            metrics.sample("", 0);
            text = metrics.end();
            exit = exit_no_answer;
        }
        if (path->empty())
            std::fputs(text.c_str(), stdout);
        else
            write(*path, text);
    });
}

} // namespace ftctl
