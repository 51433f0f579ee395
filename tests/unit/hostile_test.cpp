// SPDX-License-Identifier: GPL-2.0
// State files that somebody or something has spoilt: each is accepted whole, or
// refused with an error; under the sanitizers.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "ftd/model/fault.hpp"

namespace {

class Spoiler {
  public:
    explicit Spoiler(unsigned seed) : random_(seed) {}

    std::string spoil(std::string text) {
        static const std::string pieces[] = {"[[",
                                             "]]",
                                             "[",
                                             "]",
                                             "{",
                                             "}",
                                             "\"",
                                             "'",
                                             "\"\"\"",
                                             "\n",
                                             "=",
                                             ",",
                                             "#",
                                             "\\u0000",
                                             "\\",
                                             "-1",
                                             "1e999",
                                             "0x7fffffffffffffff",
                                             "99999999999999999999",
                                             "nan",
                                             "null",
                                             "true",
                                             "1979-05-27",
                                             "10/1",
                                             "11/1",
                                             "10/",
                                             "10/1:1.1.1",
                                             "uuid",
                                             "module",
                                             "device",
                                             std::string(1, '\0'),
                                             "\xff\xfe",
                                             "\xc3\x28",
                                             std::string(5000, '['),
                                             std::string(300, 'a')};
        for (std::size_t n = 1 + below(4); n > 0; n--) {
            const std::size_t at = below(text.size() + 1);
            const std::size_t length = below(std::min<std::size_t>(text.size() - at, 20) + 1);
            switch (below(4)) {
            case 0:
                text.erase(at, length);
                break;
            case 1:
                text.insert(at, pieces[below(std::size(pieces))]);
                break;
            case 2:
                text.insert(below(text.size() + 1), text.substr(at, length));
                break;
            case 3:
                if (at < text.size())
                    text[at] = static_cast<char>(random_());
                break;
            }
        }
        return text;
    }

  private:
    std::size_t below(std::size_t bound) { return random_() % bound; }

    std::mt19937 random_;
};

// FT_ROUNDS: how often, for a long hunt.
int rounds() {
    const char *value = std::getenv("FT_ROUNDS");
    return value ? std::atoi(value) : 100;
}

TEST(Hostile, State) {
    ft::FaultBook book;
    for (std::uint64_t i = 0; i < 5; i++)
        for (const char *device : {"10/1", "11/0.8"})
            book.lost(device, FT_REASON_IO_ERROR, 1700000000000000 + i * 100000000, {}, {});
    const std::string good = book.write();
    int accepted = 0;
    for (int i = 0; i < rounds(); i++) {
        const std::string text = Spoiler(static_cast<unsigned>(i)).spoil(good);
        try {
            ft::FaultBook read = ft::FaultBook::parse(text);
            EXPECT_EQ(ft::FaultBook::parse(read.write()), read) << text;
            for (const auto &[device, fault] : std::map(read.all())) {
                read.decide(device, 1700000000000000, false, {});
                read.lost(device, FT_REASON_TIMEOUT, 1700000900000000, {}, {});
                ft::mtbf_s(*read.find(device));
            }
            accepted++;
        } catch (const std::runtime_error &) {
        }
    }
    EXPECT_GT(accepted, 0);
    EXPECT_LT(accepted, rounds());
}

} // namespace
