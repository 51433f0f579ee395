// SPDX-License-Identifier: GPL-2.0
// Any text as a configuration: refused with an error that says why, or what is read is
// written so that it is read as the same again.
#include <cstdlib>

#include "ftd/common/error.hpp"
#include "ftd/model/config.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    try {
        const std::string text(reinterpret_cast<const char *>(data), size);
        const ft::Config config = ft::parse_config(text, "fuzz");
        if (ft::parse_config(ft::write_config(config), "written") != config)
            std::abort();
    } catch (const ft::Error &) {
    }
    return 0;
}
