// SPDX-License-Identifier: GPL-2.0
// Any text as the state file: refused with an error, or what is read is written so that
// it is read as the same again, and decisions can be made of it.
#include <cstdlib>
#include <stdexcept>

#include "ftd/model/fault.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    try {
        const std::string text(reinterpret_cast<const char *>(data), size);
        ft::FaultBook book = ft::FaultBook::parse(text);
        if (ft::FaultBook::parse(book.write()) != book)
            std::abort();
        const ft::FaultBook before = book;
        for (const auto &[device, fault] : before.all()) {
            book.decide(device, fault.seen + 1, false, {});
            ft::mtbf_s(fault);
            book.lost(device, FT_REASON_IO_ERROR, fault.seen + 10000000, {}, {});
        }
        ft::FaultBook::parse(book.write());
    } catch (const std::runtime_error &) {
    }
    return 0;
}
