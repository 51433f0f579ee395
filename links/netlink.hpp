// SPDX-License-Identifier: GPL-2.0
// The attributes of a netlink message one by one (libmnl's own loops are macros
// that only C accepts).
#pragma once

#include <libmnl/libmnl.h>

namespace ft {

template <typename Visit>
void each_attribute(const nlattr *attribute, const void *end, Visit visit) {
    const auto left = [&] {
        return static_cast<int>(static_cast<const char *>(end) -
                                reinterpret_cast<const char *>(attribute));
    };
    for (; mnl_attr_ok(attribute, left()); attribute = mnl_attr_next(attribute))
        visit(attribute);
}

template <typename Visit>
void each_attribute(const nlmsghdr *message, unsigned offset, Visit visit) {
    each_attribute(static_cast<const nlattr *>(mnl_nlmsg_get_payload_offset(message, offset)),
                   mnl_nlmsg_get_payload_tail(message), visit);
}

template <typename Visit>
void each_attribute(const nlattr *nest, Visit visit) {
    const auto *begin = static_cast<const char *>(mnl_attr_get_payload(nest));
    each_attribute(reinterpret_cast<const nlattr *>(begin), begin + mnl_attr_get_payload_len(nest),
                   visit);
}

} // namespace ft
