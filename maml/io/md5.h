#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace maml {

/// MD5 (RFC 1321) in 32 hexadecimal digits: for the sums that archives are published with, against damage only.
std::string md5(std::span<const std::byte> bytes);

}  // namespace maml
