#include "maml/io/task_pack.h"

#include <doctest/doctest.h>

#include <limits>

#include "maml/base/error.h"
#include "maml/io/safetensors.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"
#include "tests/support/task_packs.h"

using namespace maml;
using maml::test::error_of;
using maml_test::ScratchFolder;
using maml_test::small_task_pack;

TEST_CASE("task pack: reads back as it was written, and says what it is") {
  const ScratchFolder folder;
  const std::string path = folder.file("pack.safetensors");
  const TaskPack pack = small_task_pack();
  write_task_pack(path, pack);
  CHECK(read_task_pack(path) == pack);
  CHECK(may_be_task_pack(path));
  CHECK_FALSE(may_be_task_pack(folder.file("nowhere")));
  const TensorFile file = read_safetensors(path);  // with any library of the format
  CHECK(file.at("x").shape == std::vector<std::size_t>{pack.rows(), 2});
  CHECK(file.meta("task") == "sensor");
}

TEST_CASE("task pack: any flipped bit is found, and any end that is cut off") {
  const auto whole = format_task_pack(small_task_pack(), "p");
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    auto flipped = whole;
    flipped[at] ^= std::byte{4};
    CHECK_THROWS_AS(parse_task_pack(flipped, "p"), Error);
    CHECK_THROWS_AS(parse_task_pack(std::span(whole).first(at), "p"), Error);
  }
}

TEST_CASE("task pack: what is unsound is not written, nor believed where it was") {
  const auto refuses = [](auto&& change) {
    TaskPack pack = small_task_pack();
    change(pack);
    return error_of([&] { (void)format_task_pack(pack, "p"); });
  };
  CHECK(refuses([](TaskPack& p) { p.inputs.clear(); }) == "[p] has no inputs");
  CHECK(refuses([](TaskPack& p) { p.inputs[1] = "hour"; }) == "[p] two inputs have the name hour (rename one)");
  CHECK(refuses([](TaskPack& p) { p.tasks[3].name = "s2"; }) == "[p] two tasks have the name s2 (rename one)");
  CHECK(refuses([](TaskPack& p) { p.tasks[3].name = "a\nb"; }).find("not plain text") != std::string::npos);
  CHECK(refuses([](TaskPack& p) { p.tasks[3].name = "\xE4"; }).find("not UTF-8") != std::string::npos);
  CHECK(refuses([](TaskPack& p) { p.tasks[3].count = 0; }) == "[p] task s3 has no rows (leave it out)");
  CHECK(refuses([](TaskPack& p) { p.tasks[3].first = 1; }).find("does not lie behind") != std::string::npos);
  CHECK(refuses([](TaskPack& p) { p.y.pop_back(); }).find("which are not") != std::string::npos);
  CHECK(refuses([](TaskPack& p) { p.x[5] = std::numeric_limits<double>::quiet_NaN(); }) ==
        "[p] holds a number that is not finite");

  const auto sealed = [](auto&& change) {
    TensorFile file = parse_checked(format_task_pack(small_task_pack(), "p"), "p");
    change(file);
    return error_of([&] { (void)parse_task_pack(format_checked(file, "p"), "p"); });
  };
  const auto set = [](TensorFile& file, const std::string& name, Tensor tensor) {
    for (auto& one : file.tensors)
      if (one.name == name) {
        one = std::move(tensor);
        return;
      }
  };
  CHECK(sealed([](TensorFile&) {}).empty());
  CHECK(sealed([](TensorFile& f) { f.metadata["format"] = "maml adapted 1"; }).find("is no task pack") !=
        std::string::npos);
  CHECK(sealed([](TensorFile& f) { f.metadata["tasks"] = "[1]"; }).find("no list of names") != std::string::npos);
  CHECK(sealed([](TensorFile& f) { f.metadata["inputs"] = "[\"hour\"]"; }).find("x is f64") != std::string::npos);
  const std::vector<std::int64_t> counts(11, std::numeric_limits<std::int64_t>::max());
  CHECK(sealed([&](TensorFile& f) {
          set(f, "counts", Tensor::of("counts", {11}, counts.data()));
        }).find("is damaged: task 0 has 9223372036854775807 rows") != std::string::npos);
  const std::vector<std::uint8_t> splits(11, 3);
  CHECK(sealed([&](TensorFile& f) {
          set(f, "splits", Tensor::of("splits", {11}, splits.data()));
        }).find("in split 3") != std::string::npos);
}
