// SPDX-License-Identifier: GPL-2.0
#include "ftd/bus/access.hpp"

#include <array>
#include <cerrno>

#include "ftd/common/names.hpp"

namespace ft::access {

namespace {

struct Rule {
    const char *interface, *member, *action;
};

constexpr std::array rules{
    Rule{names::manager, "Propose", "org.ftstack.ft1.configure"},
    Rule{names::manager, "Apply", "org.ftstack.ft1.configure"},
    Rule{names::manager, "Reload", "org.ftstack.ft1.configure"},
    Rule{names::manager, "ClearFault", "org.ftstack.ft1.fault-clear"},
    Rule{names::manager, "TestAlert", "org.ftstack.ft1.configure"},
    Rule{names::module, "Remove", "org.ftstack.ft1.module-offline"},
    Rule{names::module, "Online", "org.ftstack.ft1.module-offline"},
    Rule{names::mirror, "StartAlone", "org.ftstack.ft1.manage-pair"},
    Rule{names::mirror, "Resolve", "org.ftstack.ft1.manage-pair"},
    Rule{names::mirror, "Replace", "org.ftstack.ft1.manage-pair"},
    Rule{names::mirror, "Scrub", "org.ftstack.ft1.manage-pair"},
    Rule{names::mirror, "Grow", "org.ftstack.ft1.manage-pair"},
    Rule{names::mirror, "Prefer", "org.ftstack.ft1.manage-pair"},
    Rule{names::dump, "Delete", "org.ftstack.ft1.dump"},
    Rule{names::job, "Cancel", "org.ftstack.ft1.manage-pair"},
};

constexpr std::uint64_t answer_us = 120 * 1000000ULL;

void deny(const Call &call) {
    sd_bus_reply_method_errorf(call.message(), SD_BUS_ERROR_ACCESS_DENIED,
                               "%s needs more rights; try as root, or ask the administrator for a "
                               "polkit rule",
                               sd_bus_message_get_member(call.message()));
}

struct Question {
    std::shared_ptr<Call> call;
    std::function<void()> granted;
};

int answered(sd_bus_message *answer, void *data, sd_bus_error *) {
    const std::unique_ptr<Question> question(static_cast<Question *>(data));
    int authorized = 0, challenge = 0;
    // No polkit, or none that answers: nobody but root, who was not asked about.
    if (sd_bus_message_is_method_error(answer, nullptr) ||
        sd_bus_message_enter_container(answer, 'r', "bba{ss}") < 0 ||
        sd_bus_message_read(answer, "bb", &authorized, &challenge) < 0 || !authorized)
        deny(*question->call);
    else
        question->granted();
    return 0;
}

bool is_root(sd_bus_message *message) {
    sd_bus_creds *creds = nullptr;
    if (sd_bus_query_sender_creds(message, SD_BUS_CREDS_EUID, &creds) < 0)
        return false;
    const Handle<sd_bus_creds, sd_bus_creds_unref> owner(creds);
    uid_t uid = 0;
    return sd_bus_creds_get_euid(creds, &uid) >= 0 && uid == 0;
}

} // namespace

std::optional<std::string> action(const std::string &interface, const std::string &member) {
    for (const Rule &rule : rules)
        if (interface == rule.interface && member == rule.member)
            return rule.action;
    return std::nullopt;
}

void check(const std::shared_ptr<Call> &call, std::function<void()> granted) {
    sd_bus_message *message = call->message();
    const auto needed =
        action(sd_bus_message_get_interface(message), sd_bus_message_get_member(message));
    if (!needed) {
        deny(*call);
        return;
    }
    // Polkit would let root do everything; not asking it keeps root able to act
    // while polkit hangs, perhaps on the very disk that root is to replace.
    if (is_root(message)) {
        granted();
        return;
    }
    sd_bus *bus = sd_bus_message_get_bus(message);
    sd_bus_message *request = nullptr;
    if (sd_bus_message_new_method_call(
            bus, &request, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
            "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization") < 0) {
        deny(*call);
        return;
    }
    const Handle<sd_bus_message, sd_bus_message_unref> owner(request);
    const bool interactive = sd_bus_message_get_allow_interactive_authorization(message) > 0;
    auto question = std::make_unique<Question>(Question{call, std::move(granted)});
    if (sd_bus_message_append(request, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                              sd_bus_message_get_sender(message), needed->c_str(), 0,
                              interactive ? 1U : 0U, "") < 0 ||
        sd_bus_call_async(bus, nullptr, request, answered, question.get(), answer_us) < 0) {
        deny(*call);
        return;
    }
    question.release();
}

} // namespace ft::access
