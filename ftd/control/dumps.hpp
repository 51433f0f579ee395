// SPDX-License-Identifier: GPL-2.0
// What is known of dumps, and of being ready for the next: looked at anew whenever the
// folder of dumps changes, or ftstack-dump.service tells that it is at something else.
#pragma once

#include <exception>
#include <filesystem>
#include <functional>
#include <string>
#include <systemd/sd-event.h>

#include "ftd/common/handle.hpp"
#include "ftd/kernel/workers.hpp"
#include "ftd/model/dump.hpp"
#include "ftd/model/job.hpp"

namespace ft {

class Dumps {
  public:
    // `root`: where /etc, /proc, /run and /sys are looked for. `found` hears of each
    // change, out of the event loop.
    Dumps(sd_event *event, Workers &workers, std::filesystem::path root,
          std::function<void(const DumpStatus &)> found);

    const DumpStatus &status() const { return status_; }
    // Soon: the disk with the dumps may be slow to answer.
    void look();
    Progress progress(const Job &job) const;
    // One that is being saved is given up by that; what is kept of it stays.
    void remove(const std::string &id, std::function<void(std::exception_ptr)> done);

  private:
    using Source = Handle<sd_event_source, sd_event_source_disable_unref>;
    Source watch_folder(const std::filesystem::path &folder, std::uint32_t mask);

    sd_event *event_;
    Workers &workers_;
    std::filesystem::path root_;
    std::function<void(const DumpStatus &)> found_;
    DumpStatus status_;
    std::string path_; // where dumps are
    Source services_, service_, folder_;
    bool looking_ = false, again_ = false;
};

} // namespace ft
