// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/fault.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "ftd/model/config.hpp"

namespace ft {

namespace {

constexpr std::uint64_t second = 1000000;
constexpr std::size_t kept_times = 32;
constexpr std::uint64_t longest_wait_s = 600;
// Two clocks and a restart of ftd lie between an event and the one told again.
constexpr std::uint64_t same = 2 * second;
constexpr std::uint64_t state_version = 1;

void add(std::vector<std::uint64_t> &times, std::uint64_t when) {
    times.push_back(when);
    if (times.size() > kept_times)
        times.erase(times.begin());
}

// The library would make a whole number of anything that is a number.
std::uint64_t whole(const nlohmann::json &value,
                    std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max)
        throw std::runtime_error("a number that cannot be");
    return value.get<std::uint64_t>();
}

std::vector<std::uint64_t> list(const nlohmann::json &values) {
    std::vector<std::uint64_t> result;
    for (const nlohmann::json &value : values)
        result.push_back(whole(value));
    return result;
}

std::uint64_t doubled(std::uint64_t seconds, std::size_t times) {
    while (times-- > 0 && seconds < longest_wait_s)
        seconds *= 2;
    return std::min(seconds, longest_wait_s) * second;
}

} // namespace

Cure cure_of(ft_reason reason) {
    switch (reason) {
    case FT_REASON_IO_ERROR:
    case FT_REASON_TIMEOUT:
    case FT_REASON_RECORD_FAILED:
        return Cure::repair;
    case FT_REASON_SPLIT_BRAIN:
    case FT_REASON_FOREIGN:
    case FT_REASON_BLANK:
    case FT_REASON_DAMAGED:
    case FT_REASON_INCONSISTENT:
    case FT_REASON_NEWER_LEG:
    case FT_REASON_TX_STALLED:
    // The module's fault: its devices may be as good as ever.
    case FT_REASON_FATAL_ERROR:
    case FT_REASON_POWER_FAULT:
        return Cure::person;
    case FT_REASON_NONE:
    case FT_REASON_NEVER_THERE:
    case FT_REASON_REMOVED:
    case FT_REASON_ISOLATED:
    case FT_REASON_OPERATOR:
    case FT_REASON_LINK_DOWN:
    case FT_REASON_ADMIN_DOWN:
    case FT_REASON_RESYNC:
    case FT_REASON_STALE:
    case FT_REASON_CLEAN_UP:
    case FT_REASON_FAILBACK:
    case FT_REASON_SCRUB:
    case FT_REASON_UNREADABLE:
    // What a port suffers ft_bond sees to by itself, and when it is over.
    case FT_REASON_PATH_DEAD:
    case FT_REASON_PATH_TX_DEAD:
    case FT_REASON_PATH_RX_DEAD:
        return Cure::none;
    }
    return Cure::person; // a reason that a newer kernel module knows
}

bool is_fault(ft_reason reason) {
    return cure_of(reason) == Cure::repair;
}

std::optional<std::uint64_t> mtbf_s(const Fault &fault) {
    if (fault.times.size() < 2)
        return std::nullopt;
    return (fault.times.back() - fault.times.front()) / (fault.times.size() - 1) / second;
}

void FaultBook::judge(Fault &fault, std::uint64_t now, const FaultPolicy &policy,
                      const FaultLimits &limits) {
    // A clock that was set back must not make a wait of years.
    fault.retry_at = now + doubled(std::max(policy.retry_s, 1U), fault.attempts);
    if (fault.given_up)
        return;
    bool out = policy.attempts && fault.attempts >= policy.attempts;
    switch (policy.restart) {
    case Restart::always:
        break;
    case Restart::never:
        out = out || fault.count > 0;
        break;
    case Restart::threshold:
        if (const auto mtbf = mtbf_s(fault))
            out = out || (fault.count >= policy.minimum_count && *mtbf < policy.mtbf_threshold_s);
        break;
    }
    // Many at once have a cause in common: a cable, a power supply, a driver. To
    // give them all up would leave nothing to go on with once that is cured.
    const auto lately = std::count_if(faults_.begin(), faults_.end(), [&](const auto &entry) {
        const std::uint64_t at = entry.second.given_up;
        return at && at + limits.give_up_span_s * second > now;
    });
    if (out && static_cast<std::uint32_t>(lately) < limits.give_up)
        fault.given_up = now;
}

bool FaultBook::lost(const std::string &device, ft_reason reason, std::uint64_t when,
                     const FaultPolicy &policy, const FaultLimits &limits) {
    Fault &fault = faults_[device];
    if (fault.seen && (when > fault.seen ? when - fault.seen : fault.seen - when) <= same)
        return false;
    if (when < fault.seen) { // the clock was set back: no mean can be had of both
        fault.times.clear();
        fault.losses.clear();
    }
    fault.seen = when;
    if (!is_fault(reason)) {
        add(fault.losses, when);
        return true;
    }
    fault.count++;
    fault.reason = reason;
    add(fault.times, when);
    judge(fault, when, policy, limits);
    // Failing on the way back counts as a return that failed.
    fault.attempts++;
    return true;
}

void FaultBook::not_back(const std::string &device, ft_reason reason, std::uint64_t now,
                         const FaultPolicy &policy, const FaultLimits &limits) {
    Fault &fault = faults_[device];
    fault.attempts++;
    fault.reason = reason;
    judge(fault, now, policy, limits);
}

void FaultBook::trying(const std::string &device) {
    if (const auto found = faults_.find(device); found != faults_.end())
        found->second.retry_at = 0;
}

void FaultBook::back(const std::string &device) {
    const auto found = faults_.find(device);
    if (found == faults_.end())
        return;
    found->second.attempts = 0;
    found->second.retry_at = 0;
    found->second.given_up = 0;
}

void FaultBook::tried_again(const std::string &device) {
    back(device);
}

bool FaultBook::clear(const std::string &device) {
    const auto found = faults_.find(device);
    if (found == faults_.end())
        return false;
    const bool any = found->second.count || found->second.attempts || found->second.given_up;
    const std::uint64_t seen = found->second.seen;
    found->second = {};
    found->second.seen = seen;
    return any;
}

void FaultBook::remember(const FaultBook &earlier) {
    faults_.insert(earlier.faults_.begin(), earlier.faults_.end());
}

void FaultBook::keep_only(const std::vector<std::string> &devices) {
    std::erase_if(faults_, [&](const auto &entry) {
        return std::find(devices.begin(), devices.end(), entry.first) == devices.end();
    });
}

const Fault *FaultBook::find(const std::string &device) const {
    const auto found = faults_.find(device);
    return found == faults_.end() ? nullptr : &found->second;
}

FaultBook::Decision FaultBook::decide(const std::string &device, std::uint64_t now, bool last,
                                      const FaultLimits &limits) const {
    const Fault *fault = find(device);
    if (!fault)
        return {};
    if (fault->given_up && !last)
        return {Use::given_up, 0};
    std::uint64_t at = fault->retry_at;
    // What comes and goes all the time is left alone until it stays.
    const auto flaps = static_cast<std::size_t>(
        std::count_if(fault->losses.begin(), fault->losses.end(), [&](std::uint64_t when) {
            return when + limits.flap_span_s * second > now && when <= now;
        }));
    if (!last && limits.flaps && flaps >= limits.flaps)
        at = std::max(at, fault->losses.back() + doubled(10, flaps - limits.flaps));
    // The clock was set back since.
    if (at > now + longest_wait_s * second)
        at = now;
    if (at > now)
        return {Use::later, at};
    return {};
}

std::string FaultBook::write() const {
    using nlohmann::ordered_json;
    ordered_json faults = ordered_json::object();
    for (const auto &[device, fault] : faults_)
        faults[device] = {{"count", fault.count},         {"times", fault.times},
                          {"reason", name(fault.reason)}, {"seen", fault.seen},
                          {"attempts", fault.attempts},   {"retry_at", fault.retry_at},
                          {"given_up", fault.given_up},   {"losses", fault.losses}};
    return ordered_json{{"version", state_version}, {"faults", faults}}.dump(1) + "\n";
}

FaultBook FaultBook::parse(const std::string &text) try {
    using nlohmann::json;
    const json root = json::parse(text);
    if (const std::uint64_t version = whole(root.at("version")); version != state_version)
        throw std::runtime_error(fmt::format("version {} is not known", version));
    FaultBook book;
    for (const auto &[device, entry] : root.at("faults").items()) {
        if (!DevicePath::parse(device))
            throw std::runtime_error("\"" + device + "\" is no device path");
        Fault fault;
        fault.count = whole(entry.at("count"));
        fault.times = list(entry.at("times"));
        fault.seen = whole(entry.at("seen"));
        fault.attempts = static_cast<std::uint32_t>(
            whole(entry.at("attempts"), std::numeric_limits<std::uint32_t>::max()));
        fault.retry_at = whole(entry.at("retry_at"));
        fault.given_up = whole(entry.at("given_up"));
        fault.losses = list(entry.at("losses"));
        const auto reason = reason_of(entry.at("reason").get<std::string>());
        if (!reason)
            throw std::runtime_error("a reason that is not known");
        fault.reason = *reason;
        for (const auto *times : {&fault.times, &fault.losses})
            if (times->size() > kept_times || !std::is_sorted(times->begin(), times->end()))
                throw std::runtime_error("times that cannot be");
        book.faults_[device] = fault;
    }
    return book;
} catch (const nlohmann::json::exception &error) {
    throw std::runtime_error(error.what());
}

} // namespace ft
