// SPDX-License-Identifier: GPL-2.0
#include "links/link.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <map>
#include <net/if.h>
#include <string_view>
#include <sys/socket.h>

#include <fmt/format.h>

#include "ftd/common/error.hpp"
#include "ftd/common/handle.hpp"
#include "links/netlink.hpp"

namespace ft::link {

namespace {

constexpr std::size_t buffer_size = 8192, dump_size = 32768;

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

[[noreturn]] void fail(const std::string &what, int error, std::string words = {}) {
    if (error == EPERM)
        words = "only root may do that";
    throw failed(fmt::format("{}: {}", what, words.empty() ? std::strerror(error) : words));
}

using Socket = Handle<mnl_socket, mnl_socket_close>;

Socket open_socket(const std::string &what) {
    Socket socket(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        fail(what, errno);
    int on = 1;
    mnl_socket_setsockopt(socket.get(), NETLINK_EXT_ACK, &on, sizeof(on));
    return socket;
}

nlmsghdr *put_head(char *buffer, std::uint16_t type, int flags) {
    nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    request->nlmsg_type = type;
    request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    request->nlmsg_seq = 1;
    auto *info = static_cast<ifinfomsg *>(mnl_nlmsg_put_extra_header(request, sizeof(ifinfomsg)));
    info->ifi_family = AF_UNSPEC;
    return request;
}

ifinfomsg *head(nlmsghdr *request) {
    return static_cast<ifinfomsg *>(mnl_nlmsg_get_payload(request));
}

// The one message that answers a request, which stands in the buffer as well.
template <std::size_t size>
const nlmsghdr *answer_to(const nlmsghdr *request, const Socket &socket,
                          std::array<char, size> &buffer, const std::string &what) {
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
        fail(what, errno);
    const ssize_t got = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (got < 0)
        fail(what, errno);
    const auto *answer = reinterpret_cast<const nlmsghdr *>(buffer.data());
    if (!mnl_nlmsg_ok(answer, static_cast<int>(got)))
        fail(what, EPROTO);
    return answer;
}

void talk(std::uint16_t type, int flags, const std::string &what,
          const std::function<void(nlmsghdr *)> &build) {
    const Socket socket = open_socket(what);
    alignas(nlmsghdr) std::array<char, buffer_size> buffer{};
    nlmsghdr *request = put_head(buffer.data(), type, NLM_F_ACK | flags);
    build(request);
    const nlmsghdr *answer = answer_to(request, socket, buffer, what);
    if (answer->nlmsg_type != NLMSG_ERROR)
        fail(what, EPROTO);
    const int error = -static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(answer))->error;
    if (error)
        fail(what, error, kernel_words(answer));
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

void put_settings(nlmsghdr *request, const Settings &settings) {
    const auto put_u8 = [&](std::uint16_t type, auto value) {
        if (value)
            mnl_attr_put_u8(request, type, static_cast<std::uint8_t>(*value));
    };
    const auto put_u32 = [&](std::uint16_t type, const auto &value) {
        if (value)
            mnl_attr_put_u32(request, type, *value);
    };
    const auto put_port = [&](std::uint16_t type, const std::optional<std::string> &port) {
        if (port)
            mnl_attr_put_u32(request, type,
                             port->empty() ? 0 : static_cast<std::uint32_t>(index_of(*port)));
    };
    nlattr *kind = mnl_attr_nest_start(request, IFLA_LINKINFO);
    mnl_attr_put_strz(request, IFLA_INFO_KIND, FT_BOND_KIND);
    nlattr *data = mnl_attr_nest_start(request, IFLA_INFO_DATA);
    put_port(IFLA_FTBOND_ACTIVE_PORT, settings.active);
    put_port(IFLA_FTBOND_PRIMARY, settings.primary);
    put_u8(IFLA_FTBOND_FAILBACK, settings.failback);
    put_u32(IFLA_FTBOND_HOLDDOWN, settings.holddown_ms);
    put_u32(IFLA_FTBOND_PROBE_INTERVAL, settings.probe_ms);
    put_u32(IFLA_FTBOND_ANNOUNCE_COUNT, settings.announce_count);
    put_u32(IFLA_FTBOND_ANNOUNCE_SPACING, settings.announce_spacing_ms);
    put_u8(IFLA_FTBOND_ALLOW_SAME_MODULE, settings.allow_same_module);
    mnl_attr_nest_end(request, data);
    mnl_attr_nest_end(request, kind);
}

// What a dump says of one link. Ports are named by number until all are known.
struct Found {
    int index = 0, master = 0;
    std::uint32_t active = 0, primary = 0;
    bool is_bond = false, is_port = false;
    Bond bond;
    Port port;
};

void read_bond(Found &found, const nlattr *data) {
    Bond &bond = found.bond;
    each_attribute(data, [&](const nlattr *attribute) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_FTBOND_ACTIVE_PORT:
            found.active = mnl_attr_get_u32(attribute);
            break;
        case IFLA_FTBOND_PRIMARY:
            found.primary = mnl_attr_get_u32(attribute);
            break;
        case IFLA_FTBOND_FAILBACK:
            bond.settings.failback = static_cast<ft_bond_failback>(mnl_attr_get_u8(attribute));
            break;
        case IFLA_FTBOND_HOLDDOWN:
            bond.settings.holddown_ms = mnl_attr_get_u32(attribute);
            break;
        case IFLA_FTBOND_ANNOUNCE_COUNT:
            bond.settings.announce_count = mnl_attr_get_u32(attribute);
            break;
        case IFLA_FTBOND_ANNOUNCE_SPACING:
            bond.settings.announce_spacing_ms = mnl_attr_get_u32(attribute);
            break;
        case IFLA_FTBOND_ALLOW_SAME_MODULE:
            bond.settings.allow_same_module = mnl_attr_get_u8(attribute) != 0;
            break;
        case IFLA_FTBOND_PROBE_INTERVAL:
            bond.settings.probe_ms = mnl_attr_get_u32(attribute);
            break;
        case IFLA_FTBOND_PROBING:
            bond.probing = static_cast<ft_bond_probing>(mnl_attr_get_u8(attribute));
            break;
        case IFLA_FTBOND_SWITCHES:
            bond.switches = mnl_attr_get_u32(attribute);
            break;
        case IFLA_FTBOND_SWITCH_REASON:
            bond.reason = static_cast<ft_reason>(mnl_attr_get_u32(attribute));
            break;
        case IFLA_FTBOND_SWITCH_TIME:
            bond.time = mnl_attr_get_u64(attribute);
            break;
        case IFLA_FTBOND_SWITCH_FROM:
            bond.from = mnl_attr_get_str(attribute);
            break;
        case IFLA_FTBOND_SWITCH_TO:
            bond.to = mnl_attr_get_str(attribute);
            break;
        }
    });
}

void read_port(Port &port, const nlattr *data) {
    each_attribute(data, [&](const nlattr *attribute) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_FTBOND_PORT_STATE:
            port.state = static_cast<ft_member_state>(mnl_attr_get_u8(attribute));
            break;
        case IFLA_FTBOND_PORT_REASON:
            port.reason = static_cast<ft_reason>(mnl_attr_get_u32(attribute));
            break;
        case IFLA_FTBOND_PORT_SINCE:
            port.since = mnl_attr_get_u64(attribute);
            break;
        case IFLA_FTBOND_PORT_TX_DROPPED:
            port.tx_dropped = mnl_attr_get_u64(attribute);
            break;
        case IFLA_FTBOND_PORT_RX_DROPPED:
            port.rx_dropped = mnl_attr_get_u64(attribute);
            break;
        case IFLA_FTBOND_PORT_PROBES_SENT:
            port.probes_sent = mnl_attr_get_u64(attribute);
            break;
        case IFLA_FTBOND_PORT_PROBES_ARRIVED:
            port.probes_arrived = mnl_attr_get_u64(attribute);
            break;
        case IFLA_FTBOND_PORT_PROBE_ANSWERS:
            port.probe_answers = mnl_attr_get_u64(attribute);
            break;
        case IFLA_FTBOND_PORT_PROBES_LOOPED:
            port.probes_looped = mnl_attr_get_u64(attribute);
            break;
        }
    });
}

void read_kind(Found &found, const nlattr *link_info) {
    const nlattr *data = nullptr, *port_data = nullptr;
    each_attribute(link_info, [&](const nlattr *attribute) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_INFO_KIND:
            found.is_bond = std::string_view(mnl_attr_get_str(attribute)) == FT_BOND_KIND;
            break;
        case IFLA_INFO_SLAVE_KIND:
            found.is_port = std::string_view(mnl_attr_get_str(attribute)) == FT_BOND_KIND;
            break;
        case IFLA_INFO_DATA:
            data = attribute;
            break;
        case IFLA_INFO_SLAVE_DATA:
            port_data = attribute;
            break;
        }
    });
    if (found.is_bond && data)
        read_bond(found, data);
    if (found.is_port && port_data)
        read_port(found.port, port_data);
}

Found read_link(const nlmsghdr *message) {
    const auto *info = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
    Found found;
    found.index = info->ifi_index;
    found.bond.up = (info->ifi_flags & IFF_UP) != 0;
    each_attribute(message, sizeof(*info), [&](const nlattr *attribute) {
        switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
            found.bond.name = found.port.name = mnl_attr_get_str(attribute);
            break;
        case IFLA_MASTER:
            found.master = static_cast<int>(mnl_attr_get_u32(attribute));
            break;
        case IFLA_LINKINFO:
            read_kind(found, attribute);
            break;
        }
    });
    return found;
}

std::vector<Found> dump() {
    const std::string what = "the network interfaces cannot be listed";
    const Socket socket = open_socket(what);
    alignas(nlmsghdr) std::array<char, dump_size> buffer{};
    const nlmsghdr *request = put_head(buffer.data(), RTM_GETLINK, NLM_F_DUMP);
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
        fail(what, errno);
    std::vector<Found> found;
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
        if (size < 0)
            fail(what, errno);
        int left = static_cast<int>(size);
        for (const auto *message = reinterpret_cast<const nlmsghdr *>(buffer.data());
             mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            if (message->nlmsg_type == NLMSG_DONE)
                return found;
            if (message->nlmsg_type == NLMSG_ERROR)
                fail(what, -static_cast<const nlmsgerr *>(mnl_nlmsg_get_payload(message))->error);
            found.push_back(read_link(message));
        }
    }
}

} // namespace

bool exists(const std::string &name) {
    return if_nametoindex(name.c_str()) != 0;
}

ft_pair_state Bond::state() const {
    const auto working = std::count_if(ports.begin(), ports.end(), [](const Port &port) {
        return port.state == FT_MEMBER_STATE_ACTIVE || port.state == FT_MEMBER_STATE_STANDBY;
    });
    return working == 2   ? FT_PAIR_STATE_DUPLEX
           : working == 1 ? FT_PAIR_STATE_SIMPLEX
                          : FT_PAIR_STATE_BROKEN;
}

const char *name(ft_bond_failback failback) {
    switch (failback) {
    case FT_BOND_FAILBACK_NEVER:
        return "never";
    case FT_BOND_FAILBACK_BETTER:
        return "better";
    case FT_BOND_FAILBACK_ALWAYS:
        return "always";
    }
    return "unknown";
}

const char *name(ft_bond_probing probing) {
    switch (probing) {
    case FT_BOND_PROBING_OFF:
        return "OFF";
    case FT_BOND_PROBING_UNKNOWN:
        return "UNKNOWN";
    case FT_BOND_PROBING_OK:
        return "OK";
    case FT_BOND_PROBING_FILTERED:
        return "FILTERED";
    case FT_BOND_PROBING_FAULT:
        return "FAULT";
    }
    return "UNKNOWN";
}

std::vector<Bond> bonds() {
    const std::vector<Found> links = dump();
    std::map<int, std::string> names{{0, {}}};
    std::vector<Bond> result;
    for (const Found &found : links)
        names[found.index] = found.bond.name;
    for (const Found &found : links) {
        if (!found.is_bond)
            continue;
        Bond bond = found.bond;
        bond.settings.active = names[static_cast<int>(found.active)];
        bond.settings.primary = names[static_cast<int>(found.primary)];
        for (const Found &other : links)
            if (other.is_port && other.master == found.index)
                bond.ports.push_back(other.port);
        result.push_back(std::move(bond));
    }
    return result;
}

std::optional<Bond> bond(const std::string &name) {
    const std::string what = "bond " + name;
    const int index = static_cast<int>(if_nametoindex(name.c_str()));
    if (!index)
        return std::nullopt;
    const Socket socket = open_socket(what);
    alignas(nlmsghdr) std::array<char, dump_size> buffer{};
    nlmsghdr *request = put_head(buffer.data(), RTM_GETLINK, 0);
    head(request)->ifi_index = index;
    const nlmsghdr *answer = answer_to(request, socket, buffer, what);
    if (answer->nlmsg_type != RTM_NEWLINK)
        return std::nullopt; // gone meanwhile
    const Found found = read_link(answer);
    return found.is_bond ? std::optional(found.bond) : std::nullopt;
}

void create_bond(const std::string &name, const std::string &address, const Settings &settings) {
    talk(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "bond " + name + " could not be made",
         [&](nlmsghdr *request) {
             mnl_attr_put_strz(request, IFLA_IFNAME, name.c_str());
             if (!address.empty())
                 put_address(request, address);
             put_settings(request, settings);
         });
}

void remove(const std::string &name) {
    talk(RTM_DELLINK, 0, name + " could not be removed",
         [&](nlmsghdr *request) { head(request)->ifi_index = index_of(name); });
}

void enslave(const std::string &port, const std::string &bond) {
    talk(RTM_NEWLINK, 0, fmt::format("{} could not become a port of {}", port, bond),
         [&](nlmsghdr *request) {
             head(request)->ifi_index = index_of(port);
             mnl_attr_put_u32(request, IFLA_MASTER, static_cast<std::uint32_t>(index_of(bond)));
         });
}

void set(const std::string &bond, const Settings &settings) {
    talk(RTM_NEWLINK, 0, "bond " + bond + " could not be set", [&](nlmsghdr *request) {
        head(request)->ifi_index = index_of(bond);
        put_settings(request, settings);
    });
}

void up(const std::string &name) {
    talk(RTM_NEWLINK, 0, name + " could not be switched on", [&](nlmsghdr *request) {
        head(request)->ifi_index = index_of(name);
        head(request)->ifi_flags = IFF_UP;
        head(request)->ifi_change = IFF_UP;
    });
}

} // namespace ft::link
