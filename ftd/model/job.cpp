// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/job.hpp"

#include <algorithm>

#include "ftd/model/view.hpp"

namespace ft {

namespace {

constexpr std::uint64_t second_ns = 1000000000;

// What a pair is busy with, empty: nothing.
std::string work_of(const PairView &pair) {
    if (!pair.running)
        return {};
    if (pair.reason == FT_REASON_SCRUB)
        return "SCRUB";
    if (pair.reason == FT_REASON_CLEAN_UP) // of a mirror that is duplex meanwhile
        return "CLEAN_UP";
    return pair.state == FT_PAIR_STATE_SYNCING ? "RESYNC" : "";
}

const char *dump_result(const Job &job, const DumpStatus &status) {
    const auto dump = status.dumps.find(job.subject);
    const bool known = dump != status.dumps.end();
    if (job.kind == "SAVE_DUMP")
        return known && dump->second.complete ? "done" : job.cancelled ? "cancelled" : "failed";
    return status.state == "RETURNED" ? "done" : "failed";
}

} // namespace

Progress progress_of(const Job &job, std::uint64_t done, std::uint64_t total, std::uint64_t now) {
    Progress progress;
    progress.total = total;
    progress.done = std::min(done, total);
    // Less than a second says little about speed.
    if (now < job.first_seen + second_ns || progress.done <= job.first_done)
        return progress;
    const auto seconds = static_cast<double>(now - job.first_seen) / second_ns;
    const double rate = static_cast<double>(progress.done - job.first_done) / seconds;
    progress.rate = static_cast<std::uint64_t>(rate);
    if (progress.rate)
        progress.remaining_s = (progress.total - progress.done + progress.rate - 1) / progress.rate;
    return progress;
}

Jobs::Change Jobs::update(const SystemView &view, const std::map<std::string, std::uint64_t> &done,
                          std::uint64_t now) {
    Change change;
    std::erase_if(jobs_, [&](const auto &entry) {
        const Job &job = entry.second;
        if (job.of_dump()) {
            if (job.kind == view.dump.work.kind && job.subject == view.dump.work.dump)
                return false;
            change.ended.push_back({job, dump_result(job, view.dump)});
            return true;
        }
        const auto mirror = view.mirrors.find(job.subject);
        if (mirror != view.mirrors.end() && work_of(mirror->second) == job.kind)
            return false;
        const bool duplex =
            mirror != view.mirrors.end() && mirror->second.state == FT_PAIR_STATE_DUPLEX;
        // A clean-up may be followed by a resync; then it came to its end.
        const bool next = mirror != view.mirrors.end() && !work_of(mirror->second).empty();
        // The mirror is duplex after a scrub however that has ended.
        const bool broken_off = job.cancelled && job.kind == "SCRUB";
        change.ended.push_back({job, (duplex || next) && !broken_off ? "done"
                                     : job.cancelled                 ? "cancelled"
                                                                     : "failed"});
        return true;
    });
    const auto begin = [&](const std::string &kind, const std::string &subject,
                           std::uint64_t since) {
        const bool known = std::any_of(jobs_.begin(), jobs_.end(), [&](const auto &entry) {
            return entry.second.subject == subject;
        });
        if (kind.empty() || known)
            return;
        Job job;
        job.id = next_++;
        job.kind = kind;
        job.subject = subject;
        job.since = since;
        const auto so_far = done.find(subject);
        job.first_done = so_far == done.end() ? 0 : so_far->second;
        job.first_seen = now;
        jobs_[job.id] = job;
        change.begun.push_back(job.id);
    };
    for (const auto &[name, pair] : view.mirrors)
        begin(work_of(pair), name, pair.since);
    begin(view.dump.work.kind, view.dump.work.dump, now);
    return change;
}

Job *Jobs::find(std::uint32_t id) {
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
}

} // namespace ft
