// SPDX-License-Identifier: GPL-2.0
// Client of the generic netlink family "ft": ft_core's modules and pairs.
#pragma once

#include <functional>
#include <libmnl/libmnl.h>
#include <optional>
#include <string>
#include <systemd/sd-event.h>
#include <vector>

#include "ftd/common/handle.hpp"
#include "ftd/model/kernel_state.hpp"

namespace ft {

class FtNetlink {
  public:
    // Called for each burst of events, in their order; `lost`: not with all of them.
    using Told = std::function<void(const std::vector<KernelEvent> &events, bool lost)>;

    // Nothing: ft_core is not loaded.
    static std::unique_ptr<FtNetlink> open(sd_event *event, Told told);

    // Everything as it is now. Never waits for a device.
    KernelState state();

    void define(std::uint32_t module, const std::vector<std::string> &bridges);
    void forget(std::uint32_t module);
    // `cut`: down to its bridges, where they can be.
    void isolate(std::uint32_t module, bool cut);
    void join(std::uint32_t module);

  private:
    FtNetlink() = default;

    void receive();
    KernelState dump();
    using Build = std::function<void(nlmsghdr *)>;
    using Read = std::function<void(const nlmsghdr *)>;
    // Throws std::system_error with what the kernel answered.
    void talk(std::uint8_t command, std::uint16_t flags, const Build &build, const Read &read);
    void module_command(std::uint8_t command, std::uint32_t module, bool cut = false);

    Handle<mnl_socket, mnl_socket_close> commands_, events_;
    std::uint16_t family_ = 0;
    std::uint32_t sequence_ = 0;
    Handle<sd_event_source, sd_event_source_disable_unref> source_;
    Told told_;
};

} // namespace ft
