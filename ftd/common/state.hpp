// SPDX-License-Identifier: GPL-2.0
// The names of the states and reasons, all taken from the tables of ft.h.
#pragma once

#include <optional>
#include <string_view>

#include "kmod/uapi/ft.h"

namespace ft {

#define FT_NAME_CASE(n, v, t)                                                                      \
    case v:                                                                                        \
        return #n;
#define FT_TEXT_CASE(n, v, t)                                                                      \
    case v:                                                                                        \
        return t;
#define FT_NAMES(type, table)                                                                      \
    constexpr std::string_view name(type value) {                                                  \
        switch (static_cast<int>(value)) { table(FT_NAME_CASE) }                                   \
        return "UNKNOWN";                                                                          \
    }                                                                                              \
    constexpr std::string_view text(type value) {                                                  \
        switch (static_cast<int>(value)) { table(FT_TEXT_CASE) }                                   \
        return "not known to this version of ftstack";                                             \
    }

FT_NAMES(ft_pair_type, FT_PAIR_TYPES)
FT_NAMES(ft_pair_state, FT_PAIR_STATES)
FT_NAMES(ft_module_state, FT_MODULE_STATES)
FT_NAMES(ft_member_state, FT_MEMBER_STATES)
FT_NAMES(ft_reason, FT_REASONS)

#undef FT_NAMES
#undef FT_TEXT_CASE
#undef FT_NAME_CASE

// What a reason that was received by name means, without the kind of member in
// front ("leg: ..."); empty for NONE and unknown ones.
constexpr std::string_view reason_text(std::string_view reason) {
    constexpr auto plain = [](std::string_view text) {
        for (const std::string_view kind : {std::string_view("leg: "), std::string_view("port: ")})
            if (text.substr(0, kind.size()) == kind)
                return text.substr(kind.size());
        return text;
    };
#define FT_REASON_IF(n, v, t)                                                                      \
    if (v != 0 && reason == #n)                                                                    \
        return plain(t);
    FT_REASONS(FT_REASON_IF)
#undef FT_REASON_IF
    return {};
}

// The reason of that name.
constexpr std::optional<ft_reason> reason_of(std::string_view reason) {
#define FT_REASON_IF(n, v, t)                                                                      \
    if (reason == #n)                                                                              \
        return FT_REASON_##n;
    FT_REASONS(FT_REASON_IF)
#undef FT_REASON_IF
    return std::nullopt;
}

} // namespace ft
