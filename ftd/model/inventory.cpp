// SPDX-License-Identifier: GPL-2.0
#include "ftd/model/inventory.hpp"

#include <algorithm>
#include <cstdlib>

namespace ft {

namespace {

bool hex(const std::string &text, std::size_t from, std::size_t count) {
    for (std::size_t i = from; i < from + count; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

} // namespace

bool is_pci_address(const std::string &text) {
    const std::size_t colon = text.find(':'); // domains may have more than four digits
    if (colon == std::string::npos || colon < 4 || colon > 8 || text.size() != colon + 8)
        return false;
    return hex(text, 0, colon) && hex(text, colon + 1, 2) && text[colon + 3] == ':' &&
           hex(text, colon + 4, 2) && text[colon + 4] <= '1' && text[colon + 6] == '.' &&
           text[colon + 7] >= '0' && text[colon + 7] <= '7';
}

PciChain pci_chain(const std::string &path) {
    PciChain chain;
    for (std::size_t end = 0, begin = 0; begin < path.size(); begin = end + 1) {
        end = std::min(path.find('/', begin), path.size());
        std::string part = path.substr(begin, end - begin);
        if (is_pci_address(part))
            chain.push_back(std::move(part));
    }
    return chain;
}

unsigned devfn(const std::string &address) {
    const std::size_t colon = address.rfind(':');
    const unsigned long device = std::strtoul(address.c_str() + colon + 1, nullptr, 16);
    const auto function = static_cast<unsigned>(address.back() - '0');
    return static_cast<unsigned>(device) << 3 | function;
}

} // namespace ft
