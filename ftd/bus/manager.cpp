// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/nouns.hpp"

#include <cstring>

#include "ftd/bus/property.hpp"
#include "ftd/common/clock.hpp"
#include "ftd/common/error.hpp"
#include "ftd/common/names.hpp"
#include "ftd/version.hpp"

namespace ft::bus {

namespace {

const char *name(ConfigState state) {
    switch (state) {
    case ConfigState::none:
        return "NONE";
    case ConfigState::ok:
        return "OK";
    case ConfigState::refused:
        return "REFUSED";
    }
    return "REFUSED";
}

template <auto read>
constexpr sd_bus_property_get_t manager_property =
    [](sd_bus *, const char *, const char *, const char *, sd_bus_message *reply, void *data,
       sd_bus_error *) -> int { return append(reply, read(*static_cast<System *>(data))); };

int faults_property(sd_bus *, const char *, const char *, const char *, sd_bus_message *reply,
                    void *data, sd_bus_error *) {
    int error = sd_bus_message_open_container(reply, 'a', "(ssstttttb)");
    for (const FaultView &fault : static_cast<System *>(data)->view().faults)
        if (error >= 0)
            error = sd_bus_message_append(
                reply, "(ssstttttb)", fault.device.c_str(), fault.pair.c_str(),
                std::string(ft::name(fault.reason)).c_str(), fault.count, fault.first, fault.last,
                fault.mtbf_s, fault.retry_at, fault.given_up ? 1 : 0);
    return error < 0 ? error : sd_bus_message_close_container(reply);
}

int alerts_property(sd_bus *, const char *, const char *, const char *, sd_bus_message *reply,
                    void *data, sd_bus_error *) {
    int error = sd_bus_message_open_container(reply, 'a', "(sssst)");
    for (const Alert &alert : static_cast<System *>(data)->view().alerts)
        if (error >= 0)
            error = sd_bus_message_append(reply, "(sssst)", alert.id.c_str(),
                                          alert.severity.c_str(), alert.text.c_str(),
                                          alert.next_action.c_str(), calendar_us(alert.since));
    return error < 0 ? error : sd_bus_message_close_container(reply);
}

int dump_findings_property(sd_bus *, const char *, const char *, const char *,
                           sd_bus_message *reply, void *data, sd_bus_error *) {
    int error = sd_bus_message_open_container(reply, 'a', "(sss)");
    for (const DumpFinding &finding : static_cast<System *>(data)->view().dump.findings)
        if (error >= 0)
            error = sd_bus_message_append(reply, "(sss)", finding.bad ? "BAD" : "WARN",
                                          finding.text.c_str(), finding.next_action.c_str());
    return error < 0 ? error : sd_bus_message_close_container(reply);
}

std::optional<ReplaceBlank> replace_blank_option(const Call &call) {
    std::optional<ReplaceBlank> result;
    sd_bus_message *message = call.message();
    sd_bus_message_enter_container(message, 'a', "{sv}");
    while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
        const char *key = nullptr, *value = nullptr;
        sd_bus_message_read(message, "s", &key);
        if (std::strcmp(key, "replace_blank") != 0)
            throw refused(std::string("unknown option ") + key + "; known: replace_blank");
        if (sd_bus_message_read(message, "v", "s", &value) < 0 ||
            (std::strcmp(value, "ask") != 0 && std::strcmp(value, "auto") != 0))
            throw refused("replace_blank must be \"ask\" or \"auto\"");
        result = std::strcmp(value, "auto") == 0 ? ReplaceBlank::automatic : ReplaceBlank::ask;
        sd_bus_message_exit_container(message);
    }
    return result;
}

} // namespace

const sd_bus_vtable manager_vtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_ARGS("Propose", SD_BUS_ARGS("a{sv}", options),
                            SD_BUS_RESULT("s", configuration, "s", proposal), dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Apply", SD_BUS_ARGS("s", configuration, "t", flags), SD_BUS_NO_RESULT,
                            dispatch, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("ClearFault", SD_BUS_ARGS("s", device), SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD_WITH_ARGS("TestAlert", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, dispatch,
                            SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_SIGNAL_WITH_ARGS("JobRemoved",
                            SD_BUS_ARGS("o", job, "s", kind, "s", subject, "s", result), 0),
    SD_BUS_PROPERTY("Version", "s",
                    manager_property<[](const System &) { return std::string(version); }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY(
        "State", "s",
        manager_property<[](const System &s) { return std::string(ft::name(s.view().state)); }>, 0,
        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Summary", "s",
                    manager_property<[](const System &s) { return s.view().summary; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("NextAction", "s",
                    manager_property<[](const System &s) { return s.view().next_action; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY(
        "ConfigurationState", "s",
        manager_property<[](const System &s) { return std::string(name(s.view().config_state)); }>,
        0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("ConfigurationError", "s",
                    manager_property<[](const System &s) { return s.view().config_error; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("ConfigurationPath", "s",
                    manager_property<[](const System &s) { return s.config_path(); }>, 0,
                    SD_BUS_VTABLE_PROPERTY_CONST),
    SD_BUS_PROPERTY("Faults", "a(ssstttttb)", faults_property, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("Alerts", "a(sssst)", alerts_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("DumpState", "s",
                    manager_property<[](const System &s) { return s.view().dump.state; }>, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("DumpReason", "s",
                    manager_property<[](const System &s) { return dump_news(s.view().dump).text; }>,
                    0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY(
        "DumpNextAction", "s",
        manager_property<[](const System &s) { return dump_news(s.view().dump).next_action; }>, 0,
        SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_PROPERTY("DumpFindings", "a(sss)", dump_findings_property, 0,
                    SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
    SD_BUS_VTABLE_END,
};

const std::map<std::string, Method> &manager_methods() {
    static const std::map<std::string, Method> methods{
        {"Propose",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.propose(replace_blank_option(*call),
                            [call](std::exception_ptr error, const std::string &configuration,
                                   const std::string &json) {
                                if (error)
                                    call->end(error);
                                else
                                    call->reply(configuration, json);
                            });
         }},
        {"Apply",
         [](System &system, const std::shared_ptr<Call> &call) {
             const std::string text = call->text();
             const std::uint64_t flags = call->number();
             if (flags & ~names::flag_wipe)
                 throw refused("unknown flag; known: 1 (wipe)");
             system.apply(text, flags & names::flag_wipe,
                          [call](std::exception_ptr error) { call->end(error); });
         }},
        {"ClearFault",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.clear_fault(call->text());
             call->reply();
         }},
        {"TestAlert",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.test_alert();
             call->reply();
         }},
        {"Reload",
         [](System &system, const std::shared_ptr<Call> &call) {
             system.reload();
             call->reply();
         }},
    };
    return methods;
}

Changed manager_changes(const SystemView &before, const SystemView &now) {
    Changed changed;
    if (before.state != now.state)
        changed.push_back("State");
    if (before.summary != now.summary)
        changed.push_back("Summary");
    if (before.next_action != now.next_action)
        changed.push_back("NextAction");
    if (before.config_state != now.config_state)
        changed.push_back("ConfigurationState");
    if (before.config_error != now.config_error)
        changed.push_back("ConfigurationError");
    if (before.faults != now.faults)
        changed.push_back("Faults");
    if (before.alerts != now.alerts)
        changed.push_back("Alerts");
    if (before.dump.state != now.dump.state)
        changed.push_back("DumpState");
    const DumpNews said = dump_news(before.dump), news = dump_news(now.dump);
    if (said.text != news.text)
        changed.push_back("DumpReason");
    if (said.next_action != news.next_action)
        changed.push_back("DumpNextAction");
    if (before.dump.findings != now.dump.findings)
        changed.push_back("DumpFindings");
    return changed;
}

} // namespace ft::bus
