// SPDX-License-Identifier: GPL-2.0
#include "ftd/control/dumps.hpp"

#include <sys/inotify.h>

#include "dumps/dumps.hpp"
#include "ftd/common/clock.hpp"
#include "ftd/common/error.hpp"
#include "ftd/out/journal.hpp"

namespace ft {

namespace {

constexpr unsigned look_seconds = 60, remove_seconds = 600;
constexpr char worker[] = "the folder of dumps";

struct Seen {
    DumpStatus status;
    std::string path;
};

Seen read(const std::filesystem::path &root) {
    Seen seen;
    seen.status.state = dumps::state(root);
    seen.status.work = dumps::work(root);
    try {
        const DumpConfig config = dumps::config(root);
        seen.path = config.path;
        for (const Dump &dump : dumps::list(config))
            seen.status.dumps.emplace(dump.id, dump);
        seen.status.findings = check_dump(dumps::facts(config, root), config);
    } catch (const Error &error) {
        const bool configuration = error.name() == names::error_configuration;
        seen.status.findings.push_back(
            {true, error.what(), configuration ? "correct it, then \"ftctl reload\"" : ""});
    }
    return seen;
}

} // namespace

Dumps::Dumps(sd_event *event, Workers &workers, std::filesystem::path root,
             std::function<void(const DumpStatus &)> found)
    : event_(event), workers_(workers), root_(std::move(root)), found_(std::move(found)) {
    // At once, and not only when a disk has answered.
    status_.state = dumps::state(root_);
    services_ = watch_folder(root_ / "run", IN_CREATE | IN_DELETE | IN_ONLYDIR);
}

Dumps::Source Dumps::watch_folder(const std::filesystem::path &folder, std::uint32_t mask) {
    sd_event_source *source = nullptr;
    // Not there: whoever makes it is heard of.
    sd_event_add_inotify(
        event_, &source, folder.c_str(), mask,
        [](sd_event_source *from, const inotify_event *event, void *data) {
            auto *self = static_cast<Dumps *>(data);
            // Others have their folders beside the service's.
            if (from != self->services_.get() ||
                (event->len && std::filesystem::path(dumps::run_folder).filename() == event->name))
                self->look();
            return 0;
        },
        this);
    return Source(source);
}

void Dumps::look() {
    if (looking_) {
        again_ = true;
        return;
    }
    looking_ = true;
    again_ = false;
    // Before they are looked at: nothing is missed.
    const auto service = std::filesystem::path(dumps::run_folder).relative_path();
    service_ = watch_folder(root_ / service, IN_MOVED_TO | IN_ONLYDIR);
    if (!path_.empty())
        folder_ = watch_folder(path_, IN_CREATE | IN_DELETE | IN_MOVE | IN_ONLYDIR);
    auto seen = std::make_shared<Seen>();
    workers_.run(
        worker, look_seconds, [seen, root = root_] { *seen = read(root); },
        [this, seen](std::exception_ptr error) {
            looking_ = false;
            if (!error) {
                again_ = again_ || path_ != seen->path;
                path_ = seen->path;
                if (!(status_ == seen->status)) {
                    status_ = seen->status;
                    found_(status_);
                }
            }
            if (again_)
                look();
        });
}

Progress Dumps::progress(const Job &job) const {
    const dumps::Done done = dumps::done(root_);
    return progress_of(job, done.bytes, done.total, boottime());
}

void Dumps::remove(const std::string &id, std::function<void(std::exception_ptr)> done) {
    workers_.run(
        worker, remove_seconds,
        [id, root = root_] { dumps::remove(dumps::config(root), id, root); },
        [this, done = std::move(done)](std::exception_ptr error) {
            look();
            done(error);
        });
}

} // namespace ft
