// SPDX-License-Identifier: GPL-2.0
#include "ftd/kernel/ft_netlink.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <linux/genetlink.h>
#include <sys/socket.h>
#include <system_error>

#include "ftd/model/config.hpp"
#include "links/netlink.hpp"

namespace ft {

namespace {

constexpr std::size_t buffer_size = 65536;
// The kernel answers at once; this only keeps a kernel bug from being our hang.
constexpr timeval answer_limit{10, 0};
// A dump is torn when pairs come or go meanwhile: how often it is begun again.
constexpr int dumps = 10;

[[noreturn]] void fail(int error, const char *what) {
    throw std::system_error(error, std::generic_category(), what);
}

Handle<mnl_socket, mnl_socket_close> open_socket(int flags) {
    Handle<mnl_socket, mnl_socket_close> socket(
        mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC | flags));
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
        fail(errno, "generic netlink");
    ::setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &answer_limit,
                 sizeof(answer_limit));
    return socket;
}

nlmsghdr *header(void *buffer, std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
                 std::uint8_t command, std::uint8_t version) {
    nlmsghdr *message = mnl_nlmsg_put_header(buffer);
    message->nlmsg_type = type;
    message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    message->nlmsg_seq = sequence;
    auto *generic =
        static_cast<genlmsghdr *>(mnl_nlmsg_put_extra_header(message, sizeof(genlmsghdr)));
    generic->cmd = command;
    generic->version = version;
    return message;
}

// Texts of the kernel end with a NUL; one that does not ends with its attribute.
std::string text_of(const nlattr *attribute) {
    const auto *bytes = static_cast<const char *>(mnl_attr_get_payload(attribute));
    return {bytes, ::strnlen(bytes, mnl_attr_get_payload_len(attribute))};
}

// The attributes of a message or of a nest, by number; those that are too short
// for what is read from them count as absent.
class Attributes {
  public:
    explicit Attributes(const nlmsghdr *message) {
        each_attribute(message, sizeof(genlmsghdr), [this](const nlattr *a) { take(a); });
    }
    explicit Attributes(const nlattr *nest) {
        each_attribute(nest, [this](const nlattr *a) { take(a); });
    }

    const nlattr *get(std::size_t type) const { return table_[type]; }
    std::uint64_t number(std::size_t type) const {
        const nlattr *attribute = table_[type];
        if (!attribute)
            return 0;
        switch (mnl_attr_get_payload_len(attribute)) {
        case 1:
            return mnl_attr_get_u8(attribute);
        case 4:
            return mnl_attr_get_u32(attribute);
        case 8:
            return mnl_attr_get_u64(attribute);
        default:
            return 0;
        }
    }
    std::string text(std::size_t type) const {
        const nlattr *attribute = table_[type];
        if (!attribute)
            return {};
        return text_of(attribute);
    }

  private:
    void take(const nlattr *attribute) {
        const std::size_t type = mnl_attr_get_type(attribute);
        if (type < table_.size())
            table_[type] = attribute;
    }

    std::array<const nlattr *, 64> table_{}; // the families used here have fewer
};

KernelModule read_module(const nlmsghdr *message) {
    const Attributes attributes(message);
    KernelModule module;
    module.seq = attributes.number(FT_A_SEQ);
    module.id = static_cast<std::uint32_t>(attributes.number(FT_A_MODULE_ID));
    module.state = static_cast<ft_module_state>(attributes.number(FT_A_MODULE_STATE));
    module.reason = static_cast<ft_reason>(attributes.number(FT_A_REASON));
    module.since = attributes.number(FT_A_SINCE);
    module.card = static_cast<ft_card>(attributes.number(FT_A_MODULE_CARD));
    if (const nlattr *nest = attributes.get(FT_A_BRIDGES)) {
        each_attribute(nest,
                       [&](const nlattr *bridge) { module.bridges.push_back(text_of(bridge)); });
    }
    return module;
}

KernelMember read_member(const nlattr *nest) {
    const Attributes attributes(nest);
    KernelMember member;
    member.state = static_cast<ft_member_state>(attributes.number(FT_A_MEMBER_STATE));
    member.reason = static_cast<ft_reason>(attributes.number(FT_A_REASON));
    member.since = attributes.number(FT_A_SINCE);
    member.device = attributes.text(FT_A_MEMBER_DEV);
    return member;
}

KernelPair read_pair(const nlmsghdr *message) {
    const Attributes attributes(message);
    KernelPair pair;
    pair.seq = attributes.number(FT_A_SEQ);
    pair.type = static_cast<ft_pair_type>(attributes.number(FT_A_PAIR_TYPE));
    pair.name = attributes.text(FT_A_PAIR_NAME);
    const nlattr *uuid = attributes.get(FT_A_PAIR_UUID);
    if (uuid && mnl_attr_get_payload_len(uuid) == 16)
        pair.uuid = uuid_string(static_cast<const std::uint8_t *>(mnl_attr_get_payload(uuid)));
    pair.state = static_cast<ft_pair_state>(attributes.number(FT_A_PAIR_STATE));
    pair.reason = static_cast<ft_reason>(attributes.number(FT_A_REASON));
    pair.since = attributes.number(FT_A_SINCE);
    pair.sync_done = attributes.number(FT_A_SYNC_DONE);
    pair.sync_total = attributes.number(FT_A_SYNC_TOTAL);
    pair.sync_copied = attributes.number(FT_A_SYNC_COPIED);
    pair.switches = static_cast<std::uint32_t>(attributes.number(FT_A_SWITCHES));
    if (const nlattr *nest = attributes.get(FT_A_MEMBERS)) {
        std::size_t i = 0;
        each_attribute(nest, [&](const nlattr *member) {
            if (i < pair.members.size())
                pair.members[i++] = read_member(member);
        });
    }
    return pair;
}

KernelEvent event_of(const nlmsghdr *message, std::uint8_t command) {
    KernelEvent event;
    event.gone = command == FT_CMD_DEL_MODULE || command == FT_CMD_DEL_PAIR;
    if (command == FT_CMD_NEW_MODULE || command == FT_CMD_DEL_MODULE) {
        const KernelModule &module = std::get<KernelModule>(event.object = read_module(message));
        event.seq = module.seq;
    } else {
        const KernelPair &pair = std::get<KernelPair>(event.object = read_pair(message));
        event.seq = pair.seq;
    }
    return event;
}

} // namespace

void FtNetlink::talk(std::uint8_t command, std::uint16_t flags, const Build &build,
                     const Read &read) {
    alignas(nlmsghdr) std::array<char, buffer_size> buffer{};
    nlmsghdr *request =
        header(buffer.data(), family_, flags, ++sequence_, command, FT_GENL_VERSION);
    if (family_ == GENL_ID_CTRL)
        static_cast<genlmsghdr *>(mnl_nlmsg_get_payload(request))->version = 1;
    build(request);
    if (mnl_socket_sendto(commands_.get(), request, request->nlmsg_len) < 0)
        fail(errno, "generic netlink");
    const unsigned port = mnl_socket_get_portid(commands_.get());
    auto callback = [](const nlmsghdr *message, void *data) {
        (*static_cast<const Read *>(data))(message);
        return MNL_CB_OK;
    };
    while (true) {
        const ssize_t size = mnl_socket_recvfrom(commands_.get(), buffer.data(), buffer.size());
        if (size < 0)
            fail(errno == EAGAIN ? ETIMEDOUT : errno, "generic netlink");
        const int result = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_,
                                      port, callback, const_cast<Read *>(&read));
        if (result < 0 && errno == ESRCH) // the late answer to a request given up on
            continue;
        if (result < 0)
            fail(errno, "ft_core");
        if (result == MNL_CB_STOP)
            return;
    }
}

std::unique_ptr<FtNetlink> FtNetlink::open(sd_event *event, Told told) {
    std::unique_ptr<FtNetlink> self(new FtNetlink);
    self->told_ = std::move(told);
    self->commands_ = open_socket(0);
    self->family_ = GENL_ID_CTRL;
    std::uint16_t family = 0;
    std::uint32_t group = 0;
    try {
        self->talk(
            CTRL_CMD_GETFAMILY, NLM_F_ACK,
            [](nlmsghdr *request) {
                mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, FT_GENL_NAME);
            },
            [&](const nlmsghdr *message) {
                const Attributes attributes(message);
                family = 0;
                if (const nlattr *id = attributes.get(CTRL_ATTR_FAMILY_ID))
                    family = mnl_attr_get_u16(id);
                const nlattr *groups = attributes.get(CTRL_ATTR_MCAST_GROUPS);
                if (!groups)
                    return;
                each_attribute(groups, [&](const nlattr *entry) {
                    const Attributes fields(entry);
                    if (fields.text(CTRL_ATTR_MCAST_GRP_NAME) == FT_GENL_GROUP_EVENTS)
                        group = static_cast<std::uint32_t>(fields.number(CTRL_ATTR_MCAST_GRP_ID));
                });
            });
    } catch (const std::system_error &error) {
        if (error.code().value() == ENOENT)
            return nullptr;
        throw;
    }
    self->family_ = family;
    self->events_ = open_socket(SOCK_NONBLOCK);
    if (mnl_socket_setsockopt(self->events_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) <
        0)
        fail(errno, "events of ft_core");
    sd_event_source *source = nullptr;
    const int error = sd_event_add_io(
        event, &source, mnl_socket_get_fd(self->events_.get()), EPOLLIN,
        [](sd_event_source *, int, std::uint32_t, void *data) {
            static_cast<FtNetlink *>(data)->receive();
            return 0;
        },
        self.get());
    if (error < 0)
        fail(-error, "events of ft_core");
    self->source_.reset(source);
    return self;
}

void FtNetlink::receive() {
    alignas(nlmsghdr) std::array<char, buffer_size> buffer;
    std::vector<KernelEvent> events;
    bool lost = false;
    while (true) {
        const ssize_t size = mnl_socket_recvfrom(events_.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0 && errno == ENOBUFS) {
            lost = true;
            continue;
        }
        if (size <= 0)
            break;
        const auto *message = reinterpret_cast<const nlmsghdr *>(buffer.data());
        int left = static_cast<int>(size);
        for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
            if (message->nlmsg_type != family_ ||
                mnl_nlmsg_get_payload_len(message) < sizeof(genlmsghdr))
                continue;
            const auto *head = static_cast<const genlmsghdr *>(mnl_nlmsg_get_payload(message));
            events.push_back(event_of(message, head->cmd));
        }
    }
    told_(events, lost);
}

KernelState FtNetlink::state() {
    for (int left = dumps;; left--) {
        try {
            return dump();
        } catch (const std::system_error &error) {
            if (error.code().value() != EINTR || !left)
                throw;
            commands_ = open_socket(0); // the rest of the torn one goes with the old
        }
    }
}

KernelState FtNetlink::dump() {
    KernelState state;
    state.loaded = true;
    const Build nothing = [](nlmsghdr *) {};
    talk(FT_CMD_GET_MODULE, NLM_F_DUMP, nothing,
         [&](const nlmsghdr *message) { state.modules.push_back(read_module(message)); });
    talk(FT_CMD_GET_PAIR, NLM_F_DUMP, nothing,
         [&](const nlmsghdr *message) { state.pairs.push_back(read_pair(message)); });
    state.seq = !state.modules.empty() ? state.modules.front().seq
                : !state.pairs.empty() ? state.pairs.front().seq
                                       : 0;
    return state;
}

void FtNetlink::define(std::uint32_t module, const std::vector<std::string> &bridges) {
    talk(
        FT_CMD_SET_MODULE, NLM_F_ACK,
        [&](nlmsghdr *request) {
            mnl_attr_put_u32(request, FT_A_MODULE_ID, module);
            nlattr *nest = mnl_attr_nest_start(request, FT_A_BRIDGES);
            for (const std::string &bridge : bridges)
                mnl_attr_put_strz(request, FT_A_BRIDGE, bridge.c_str());
            mnl_attr_nest_end(request, nest);
        },
        [](const nlmsghdr *) {});
}

void FtNetlink::module_command(std::uint8_t command, std::uint32_t module, bool cut) {
    talk(
        command, NLM_F_ACK,
        [&](nlmsghdr *request) {
            mnl_attr_put_u32(request, FT_A_MODULE_ID, module);
            if (cut)
                mnl_attr_put(request, FT_A_CUT, 0, nullptr);
        },
        [](const nlmsghdr *) {});
}

void FtNetlink::forget(std::uint32_t module) {
    module_command(FT_CMD_DEL_MODULE, module);
}

void FtNetlink::isolate(std::uint32_t module, bool cut) {
    module_command(FT_CMD_ISOLATE_MODULE, module, cut);
}

void FtNetlink::join(std::uint32_t module) {
    module_command(FT_CMD_JOIN_MODULE, module);
}

} // namespace ft
