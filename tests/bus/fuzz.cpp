// SPDX-License-Identifier: GPL-2.0
// fuzz SECONDS SEED: calls every method that ftd offers, its own and those of every D-Bus
// object, with arguments that nobody would send. Whatever is answered is right; that
// nothing is, is not. Ends with the number of calls.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <regex>
#include <stdexcept>
#include <string>
#include <systemd/sd-bus.h>
#include <vector>

#include "ftd/common/handle.hpp"
#include "ftd/common/names.hpp"

namespace {

using Bus = ft::Handle<sd_bus, sd_bus_flush_close_unref>;
using Message = ft::Handle<sd_bus_message, sd_bus_message_unref>;

constexpr std::uint64_t patience_us = 30 * 1000000ULL;

struct Method {
    std::string path, interface, member, signature;
};

void check(int error, const char *what) {
    if (error < 0)
        throw std::runtime_error(std::string(what) + ": " +
                                 std::generic_category().message(-error));
}

class Fuzzer {
  public:
    explicit Fuzzer(unsigned seed) : random_(seed) {
        connect();
        discover();
    }

    void run(std::chrono::seconds duration) {
        const auto end = std::chrono::steady_clock::now() + duration;
        while (std::chrono::steady_clock::now() < end)
            call(methods_[below(methods_.size())]);
        for (const auto &[answer, times] : answers_)
            std::printf("%8lu  %s\n", times, answer.c_str());
    }

  private:
    void connect() {
        sd_bus *bus = nullptr;
        check(sd_bus_open_system(&bus), "bus");
        bus_.reset(bus);
        check(sd_bus_set_method_call_timeout(bus, patience_us), "time limit");
    }

    std::string introspect(const std::string &path) {
        sd_bus_message *reply = nullptr;
        check(sd_bus_call_method(bus_.get(), ft::names::bus, path.c_str(),
                                 "org.freedesktop.DBus.Introspectable", "Introspect", nullptr,
                                 &reply, ""),
              "Introspect");
        const Message answer(reply);
        const char *text = nullptr;
        check(sd_bus_message_read(reply, "s", &text), "Introspect");
        return text;
    }

    // Every method of every object below the root, as they introduce themselves.
    void discover() {
        std::vector<std::string> paths{"/"};
        const std::regex tag("<(node|interface|method|arg)([^>]*)>|</method>");
        const std::regex attribute("(name|type|direction)=\"([^\"]*)\"");
        while (!paths.empty()) {
            const std::string path = paths.back();
            paths.pop_back();
            const std::string xml = introspect(path);
            Method method{path, {}, {}, {}};
            for (std::sregex_iterator found(xml.begin(), xml.end(), tag), none; found != none;
                 ++found) {
                std::map<std::string, std::string> is;
                const std::string attributes = (*found)[2];
                for (std::sregex_iterator at(attributes.begin(), attributes.end(), attribute);
                     at != none; ++at)
                    is[(*at)[1]] = (*at)[2];
                const std::string kind = (*found)[1];
                if (kind == "node" && !is["name"].empty())
                    paths.push_back((path == "/" ? "" : path) + "/" + is["name"]);
                else if (kind == "interface")
                    method.interface = is["name"];
                else if (kind == "method")
                    method.member = is["name"], method.signature.clear();
                else if (kind == "arg" && is["direction"] == "in")
                    method.signature += is["type"];
                // A method without arguments is a tag that ends itself.
                if ((kind == "method" && attributes.ends_with("/")) || kind.empty())
                    methods_.push_back(method);
            }
        }
        if (methods_.empty())
            throw std::runtime_error("there is nothing to call");
    }

    std::size_t below(std::size_t bound) { return random_() % bound; }

    std::string text() {
        static const std::string known[] = {"",
                                            "10",
                                            "11/1",
                                            "10/1",
                                            "12/9",
                                            "ftm0",
                                            "ftb0",
                                            "auto",
                                            "replace_blank",
                                            "/",
                                            "..",
                                            "org.ftstack.ft1.Manager",
                                            "State",
                                            "Faults",
                                            "[[module]]\nid = 10\n",
                                            "[@",
                                            "{}",
                                            "%s%n",
                                            "\n",
                                            std::string(70000, 'a'),
                                            std::string(3000, '['),
                                            "-1",
                                            "4294967296",
                                            "99999999999999999999",
                                            "\xef\xbf\xbd\xe2\x80\xae"};
        std::string value = known[below(std::size(known))];
        for (std::size_t n = below(3); n > 0; n--)
            value.insert(below(2) ? value.size() : 0, 1, static_cast<char>(1 + below(127)));
        return value;
    }

    std::uint64_t number() {
        static const std::uint64_t known[] = {
            0, 1, 2, 3, 10, 11, 255, 0x7fffffff, 0x80000000, 0xffffffff, ~0ULL >> 1, ~0ULL};
        return below(4) ? known[below(std::size(known))] : random_();
    }

    std::string any_type(unsigned depth) {
        static const char basic[] = "ybnqiuxtdsogs";
        if (depth < 4)
            switch (below(6)) {
            case 0:
                return "a" + any_type(depth + 1);
            case 1:
                return "(" + any_type(depth + 1) + any_type(depth + 1) + ")";
            case 2:
                return "a{s" + any_type(depth + 1) + "}";
            case 3:
                return "v";
            }
        return std::string(1, basic[below(sizeof(basic) - 1)]);
    }

    // The first complete type of a signature.
    static std::string first(const std::string &types) {
        std::size_t end = 0;
        while (types[end] == 'a')
            end++;
        int depth = 0;
        do {
            const char c = types[end++];
            depth += c == '(' || c == '{' ? 1 : c == ')' || c == '}' ? -1 : 0;
        } while (depth);
        return types.substr(0, end);
    }

    void append(sd_bus_message *to, const std::string &types, unsigned depth = 0) {
        for (std::size_t at = 0; at < types.size();) {
            const std::string type = first(types.substr(at));
            at += type.size();
            const std::string inside =
                type.size() > 2 ? type.substr(1, type.size() - 2) : std::string();
            switch (type[0]) {
            case 'a':
                check(sd_bus_message_open_container(to, 'a', type.c_str() + 1), "array");
                for (std::size_t n = below(depth < 3 ? 4 : 1); n > 0; n--)
                    append(to, type.substr(1), depth + 1);
                break;
            case '(':
                check(sd_bus_message_open_container(to, 'r', inside.c_str()), "structure");
                append(to, inside, depth + 1);
                break;
            case '{':
                check(sd_bus_message_open_container(to, 'e', inside.c_str()), "entry");
                append(to, inside, depth + 1);
                break;
            case 'v': {
                const std::string chosen = any_type(depth + 1);
                check(sd_bus_message_open_container(to, 'v', chosen.c_str()), "variant");
                append(to, chosen, depth + 1);
                break;
            }
            default:
                basic(to, type[0]);
                continue;
            }
            check(sd_bus_message_close_container(to), "end of a container");
        }
    }

    void basic(sd_bus_message *to, char type) {
        static const char *const paths[] = {"/", ft::names::root, "/org/ftstack/ft1/module/10",
                                            "/org/ftstack/ft1/job/7"};
        const std::uint64_t value = number();
        const int truth = value & 1;
        double real = 0;
        switch (type) {
        case 's':
            check(sd_bus_message_append(to, "s", text().c_str()), "text");
            return;
        case 'o':
            check(sd_bus_message_append(to, "o", paths[below(std::size(paths))]), "path");
            return;
        case 'g':
            check(sd_bus_message_append(to, "g", any_type(0).c_str()), "signature");
            return;
        case 'b':
            check(sd_bus_message_append(to, "b", truth), "truth");
            return;
        case 'd':
            real = static_cast<double>(value) / 3;
            check(sd_bus_message_append(to, "d", real), "real number");
            return;
        default:
            check(sd_bus_message_append_basic(to, type, &value), "number");
        }
    }

    void call(const Method &method) {
        sd_bus_message *request = nullptr;
        check(sd_bus_message_new_method_call(bus_.get(), &request, ft::names::bus,
                                             method.path.c_str(), method.interface.c_str(),
                                             method.member.c_str()),
              "message");
        const Message owner(request);
        std::string types = method.signature;
        if (!below(8)) // not what it takes
            types = below(2) ? any_type(0) + any_type(0) : std::string();
        append(request, types);
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = nullptr;
        const int code = sd_bus_call(bus_.get(), request, patience_us, &error, &reply);
        const Message answer(reply);
        const std::string said = code >= 0 ? "answered" : error.name ? error.name : "no answer";
        sd_bus_error_free(&error);
        answers_[said]++;
        // A client that asks too much is not heard for a while: another one goes on.
        if (said == SD_BUS_ERROR_LIMITS_EXCEEDED)
            connect();
        else if (said == SD_BUS_ERROR_NO_REPLY || said == SD_BUS_ERROR_SERVICE_UNKNOWN ||
                 said == "no answer" || said == SD_BUS_ERROR_DISCONNECTED)
            throw std::runtime_error(method.path + " " + method.interface + "." + method.member +
                                     "(" + types + "): " + said);
    }

    Bus bus_;
    std::mt19937_64 random_;
    std::vector<Method> methods_;
    std::map<std::string, unsigned long> answers_;
};

} // namespace

int main(int argc, char **argv) try {
    if (argc != 3)
        throw std::runtime_error("usage: fuzz SECONDS SEED");
    Fuzzer(static_cast<unsigned>(std::atoi(argv[2]))).run(std::chrono::seconds(std::atoi(argv[1])));
    return EXIT_SUCCESS;
} catch (const std::exception &error) {
    std::fprintf(stderr, "fuzz: %s\n", error.what());
    return EXIT_FAILURE;
}
