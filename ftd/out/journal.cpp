// SPDX-License-Identifier: GPL-2.0
#include "ftd/out/journal.hpp"

#include <syslog.h>
#include <systemd/sd-journal.h>

#include <fmt/format.h>

#include "ftd/common/names.hpp"

namespace ft::journal {

namespace {

int priority(ft_pair_state state) {
    switch (state) {
    case FT_PAIR_STATE_DUPLEX:
    case FT_PAIR_STATE_SYNCING:
        return LOG_NOTICE;
    case FT_PAIR_STATE_SIMPLEX:
        return LOG_WARNING;
    case FT_PAIR_STATE_BROKEN:
        return LOG_CRIT;
    }
    return LOG_CRIT;
}

std::string because(ft_reason reason) {
    const std::string_view why = reason_text(name(reason));
    return why.empty() ? std::string() : fmt::format(" ({})", why);
}

std::string with_action(std::string text, const std::string &action) {
    return action.empty() ? text : text + "; next: " + action;
}

} // namespace

void pair_state(const PairView &pair) {
    const std::string state(name(pair.state));
    const std::string reason(name(pair.reason));
    const std::string message = with_action(
        fmt::format("{} is {}{}", pair.name, state, because(pair.reason)), pair.next_action);
    sd_journal_send("MESSAGE=%s", message.c_str(), "MESSAGE_ID=%s", names::message_pair_state,
                    "PRIORITY=%i", priority(pair.state), "FT_PAIR=%s", pair.name.c_str(),
                    "FT_STATE=%s", state.c_str(), "FT_REASON=%s", reason.c_str(), nullptr);
}

void module_state(const ModuleView &module) {
    const std::string state(name(module.state));
    const std::string reason(name(module.reason));
    const std::string message =
        with_action(fmt::format("module {} is {}{}", module.id, state, because(module.reason)),
                    module.next_action);
    const bool good =
        module.state == FT_MODULE_STATE_ONLINE || module.state == FT_MODULE_STATE_SYNCING;
    sd_journal_send("MESSAGE=%s", message.c_str(), "MESSAGE_ID=%s", names::message_module_state,
                    "PRIORITY=%i", good ? LOG_NOTICE : LOG_WARNING, "FT_MODULE=%u", module.id,
                    "FT_STATE=%s", state.c_str(), "FT_REASON=%s", reason.c_str(), nullptr);
}

void configuration(const SystemView &view) {
    const bool refused = view.config_state == ConfigState::refused;
    const std::string message =
        refused ? with_action(view.summary, view.next_action)
        : view.config_state == ConfigState::none
            ? fmt::format("no configuration at {}; next: \"ftctl setup\"", names::configuration)
            : fmt::format("configuration read: {} modules, {} bonds, {} mirrors",
                          view.modules.size(), view.bonds.size(), view.mirrors.size());
    sd_journal_send("MESSAGE=%s", message.c_str(), "MESSAGE_ID=%s", names::message_configuration,
                    "PRIORITY=%i", refused ? LOG_ERR : LOG_NOTICE, nullptr);
}

void refused(const std::string &pair, const std::string &next_action) {
    sd_journal_send("MESSAGE=%s: %s", pair.c_str(), next_action.c_str(), "MESSAGE_ID=%s",
                    names::message_refused, "PRIORITY=%i", LOG_WARNING, "FT_PAIR=%s", pair.c_str(),
                    nullptr);
}

void fault(const std::string &device, const std::string &pair, const Fault &fault) {
    sd_journal_send("MESSAGE=%s: %s failed%s; fault %llu since it was cleared", pair.c_str(),
                    device.c_str(), because(fault.reason).c_str(),
                    static_cast<unsigned long long>(fault.count), "MESSAGE_ID=%s",
                    names::message_fault, "PRIORITY=%i", LOG_WARNING, "FT_PAIR=%s", pair.c_str(),
                    "FT_DEVICE=%s", device.c_str(), "FT_REASON=%s",
                    std::string(name(fault.reason)).c_str(), nullptr);
}

void given_up(const std::string &device, const std::string &pair, const Fault &fault) {
    sd_journal_send("MESSAGE=%s: %s failed %llu times and is kept out; next: replace it, or try it "
                    "again: \"ftctl fault clear %s\", then \"ftctl module online %s\"",
                    pair.c_str(), device.c_str(), static_cast<unsigned long long>(fault.count),
                    device.c_str(), device.substr(0, device.find('/')).c_str(), "MESSAGE_ID=%s",
                    names::message_given_up, "PRIORITY=%i", LOG_ERR, "FT_PAIR=%s", pair.c_str(),
                    "FT_DEVICE=%s", device.c_str(), "FT_REASON=%s",
                    std::string(name(fault.reason)).c_str(), nullptr);
}

void fault_cleared(const std::string &device) {
    sd_journal_send("MESSAGE=the faults of %s are cleared", device.c_str(), "MESSAGE_ID=%s",
                    names::message_fault_cleared, "PRIORITY=%i", LOG_NOTICE, "FT_DEVICE=%s",
                    device.c_str(), nullptr);
}

void dump(const DumpNews &news) {
    sd_journal_send("MESSAGE=%s", news.text.c_str(), "MESSAGE_ID=%s", names::message_dump,
                    "PRIORITY=%i", LOG_WARNING, "FT_NEXT_ACTION=%s", news.next_action.c_str(),
                    nullptr);
}

void state_lost(const std::string &text) {
    sd_journal_send("MESSAGE=%s", text.c_str(), "MESSAGE_ID=%s", names::message_state_lost,
                    "PRIORITY=%i", LOG_ERR, nullptr);
}

void error(const std::string &text) {
    sd_journal_send("MESSAGE=%s", text.c_str(), "PRIORITY=%i", LOG_ERR, nullptr);
}

} // namespace ft::journal
