#include "maml/io/tensor.h"

#include <doctest/doctest.h>
#include <limits>

using namespace maml;

TEST_CASE("a tensor keeps its elements and converts without loss only") {
  const std::vector<float> values = {1.5f, -2, 3, 4, 5, 6};
  Tensor tensor = Tensor::of("w", {2, 3}, values.data());
  CHECK(tensor.size() == 6);
  CHECK(tensor.view<float>()[1] == -2);
  CHECK(tensor.as<double>()[0] == 1.5);
  CHECK(tensor.as<float>() == values);
  tensor.view<float>()[5] = 7;
  CHECK(tensor.as<float>()[5] == 7);
  CHECK_THROWS_WITH_AS(tensor.view<double>(), "[w] holds f32, but f64 is needed (convert it where the file is made)",
                       Error);
  CHECK_THROWS_AS(tensor.as<std::int64_t>(), Error);

  const std::vector<std::int32_t> labels = {0, -1, 4};
  const Tensor y = Tensor::of("y", {3}, labels.data());
  CHECK(y.as<std::int64_t>() == std::vector<std::int64_t>{0, -1, 4});
  CHECK_THROWS_AS(y.as<double>(), Error);
  const std::uint8_t pixel = 255;
  CHECK(Tensor::of("p", {}, &pixel).as<std::int64_t>() == std::vector<std::int64_t>{255});
  const double none = 0;
  CHECK(Tensor::of("e", {4, 0}, &none).size() == 0);
}

TEST_CASE("an overflowing shape is refused") {
  const std::size_t huge = std::numeric_limits<std::size_t>::max() / 4;
  CHECK_THROWS_AS(element_count({huge, 3}, "w"), Error);
  CHECK_THROWS_AS(element_count({std::size_t{1} << 32, std::size_t{1} << 32}, "w"), Error);
  CHECK(element_count({huge, 0}, "w") == 0);
  CHECK(element_count({}, "w") == 1);
}

TEST_CASE("a missing tensor is answered with the nearest name") {
  const float zero = 0;
  TensorFile file;
  file.path = "p.safetensors";
  file.tensors = {Tensor::of("linear1.weight", {1}, &zero), Tensor::of("linear1.bias", {1}, &zero)};
  file.metadata["iteration"] = "3";
  CHECK(file.find("linear2.bias") == nullptr);
  CHECK(&file.at("linear1.bias") == &file.tensors[1]);
  CHECK_THROWS_WITH_AS(file.at("liner1.bias"),
                       "[p.safetensors] has no tensor liner1.bias; did you mean linear1.bias? (its tensors: "
                       "linear1.weight, linear1.bias)",
                       Error);
  CHECK(file.meta("iteration") == "3");
  CHECK_THROWS_WITH_AS(file.meta("seed"), "[p.safetensors] has no metadata key seed (its keys: iteration)", Error);
}
