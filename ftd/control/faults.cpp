// SPDX-License-Identifier: GPL-2.0
// What the System does about devices that fail: remember, try again later, or
// leave it to a person; and long work that a person may end.
#include "ftd/control/system.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>

#include "ftd/common/clock.hpp"
#include "ftd/common/error.hpp"
#include "ftd/control/config_file.hpp"
#include "ftd/kernel/device_mapper.hpp"
#include "ftd/out/journal.hpp"

namespace ft {

namespace {

constexpr unsigned save_seconds = 30;
constexpr unsigned cancel_seconds = 60;
constexpr std::uint64_t longest_sleep_us = 3600 * 1000000ULL;
constexpr std::uint64_t test_alert_us = 60 * 1000000ULL;

std::uint64_t now_us() {
    return calendar_us(boottime());
}

std::uint32_t second_of_day() {
    const auto now = static_cast<std::time_t>(now_us() / 1000000);
    std::tm local{};
    ::localtime_r(&now, &local);
    return static_cast<std::uint32_t>(local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec);
}

} // namespace

// Remembers what befell the members since they were looked at last. True: news.
bool System::note_faults(const SystemView &view) {
    bool news = false;
    if (facts_.config_state != ConfigState::ok)
        return false;
    for (const auto *pairs : {&view.bonds, &view.mirrors})
        for (const auto &[name, pair] : *pairs) {
            if (!pair.running || !pair.configured)
                continue;
            const auto findings = facts_.findings.find(name);
            for (std::size_t i = 0; i < 2; i++) {
                const MemberView &member = pair.members[i];
                const std::string &device = member.path;
                const Fault *before = facts_.faults.find(device);
                if (pair.state == FT_PAIR_STATE_DUPLEX && before &&
                    (before->attempts || before->given_up || before->retry_at)) {
                    facts_.faults.back(device);
                    news = true;
                }
                // What ftd found itself has been taken note of then.
                const bool found = findings != facts_.findings.end() &&
                                   findings->second.members[i].reason != FT_REASON_NONE;
                const bool lost = member.state == FT_MEMBER_STATE_FAULTY ||
                                  member.state == FT_MEMBER_STATE_MISSING;
                if (!lost || found ||
                    (!is_fault(member.reason) && member.reason != FT_REASON_REMOVED))
                    continue;
                const bool was_out = before && before->given_up;
                if (!facts_.faults.lost(device, member.reason, calendar_us(member.since),
                                        facts_.config.faults_of(device), facts_.config.limits))
                    continue;
                news = true;
                const Fault &fault = *facts_.faults.find(device);
                if (!is_fault(member.reason))
                    continue;
                journal::fault(device, name, fault);
                if (fault.given_up && !was_out)
                    journal::given_up(device, name, fault);
                if (!fault.given_up)
                    wake_at(fault.retry_at);
            }
        }
    return news;
}

// A return that was begun did not work out.
void System::not_back(const std::string &pair, const std::string &device, ft_reason reason) {
    const Fault *before = facts_.faults.find(device);
    const bool was_out = before && before->given_up;
    const std::uint64_t now = now_us();
    facts_.faults.not_back(device, reason, now, facts_.config.faults_of(device),
                           facts_.config.limits);
    const Fault &fault = *facts_.faults.find(device);
    if (fault.given_up && !was_out)
        journal::given_up(device, pair, fault);
    // Even one that was given up is needed when the other one fails.
    wake_at(fault.retry_at);
}

// The device failed, is there all the same, and its time has come.
bool System::return_is_due(const std::string &device) {
    const Fault *fault = facts_.faults.find(device);
    if (!fault || !fault->retry_at)
        return false;
    const std::uint64_t now = now_us();
    // Longer than any wait is: the clock was set back.
    if (fault->retry_at <= now || fault->retry_at > now + longest_sleep_us)
        return true;
    wake_at(fault->retry_at);
    return false;
}

// Reconciles again at this time, or earlier.
void System::wake_at(std::uint64_t us) {
    wake_ = std::min(wake_, us);
}

void System::arm_wake() {
    wake_timer_.reset();
    if (wake_ == never)
        return;
    const std::uint64_t now = now_us();
    sd_event_source *source = nullptr;
    const int error = sd_event_add_time_relative(
        event_, &source, CLOCK_BOOTTIME, wake_ > now ? std::min(wake_ - now, longest_sleep_us) : 0,
        0,
        [](sd_event_source *, std::uint64_t, void *data) {
            static_cast<System *>(data)->reconcile();
            return 0;
        },
        this);
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "timer");
    wake_timer_.reset(source);
}

// Whether a member that is there may be taken in now; if it is a matter of time a
// timer is set. `waiting`: how it is published until a person takes it in.
bool System::may_return(const std::string &pair, std::size_t member, const std::string &device,
                        bool last, const Finding &waiting) {
    const std::uint64_t now = now_us();
    const FaultBook::Decision decision =
        facts_.faults.decide(device, now, last, facts_.config.limits);
    switch (decision.use) {
    case FaultBook::Use::given_up:
        return false;
    case FaultBook::Use::later:
        wake_at(decision.at);
        return false;
    case FaultBook::Use::now:
        break;
    }
    if (last)
        return true;
    const auto wait = facts_.config.return_policy.wait_s(second_of_day());
    if (wait == 0U)
        return true;
    const std::string id = device.substr(0, device.find('/'));
    found(pair, member, waiting,
          fmt::format("{} is back; {}take it in: \"ftctl module online {}\"", device,
                      wait ? fmt::format("it is used again from {} on; sooner: ",
                                         facts_.config.return_policy.str().substr(0, 5))
                           : std::string(),
                      id));
    if (wait)
        wake_at(now + std::uint64_t{*wait} * 1000000);
    return false;
}

void System::clear_fault(const std::string &device) {
    if (!facts_.faults.clear(device))
        throw refused(
            fmt::format("no fault of {} is known; \"ftctl fault list\" shows which are", device));
    journal::fault_cleared(device);
    publish();
}

void System::cancel_job(std::uint32_t id, Done done) {
    Job *job = jobs_.find(id);
    if (!job)
        throw refused("it has ended already");
    const std::string &name = job->subject;
    if (job->kind == "SAVE_DUMP")
        throw refused(fmt::format("this is for who may delete dumps: \"ftctl dump delete {}\" ends "
                                  "it",
                                  name));
    if (job->kind == "RETURN_MEMORY")
        throw refused("memory that is on its way back cannot be stopped; it ends by itself");
    const KernelPair *pair = facts_.kernel.pair(FT_PAIR_MIRROR, name);
    if (job->kind == "SCRUB") {
        job->cancelled = true;
        tell_target(
            name, "scrub stop",
            [this, id, name](int refusal) -> std::exception_ptr {
                if (refusal == ENOENT) // it came to its end meanwhile
                    return nullptr;
                if (Job *still = jobs_.find(id))
                    still->cancelled = false;
                return std::make_exception_ptr(
                    failed(fmt::format("the scrub of {} cannot be ended: {}", name,
                                       std::generic_category().message(refusal))));
            },
            std::move(done));
        return;
    }
    std::size_t target = 0;
    while (pair && target < 2 && pair->members[target].state != FT_MEMBER_STATE_SYNCING)
        target++;
    if (!pair || target == 2 || job->kind != "RESYNC")
        throw refused(fmt::format("{} is cleaning up after a crash, which cannot be left undone; "
                                  "it ends by itself",
                                  name));
    job->cancelled = true;
    auto result = std::make_shared<int>(0);
    workers_.run(
        name, cancel_seconds,
        [name, target, result] { *result = dm::message(name, fmt::format("remove {}", target)); },
        [this, id, name, result, done = std::move(done)](std::exception_ptr error) {
            // ENOENT: it came to its end meanwhile.
            if (!error && *result && *result != ENOENT)
                error = std::make_exception_ptr(
                    failed(fmt::format("the resync of {} cannot be ended: {}", name,
                                       std::generic_category().message(*result))));
            if (error)
                if (Job *still = jobs_.find(id))
                    still->cancelled = false;
            refresh();
            reconcile();
            done(error);
        });
}

void System::delete_dump(const std::string &id, Done done) {
    for (const auto &[number, job] : jobs_.all())
        if (job.kind == "SAVE_DUMP" && job.subject == id)
            jobs_.find(number)->cancelled = true;
    dumps_->remove(id, std::move(done));
}

void System::test_alert() {
    facts_.test_alert = boottime();
    sd_event_source *source = nullptr;
    const int error = sd_event_add_time_relative(
        event_, &source, CLOCK_BOOTTIME, test_alert_us, 0,
        [](sd_event_source *, std::uint64_t, void *data) {
            auto *self = static_cast<System *>(data);
            self->test_timer_.reset();
            self->facts_.test_alert = 0;
            self->publish();
            return 0;
        },
        this);
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "timer");
    test_timer_.reset(source);
    publish();
}

// What cannot be read is set aside for whoever wants to know why, and forgotten:
// faults that happened are no reason not to look after the pairs.
//
// The folder may come late: on a mirror, which is started without it.
void System::load_state() {
    std::error_code missing;
    if (state_known_ ||
        !std::filesystem::is_directory(std::filesystem::path(paths_.state).parent_path(), missing))
        return;
    state_known_ = true;
    try {
        const auto text = config_file::read(paths_.state);
        if (!text)
            return;
        try {
            saved_faults_ = FaultBook::parse(*text);
            facts_.faults.remember(saved_faults_);
        } catch (const std::runtime_error &error) {
            const std::string aside = fmt::format("{}.bad-{}", paths_.state, now_us() / 1000000);
            std::error_code failure;
            std::filesystem::rename(paths_.state, aside, failure);
            journal::state_lost(fmt::format("{} cannot be understood ({}); it is set aside as {}, "
                                            "and past faults are forgotten",
                                            paths_.state, error.what(), aside));
        }
    } catch (const Error &error) {
        journal::state_lost(fmt::format("{}; past faults are forgotten", error.what()));
    }
}

// Faults of places that no pair has any more.
void System::forget_others() {
    if (facts_.config_state != ConfigState::ok)
        return;
    std::vector<std::string> devices;
    for (const BondConfig &bond : facts_.config.bonds)
        for (const DevicePath &port : bond.ports)
            devices.push_back(port.str());
    for (const MirrorConfig &mirror : facts_.config.mirrors)
        for (const DevicePath &leg : mirror.legs)
            devices.push_back(leg.str());
    facts_.faults.keep_only(devices);
}

// In a worker: /var may be on the very disk that hangs. One write at a time, the
// latest text next.
void System::save_state() {
    if (saving_ || !state_known_ || facts_.faults == saved_faults_)
        return;
    const std::string text = facts_.faults.write();
    saving_ = true;
    workers_.run(
        "the state file", save_seconds,
        [path = paths_.state, text] { config_file::write(path, text, 0600); },
        [this](std::exception_ptr error) {
            saving_ = false;
            if (!error) {
                save_state();
                return;
            }
            try {
                std::rethrow_exception(error);
            } catch (const std::exception &caught) {
                journal::error(caught.what());
            }
        });
    saved_faults_ = facts_.faults;
}

void System::stop() {
    if (!state_known_ || facts_.faults == saved_faults_)
        return;
    try {
        config_file::write(paths_.state, facts_.faults.write(), 0600);
    } catch (const Error &error) {
        journal::error(error.what());
    }
}

} // namespace ft
