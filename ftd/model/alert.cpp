// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/alert.hpp"

#include <fmt/format.h>

namespace ft {

namespace {

// "ftm0 is SIMPLEX (the device was removed from the machine)"
std::string line(const std::string &what, std::string_view state, ft_reason reason) {
    const std::string_view why = reason_text(name(reason));
    return fmt::format("{} is {}{}", what, state,
                       why.empty() ? std::string() : fmt::format(" ({})", why));
}

void add_pairs(std::vector<Alert> &alerts, const char *kind,
               const std::map<std::string, PairView> &pairs) {
    for (const auto &[name, pair] : pairs) {
        // On the way to duplex, or as an operator wanted it: nothing to be told.
        if (pair.state == FT_PAIR_STATE_DUPLEX || pair.state == FT_PAIR_STATE_SYNCING ||
            (pair.state == FT_PAIR_STATE_SIMPLEX && pair.requested == FT_PAIR_STATE_SIMPLEX))
            continue;
        alerts.push_back({fmt::format("{}/{}", kind, name),
                          pair.state == FT_PAIR_STATE_BROKEN ? "critical" : "warning",
                          line(fmt::format("{} {}", kind, name), ft::name(pair.state), pair.reason),
                          pair.next_action, pair.since});
    }
}

} // namespace

std::vector<Alert> list_alerts(const SystemView &view) {
    std::vector<Alert> alerts;
    if (view.config_state == ConfigState::refused)
        alerts.push_back({"configuration", "critical",
                          "the configuration is refused: " + view.config_error, view.next_action,
                          0});
    add_pairs(alerts, "mirror", view.mirrors);
    add_pairs(alerts, "bond", view.bonds);
    for (const auto &[id, module] : view.modules)
        if (module.state == FT_MODULE_STATE_BROKEN)
            alerts.push_back({fmt::format("module/{}", id), "warning",
                              line(fmt::format("module {}", id), name(module.state), module.reason),
                              module.next_action, module.since});
    for (const FaultView &fault : view.faults)
        if (fault.given_up)
            alerts.push_back(
                {"device/" + fault.device, "warning",
                 fmt::format("{} failed {} times and is kept out", fault.device, fault.count),
                 fmt::format("replace it, or try it again: \"ftctl fault clear {}\", "
                             "then \"ftctl module online {}\"",
                             fault.device, fault.device.substr(0, fault.device.find('/'))),
                 0});
    if (const DumpNews news = dump_news(view.dump); !news.text.empty())
        alerts.push_back({"dump", "warning", news.text, news.next_action, 0});
    return alerts;
}

} // namespace ft
