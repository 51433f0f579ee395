// SPDX-License-Identifier: GPL-2.0
#include "ftd/kernel/workers.hpp"

#include <cerrno>
#include <sys/eventfd.h>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "ftd/common/error.hpp"

namespace ft {

namespace {

constexpr unsigned max_threads = 32;

} // namespace

Workers::Workers(sd_event *event) : event_(event), finished_(std::make_shared<Finished>()) {
    finished_->wake = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!finished_->wake)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    sd_event_source *source = nullptr;
    const int error = sd_event_add_io(
        event, &source, finished_->wake.get(), EPOLLIN,
        [](sd_event_source *, int fd, std::uint32_t, void *self) {
            std::uint64_t count = 0;
            if (::read(fd, &count, sizeof(count)) == sizeof(count))
                static_cast<Workers *>(self)->collect();
            return 0;
        },
        this);
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "eventfd");
    source_.reset(source);
}

void Workers::run(const std::string &what, unsigned seconds, std::function<void()> work,
                  std::function<void(std::exception_ptr)> done) {
    auto job = std::make_unique<Job>();
    job->id = next_++;
    job->what = what;
    job->seconds = seconds;
    job->work = std::move(work);
    job->done = std::move(done);
    job->owner = this;
    if (threads_ < max_threads)
        start(std::move(job));
    else
        waiting_.push_back(std::move(job));
}

void Workers::start(std::unique_ptr<Job> job) {
    sd_event_source *source = nullptr;
    const int error =
        sd_event_add_time_relative(event_, &source, CLOCK_MONOTONIC,
                                   std::uint64_t{job->seconds} * 1000000, 0, deadline, job.get());
    if (error < 0)
        throw std::system_error(-error, std::generic_category(), "timer");
    job->deadline.reset(source);
    const std::uint64_t id = job->id;
    // Detached: a thread that hangs in a disk cannot be joined, and all that it
    // touches is its own or held by `finished`.
    std::thread([id, work = std::move(job->work), finished = finished_]() mutable {
        std::exception_ptr thrown;
        try {
            work();
        } catch (...) {
            thrown = std::current_exception();
        }
        work = nullptr;
        const std::lock_guard guard(finished->lock);
        finished->jobs.emplace_back(id, thrown);
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t woken =
            ::write(finished->wake.get(), &one, sizeof(one)); // full: the loop is woken anyway
    }).detach();
    threads_++;
    running_.emplace(id, std::move(job));
}

void Workers::collect() {
    std::vector<std::pair<std::uint64_t, std::exception_ptr>> jobs;
    {
        const std::lock_guard guard(finished_->lock);
        jobs.swap(finished_->jobs);
    }
    for (auto &[id, error] : jobs) {
        threads_--;
        finish(id, error);
    }
    while (threads_ < max_threads && !waiting_.empty()) {
        auto job = std::move(waiting_.front());
        waiting_.pop_front();
        start(std::move(job));
    }
}

void Workers::finish(std::uint64_t id, std::exception_ptr error) {
    const auto found = running_.find(id);
    if (found == running_.end()) // its time was over
        return;
    const auto job = std::move(found->second);
    running_.erase(found);
    job->done(error);
}

int Workers::deadline(sd_event_source *, std::uint64_t, void *data) {
    auto *job = static_cast<Job *>(data);
    job->owner->finish(
        job->id, std::make_exception_ptr(
                     Error(names::error_timed_out,
                           fmt::format("{}: no answer within {} s; the disk hangs, or is very slow",
                                       job->what, job->seconds))));
    return 0;
}

} // namespace ft
