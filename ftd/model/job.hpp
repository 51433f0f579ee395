// SPDX-License-Identifier: GPL-2.0
// Long work that others than ftd do, as something with a beginning, a speed and an end:
// the copying that makes a mirror duplex again, the comparing of its legs, and what
// follows a panic.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ft {

struct SystemView;

struct Job {
    std::uint32_t id = 0;
    std::string kind;        // "RESYNC", "CLEAN_UP", "SCRUB"; "SAVE_DUMP", "RETURN_MEMORY"
    std::string subject;     // the mirror's name, or the dump's id
    std::uint64_t since = 0; // CLOCK_BOOTTIME ns, as all times here
    bool cancelled = false;  // a person has asked for its end
    // Where it was when it was seen first: what ftd missed says nothing of speed.
    std::uint64_t first_done = 0, first_seen = 0;
    bool operator==(const Job &) const = default;
    bool of_dump() const { return kind == "SAVE_DUMP" || kind == "RETURN_MEMORY"; }
};

struct Progress {
    std::uint64_t done = 0, total = 0; // bytes
    std::uint64_t rate = 0;            // bytes/s, 0: not known yet
    std::uint64_t remaining_s = 0;     // of no use while `rate` is 0
};

Progress progress_of(const Job &job, std::uint64_t done, std::uint64_t total, std::uint64_t now);

struct EndedJob {
    Job job;
    std::string result; // "done", "cancelled", "failed"
    bool operator==(const EndedJob &) const = default;
};

class Jobs {
  public:
    // What began and ended since the last view. `done`: bytes, by subject.
    struct Change {
        std::vector<std::uint32_t> begun;
        std::vector<EndedJob> ended;
    };
    Change update(const SystemView &view, const std::map<std::string, std::uint64_t> &done,
                  std::uint64_t now);

    const std::map<std::uint32_t, Job> &all() const { return jobs_; }
    Job *find(std::uint32_t id);

  private:
    std::map<std::uint32_t, Job> jobs_;
    std::uint32_t next_ = 1;
};

} // namespace ft
