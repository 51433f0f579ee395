// SPDX-License-Identifier: GPL-2.0
#include "ftd/kernel/link.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/common/handle.hpp"
#include "ftd/kernel/netlink.hpp"
#include "kmod/uapi/ft_bond.h"

namespace ft::link {

namespace {

constexpr std::size_t buffer_size = 8192;

// The sentence that the kernel may send along with an error.
std::string kernel_words(const nlmsghdr *message) {
    const auto *error = static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(message));
    if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
        return {};
    std::size_t skip = sizeof(*error);
    if (!(message->nlmsg_flags & NLM_F_CAPPED))
        skip += error->msg.nlmsg_len - sizeof(nlmsghdr);
    std::string words;
    each_attribute(message, static_cast<unsigned>(skip), [&](const nlattr *attribute) {
        if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG)
            words = mnl_attr_get_str(attribute);
    });
    return words;
}

void talk(std::uint16_t type, std::uint16_t flags, const std::string &what,
          const std::function<void(nlmsghdr *, ifinfomsg *)> &build) {
    const auto fail = [&](int error, const std::string &words) {
        throw failed(fmt::format("{}: {}", what, words.empty() ? std::strerror(error) : words));
    };
    const Handle<mnl_socket, mnl_socket_close> socket(
        mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        fail(errno, {});
    int on = 1;
    mnl_socket_setsockopt(socket.get(), NETLINK_EXT_ACK, &on, sizeof(on));
    alignas(nlmsghdr) std::array<char, buffer_size> buffer{};
    nlmsghdr *request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = type;
    request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    request->nlmsg_seq = 1;
    auto *info = static_cast<ifinfomsg *>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    info->ifi_family = AF_UNSPEC;
    build(request, info);
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
        fail(errno, {});
    const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (size < 0)
        fail(errno, {});
    const auto *answer = reinterpret_cast<const nlmsghdr *>(buffer.data());
    if (!mnl_nlmsg_ok(answer, static_cast<int>(size)) || answer->nlmsg_type != NLMSG_ERROR)
        fail(EPROTO, {});
    const int error = -static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(answer))->error;
    if (error)
        fail(error, kernel_words(answer));
}

int index_of(const std::string &name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (!index)
        throw failed(fmt::format("{}: there is no such network interface", name));
    return static_cast<int>(index);
}

void put_address(nlmsghdr *request, const std::string &address) {
    std::array<std::uint8_t, 6> bytes{};
    for (std::size_t i = 0; i < bytes.size(); i++)
        bytes[i] = static_cast<std::uint8_t>(std::stoul(address.substr(i * 3, 2), nullptr, 16));
    mnl_attr_put(request, IFLA_ADDRESS, bytes.size(), bytes.data());
}

ft_bond_failback in_kernel(Failback failback) {
    switch (failback) {
    case Failback::never:
        return FT_BOND_FAILBACK_NEVER;
    case Failback::better:
        return FT_BOND_FAILBACK_BETTER;
    case Failback::always:
        return FT_BOND_FAILBACK_ALWAYS;
    }
    return FT_BOND_FAILBACK_NEVER;
}

} // namespace

bool exists(const std::string &name) {
    return if_nametoindex(name.c_str()) != 0;
}

void create_bond(const BondConfig &bond, const std::string &address) {
    talk(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "bond " + bond.name + " could not be made",
         [&](nlmsghdr *request, ifinfomsg *) {
             mnl_attr_put_strz(request, IFLA_IFNAME, bond.name.c_str());
             if (!address.empty())
                 put_address(request, address);
             nlattr *kind = mnl_attr_nest_start(request, IFLA_LINKINFO);
             mnl_attr_put_strz(request, IFLA_INFO_KIND, FT_BOND_KIND);
             mnl_attr_nest_end(request, kind);
         });
}

void remove(const std::string &name) {
    talk(RTM_DELLINK, 0, name + " could not be removed",
         [&](nlmsghdr *, ifinfomsg *info) { info->ifi_index = index_of(name); });
}

void enslave(const std::string &port, const std::string &bond) {
    talk(RTM_NEWLINK, 0, fmt::format("{} could not become a port of {}", port, bond),
         [&](nlmsghdr *request, ifinfomsg *info) {
             info->ifi_index = index_of(port);
             mnl_attr_put_u32(request, IFLA_MASTER, static_cast<std::uint32_t>(index_of(bond)));
         });
}

void prefer(const BondConfig &bond, const std::string &primary) {
    talk(RTM_NEWLINK, 0, "bond " + bond.name + " could not be given its primary port",
         [&](nlmsghdr *request, ifinfomsg *info) {
             info->ifi_index = index_of(bond.name);
             nlattr *kind = mnl_attr_nest_start(request, IFLA_LINKINFO);
             mnl_attr_put_strz(request, IFLA_INFO_KIND, FT_BOND_KIND);
             nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
             mnl_attr_put_u8(request, IFLA_FTBOND_FAILBACK,
                             static_cast<std::uint8_t>(in_kernel(bond.failback)));
             if (!primary.empty())
                 mnl_attr_put_u32(request, IFLA_FTBOND_PRIMARY,
                                  static_cast<std::uint32_t>(index_of(primary)));
             mnl_attr_nest_end(request, data);
             mnl_attr_nest_end(request, kind);
         });
}

void up(const std::string &name) {
    talk(RTM_NEWLINK, 0, name + " could not be switched on", [&](nlmsghdr *, ifinfomsg *info) {
        info->ifi_index = index_of(name);
        info->ifi_flags = IFF_UP;
        info->ifi_change = IFF_UP;
    });
}

} // namespace ft::link
