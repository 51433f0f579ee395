// SPDX-License-Identifier: GPL-2.0
#include "ftd/out/service.hpp"

#include <systemd/sd-daemon.h>

#include <fmt/format.h>

namespace ft::service {

namespace {

std::string line(const SystemView &view) {
    const std::string state(name(view.state));
    std::string text = view.summary.empty() ? state : fmt::format("{}: {}", state, view.summary);
    for (char &c : text)
        if (c == '\n')
            c = ' ';
    return text;
}

} // namespace

void ready(const SystemView &view) {
    sd_notifyf(0, "READY=1\nSTATUS=%s", line(view).c_str());
}

void status(const SystemView &view) {
    static std::string told; // systemd need not be woken to hear the same again
    const std::string now = line(view);
    if (now == told)
        return;
    sd_notifyf(0, "STATUS=%s", now.c_str());
    told = now;
}

} // namespace ft::service
