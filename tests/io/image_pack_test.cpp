#include "maml/base/error.h"
#include "maml/io/image_pack.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"
#include "tests/support/packs.h"

#include <atomic>
#include <cstring>
#include <doctest/doctest.h>
#include <fstream>
#include <thread>
#include <vector>

using namespace maml;
using maml::test::error_of;
using maml_test::bytes_of;
using maml_test::put_bytes;
using maml_test::ScratchFolder;
using maml_test::SmallPack;

namespace {

std::string refusal(const std::string& path) {
  return error_of([&] { ImagePack::open(path)->verify(); });
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

std::size_t resident_bytes() {
  std::size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("image pack: what is written in any order is read again") {
  const ScratchFolder folder;
  SmallPack small;
  small.channels = 3;
  PackIndex plan = small.plan();
  plan.classes[2].group = "Grüße";
  const std::string path = folder.file("a.maml");
  {
    ImagePackWriter writer(path, plan);
    for (std::size_t c = plan.classes.size(); c-- > 0;)
      for (std::uint64_t i = small.images; i-- > 0;) writer.put(c, i, small.image(c, i));
    CHECK(folder.files() == 1);
    CHECK(bytes_of(path).empty());
    writer.finish();
  }
  CHECK(folder.files() == 1);
  const auto pack = ImagePack::open(path);
  CHECK(pack->path() == path);
  CHECK(pack->index().about == "made by a test");
  CHECK(pack->index().preparation == "nearest");
  CHECK((pack->index().height == 6 && pack->index().width == 6 && pack->index().channels == 3));
  REQUIRE(pack->classes().size() == 21);
  CHECK(pack->index().images() == 21 * 9);
  CHECK(pack->classes()[2].group == "Grüße");
  CHECK(pack->classes()[8].name == "validation0");
  CHECK(pack->classes()[8].split == Split::validation);
  CHECK(pack->classes()[20].split == Split::test);
  pack->verify();
  for (std::size_t c = 0; c < 21; ++c)
    for (std::uint64_t i = 0; i < small.images; ++i) {
      const std::uint64_t image = pack->classes()[c].first + i;
      pack->prefetch(image);
      CHECK(std::memcmp(pack->pixels(image), small.image(c, i).data(), 108) == 0);
    }
  small.write(folder.file("b.maml"));
  CHECK(bytes_of(folder.file("b.maml")).size() == bytes_of(path).size() - std::string("Grüße").size());
}

TEST_CASE("image pack: images that never come leave no gap, a class without any is refused") {
  const ScratchFolder folder;
  const SmallPack small;
  const std::string path = folder.file("a.maml");
  {
    ImagePackWriter writer(path, small.plan());
    for (std::size_t c = 0; c < 21; ++c)
      for (std::uint64_t i = 0; i < small.images; ++i)
        if (!(c == 3 && (i == 0 || i == 4)) && !(c == 20 && i == 8)) writer.put(c, i, small.image(c, i));
    CHECK(writer.finish().images() == 21 * 9 - 3);
  }
  const auto pack = ImagePack::open(path);
  pack->verify();
  CHECK(pack->classes()[3].count == 7);
  CHECK(pack->classes()[20].count == 8);
  CHECK(std::memcmp(pack->pixels(pack->classes()[3].first + 3), small.image(3, 5).data(), 36) == 0);
  CHECK(std::memcmp(pack->pixels(pack->classes()[20].first), small.image(20, 0).data(), 36) == 0);

  ImagePackWriter none(folder.file("none.maml"), small.plan());
  for (std::size_t c = 1; c < 21; ++c) none.put(c, 0, small.image(c, 0));
  CHECK_THROWS_WITH_AS(none.finish(), doctest::Contains("[train0] has no image"), Error);
}

TEST_CASE("image pack: a plan that makes no sense is refused and leaves nothing") {
  const ScratchFolder folder;
  const auto refused = [&](auto change) {
    PackIndex plan = SmallPack().plan();
    change(plan);
    std::string text;
    try {
      const ImagePackWriter writer(folder.file("a.maml"), plan);
    } catch (const Error& error) {
      text = error.what();
    }
    CHECK(folder.files() == 0);
    return text;
  };
  CHECK(
      contains(refused([](PackIndex& plan) { plan.classes[1].name = "train0"; }), "two classes have the name train0"));
  CHECK(contains(refused([](PackIndex& plan) { plan.classes[1].name = "a\nb"; }), "not plain text"));
  CHECK(contains(refused([](PackIndex& plan) { plan.preparation = "a\nb"; }), "how its images were prepared"));
  CHECK(contains(refused([](PackIndex& plan) { plan.classes[1].count = 0; }), "has no images"));
  CHECK(contains(refused([](PackIndex& plan) { plan.classes.clear(); }), "has no classes"));
  CHECK(contains(refused([](PackIndex& plan) { plan.width = 0; }), "6 x 0 x 1"));
  CHECK(contains(refused([](PackIndex& plan) { plan.height = 16385; }), "16385 x 6 x 1"));

  ImagePackWriter writer(folder.file("a.maml"), SmallPack().plan());
  const std::vector<std::uint8_t> image(36), other(35);
  CHECK_THROWS_AS(writer.put(0, 9, image), Error);
  CHECK_THROWS_AS(writer.put(0, 0, other), Error);
}

TEST_CASE("image pack: any cut and any flipped bit is one clear error") {
  const ScratchFolder folder;
  SmallPack small;
  small.height = small.width = 3;
  small.train = small.test = 2;
  small.validation = 0;
  small.images = 3;
  const std::string path = folder.file("a.maml"), bad = folder.file("bad.maml");
  small.write(path);
  const std::string good = bytes_of(path);
  REQUIRE(good.size() > 4096 + 108);
  CHECK(refusal(path).empty());
  for (std::size_t at = 0; at < good.size(); at += at < 80 || at >= 4090 ? 1 : 97) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    put_bytes(bad, flipped);
    CAPTURE(at);
    CHECK(contains(refusal(bad), "[" + bad + "]"));
    put_bytes(bad, good.substr(0, at));
    CHECK(contains(refusal(bad), "[" + bad + "]"));
  }
  put_bytes(bad, good.substr(0, good.size() - 1));
  CHECK(contains(refusal(bad), "is truncated: it has"));
  put_bytes(bad, good + "x");
  CHECK(contains(refusal(bad), "1 bytes follow its index"));
  put_bytes(bad, "no pack at all");
  CHECK(contains(refusal(bad), "is not an image pack"));
  std::string newer = good;
  newer[8] = 3;
  put_bytes(bad, newer);
  CHECK(contains(refusal(bad), "of version 3, but this program reads version 2"));
  newer[8] = 1;
  put_bytes(bad, newer);
  CHECK(contains(refusal(bad), "of version 1, made by an earlier maml (import it again)"));
  std::string pixel = good;
  pixel[4096 + 2 * 27 + 5] ^= 1;
  put_bytes(bad, pixel);
  const auto pack = ImagePack::open(bad);
  pack->check(0);
  pack->check(1);
  CHECK_THROWS_WITH_AS(pack->check(2), doctest::Contains("the images of class test0 differ"), Error);
  pack->check(3);
  CHECK(contains(refusal(folder.file("missing")), "No such file"));
  CHECK(contains(refusal(folder.path()), "name a file, not a folder"));
}

TEST_CASE("image pack: hostile numbers in a header with a right checksum") {
  SmallPack small;
  PackIndex index = small.plan();
  std::uint64_t first = 0;
  for (auto& one : index.classes) {
    one.first = first;
    first += one.count;
  }
  const PackEnds ends = format_pack_index(index);
  const auto refused = [&](std::size_t at, auto value) {
    std::vector<std::byte> file = ends.header;
    file.resize(pack_page + index.images() * index.image_bytes());
    file.insert(file.end(), ends.index.begin(), ends.index.end());
    std::memcpy(file.data() + at, &value, sizeof value);
    seal_pack(std::span(file).first(pack_page), ends.index);
    try {
      parse_pack_index(file, "hostile");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(refused(12, std::uint32_t{0}).empty());
  CHECK(contains(refused(16, ~std::uint32_t{0}), "cannot hold images"));
  CHECK(contains(refused(28, ~std::uint32_t{0}), "ends within an entry"));
  CHECK(contains(refused(28, std::uint32_t{20}), "bytes follow the last class"));
  CHECK(contains(refused(32, ~std::uint64_t{0} / 36 + 1 + 21 * 9), "do not fill the space"));
  CHECK(contains(refused(40, ~std::uint64_t{0}), "is truncated"));
  CHECK(contains(refused(40, std::uint64_t{0}), "bytes follow its index"));
  CHECK(contains(refused(48, ~std::uint64_t{0}), "is truncated"));
}

namespace {

/// So many images of 192 KiB in 12 classes, all the same.
SmallPack large(std::uint64_t of_each, const std::string& path) {
  SmallPack small;
  small.height = small.width = 256;
  small.channels = 3;
  small.train = 12;
  small.validation = small.test = 0;
  small.images = of_each;
  ImagePackWriter writer(path, small.plan());
  const auto bytes = small.image(1, 1);
  for (std::size_t c = 0; c < small.train; ++c)
    for (std::uint64_t i = 0; i < small.images; ++i) writer.put(c, i, bytes);
  writer.finish();
  return small;
}

}  // namespace

TEST_CASE("image pack: many threads read, check and give pages back") {
  const ScratchFolder folder;
  const auto bytes = large(16, folder.file("a.maml")).image(1, 1);  // 36 MiB: enough to be given back
  const auto pack = ImagePack::open(folder.file("a.maml"));
  std::atomic<std::size_t> wrong{0};
  const auto work = [&](std::size_t from) {
    for (std::size_t i = 0; i < 4 * 192; ++i) {
      const std::size_t image = (from + i * 7) % 192;
      pack->check(image / 16);
      if (std::memcmp(pack->pixels(image), bytes.data(), bytes.size()) != 0) ++wrong;
    }
  };
  std::thread other(work, 96);
  work(0);
  other.join();
  CHECK(wrong == 0);
}

TEST_CASE("image pack: of a large one little stays in memory [notsan]") {
  const ScratchFolder folder;
  large(80, folder.file("a.maml"));  // 180 MiB
  const auto pack = ImagePack::open(folder.file("a.maml"));
  const std::size_t before = resident_bytes();
  std::size_t most = 0, sum = 0;
  for (std::size_t i = 0; i < 3 * 960; ++i) {
    const std::size_t image = i * 7 % 960;
    pack->check(image / 80);
    const std::uint8_t* pixels = pack->pixels(image);
    for (std::size_t at = 0; at < pack->index().image_bytes(); at += 1024) sum += pixels[at];
    if (i % 16 == 0) most = std::max(most, resident_bytes());
  }
  CHECK(sum > 0);
  CHECK(most < before + (std::size_t{48} << 20));
}
