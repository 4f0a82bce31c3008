#include "maml/io/md5.h"

#include <doctest/doctest.h>
#include <string_view>

TEST_CASE("md5: the sums of RFC 1321, and lengths about a block") {
  const auto sum = [](std::string_view text) { return maml::md5(std::as_bytes(std::span(text.data(), text.size()))); };
  CHECK(sum("") == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(sum("a") == "0cc175b9c0f1b6a831c399e269772661");
  CHECK(sum("message digest") == "f96b697d7cb7938d525a2f31aaf161d0");
  CHECK(sum("12345678901234567890123456789012345678901234567890123456789012345678901234567890") ==
        "57edf4a22be3c955ac49da2e2107b67a");
  CHECK(sum(std::string(55, 'x')) == "04364420e25c512fd958a70738aa8f72");
  CHECK(sum(std::string(56, 'x')) == "668a72d5ba17f08e62dabcafad6db14b");
  CHECK(sum(std::string(64, 'x')) == "c1bb4f81d892b2d57947682aeb252456");
}
