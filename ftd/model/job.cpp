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
        const auto mirror = view.mirrors.find(job.mirror);
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
    for (const auto &[name, pair] : view.mirrors) {
        const std::string kind = work_of(pair);
        const bool known = std::any_of(jobs_.begin(), jobs_.end(),
                                       [&](const auto &job) { return job.second.mirror == name; });
        if (kind.empty() || known)
            continue;
        Job job;
        job.id = next_++;
        job.kind = kind;
        job.mirror = name;
        job.since = pair.since;
        const auto so_far = done.find(name);
        job.first_done = so_far == done.end() ? 0 : so_far->second;
        job.first_seen = now;
        jobs_[job.id] = job;
        change.begun.push_back(job.id);
    }
    return change;
}

Job *Jobs::find(std::uint32_t id) {
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
}

} // namespace ft
