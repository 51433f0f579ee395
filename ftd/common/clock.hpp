// SPDX-License-Identifier: GPL-2.0
// The clock that states are dated by: it runs on while the machine sleeps, and
// nobody sets it.
#pragma once

#include <cstdint>
#include <time.h>

namespace ft {

inline std::uint64_t boottime() {
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// CLOCK_BOOTTIME ns as microseconds since 1970; 0 stays 0. The difference of the
// clocks is taken once, so that a date told twice is the same date.
inline std::uint64_t calendar_us(std::uint64_t boottime_ns) {
    static const std::uint64_t offset_ns = [] {
        timespec now{};
        ::clock_gettime(CLOCK_REALTIME, &now);
        return static_cast<std::uint64_t>(now.tv_sec) * 1000000000 +
               static_cast<std::uint64_t>(now.tv_nsec) - boottime();
    }();
    return boottime_ns ? (boottime_ns + offset_ns) / 1000 : 0;
}

} // namespace ft
