// SPDX-License-Identifier: GPL-2.0
// Every name that ftd and its clients must agree on.
#pragma once

#include <cstdint>

namespace ft::names {

inline constexpr char bus[] = "org.ftstack.ft1";
inline constexpr char root[] = "/org/ftstack/ft1";
inline constexpr char module_root[] = "/org/ftstack/ft1/module";
inline constexpr char bond_root[] = "/org/ftstack/ft1/bond";
inline constexpr char mirror_root[] = "/org/ftstack/ft1/mirror";
inline constexpr char dump_root[] = "/org/ftstack/ft1/dump";
inline constexpr char job_root[] = "/org/ftstack/ft1/job";

inline constexpr char manager[] = "org.ftstack.ft1.Manager";
inline constexpr char module[] = "org.ftstack.ft1.Module";
inline constexpr char bond[] = "org.ftstack.ft1.Bond";
inline constexpr char dump[] = "org.ftstack.ft1.Dump";
inline constexpr char job[] = "org.ftstack.ft1.Job";
inline constexpr char mirror[] = "org.ftstack.ft1.Mirror";

inline constexpr char configuration[] = "/etc/ftstack/ftd.conf";
inline constexpr char state[] = "/var/lib/ftstack/state.json";
inline constexpr char alert_hooks[] = "/etc/ftstack/alert.d";

// Flags of Manager.Apply and Mirror.Replace; `adopt` of the latter alone.
inline constexpr std::uint64_t flag_wipe = 1;
inline constexpr std::uint64_t flag_adopt = 2;

inline constexpr char error_configuration[] = "org.ftstack.ft1.Error.InvalidConfiguration";
inline constexpr char error_refused[] = "org.ftstack.ft1.Error.Refused";
inline constexpr char error_blocked[] = "org.ftstack.ft1.Error.Blocked";
inline constexpr char error_failed[] = "org.ftstack.ft1.Error.Failed";
inline constexpr char error_timed_out[] = "org.ftstack.ft1.Error.TimedOut";
inline constexpr char error_no_kernel[] = "org.ftstack.ft1.Error.NoKernel";

// What a journal entry is about; `journalctl MESSAGE_ID=...` finds them all.
inline constexpr char message_pair_state[] = "5d3a37ca876c4df2a8bb5a6b3e0cf9a1";
inline constexpr char message_module_state[] = "8c1df9b54f3a4e0cb8a1ee6d0c6f2b17";
inline constexpr char message_configuration[] = "e6a0f1d2f5e54f0f9d0a6e8b1c3d7a42";
inline constexpr char message_refused[] = "b7f0c6a19e0d4a5f8c2b1d3e4f506172";
inline constexpr char message_fault[] = "3f1b6a0e5c7d4b7e9a52c8d1e0f3a694";
inline constexpr char message_given_up[] = "a94c2f7710b84d3f8e6b5d29c3f0e7b1";
inline constexpr char message_fault_cleared[] = "0d8e5b3c6f2a4e19b7c4f6a8d1e2b305";
inline constexpr char message_dump[] = "c2a7d0f94e6b4b1f8d35907b1ae6c458";
inline constexpr char message_state_lost[] = "6b2e9f04d1c84a7a93e5b8f7c0d61a2e";

} // namespace ft::names
