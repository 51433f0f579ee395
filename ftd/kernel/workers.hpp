// SPDX-License-Identifier: GPL-2.0
// Work that may wait for a disk, away from the event loop, each with a deadline.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <systemd/sd-event.h>
#include <vector>

#include "ftd/common/handle.hpp"

namespace ft {

class Workers {
  public:
    explicit Workers(sd_event *event);

    // Runs `work` in a thread of its own, then `done` in the event loop. Once
    // `seconds` have passed `done` gets an Error (TimedOut) instead, and what
    // the thread still says is dropped: it can hang as long as its disk does.
    // `work` shares nothing with the loop but what it owns itself.
    void run(const std::string &what, unsigned seconds, std::function<void()> work,
             std::function<void(std::exception_ptr)> done);

  private:
    struct Job {
        std::uint64_t id;
        std::string what;
        unsigned seconds;
        std::function<void()> work;
        std::function<void(std::exception_ptr)> done;
        Handle<sd_event_source, sd_event_source_disable_unref> deadline;
        Workers *owner;
    };
    // Shared with the threads, which may outlive the loop.
    struct Finished {
        std::mutex lock;
        std::vector<std::pair<std::uint64_t, std::exception_ptr>> jobs;
        Fd wake;
    };

    void start(std::unique_ptr<Job> job);
    void collect();
    void finish(std::uint64_t id, std::exception_ptr error);
    static int deadline(sd_event_source *source, std::uint64_t now, void *job);

    sd_event *event_;
    std::shared_ptr<Finished> finished_;
    Handle<sd_event_source, sd_event_source_disable_unref> source_;
    std::map<std::uint64_t, std::unique_ptr<Job>> running_;
    std::deque<std::unique_ptr<Job>> waiting_;
    std::uint64_t next_ = 0;
    unsigned threads_ = 0; // the hanging ones included
};

} // namespace ft
