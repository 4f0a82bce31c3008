#include "maml/train/adapted_file.h"

#include <charconv>

#include <nlohmann/json.hpp>

#include "maml/base/error.h"
#include "maml/io/safetensors.h"
#include "maml/kernels/isa.h"
#include "maml/train/checkpoint.h"

namespace maml {

namespace {

const char* const format_name = "maml adapted 1";

std::vector<std::string> parse_classes(const std::string& text, const std::string& path) {
  try {
    return nlohmann::json::parse(text).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    fail(path, "is damaged: its classes are no list of names");
  }
}

int parse_steps(const std::string& text, const std::string& path) {
  int steps = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), steps);
  require(error == std::errc() && end == text.data() + text.size() && steps >= 0, path, "is damaged: steps is '", text,
          "'");
  return steps;
}

}  // namespace

void write_adapted(const std::string& path, const LoadedModel& loaded, const AdaptedModel& adapted,
                   const std::vector<std::string>& classes) {
  require(classes.size() == adapted.classes(), path, "wants names for ", adapted.classes(), " classes, but got ",
          classes.size());
  Weights weights = loaded.weights;
  weights.parameters = adapted.parameters();
  TensorFile file = to_tensors(*loaded.model, loaded.options, weights);
  if (adapted.needs_support()) {
    const Shape input = loaded.model->input();
    std::vector<std::size_t> shape = {adapted.support().x.size() / input.size()};
    shape.insert(shape.end(), input.extents.begin(), input.extents.end());
    file.tensors.push_back(Tensor::of("support.x", shape, adapted.support().x.data()));
  }
  file.metadata = {{"format", format_name},
                   {"classes", nlohmann::json(classes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)},
                   {"steps", std::to_string(adapted.steps())},
                   {"statistics", adapted.statistics() ? to_string(*adapted.statistics()) : ""},
                   {"isa", isa_name(active_isa())},
                   {"config", to_toml(loaded.options)}};
  if (const auto licence = licence_of(loaded.options.data); !licence.empty()) file.metadata["licence"] = licence;
  write_checked(path, file);
}

LoadedAdapted read_adapted(const std::string& path) {
  return to_adapted(read_checked(path));
}

LoadedAdapted to_adapted(const TensorFile& file) {
  const std::string& path = file.path;
  const auto format = file.metadata.find("format");
  require(format != file.metadata.end() && format->second == format_name, path,
          "is no adapted model (maml adapt RUN --support DIR --out FILE writes one)");
  LoadedModel loaded{resolved(parse_options(file.meta("config"), path + ": config")), nullptr, {}};
  loaded.model = std::make_unique<Model>(loaded.options.model);
  loaded.weights = to_weights(file, *loaded.model, loaded.options);
  loaded.isa = file.meta("isa");
  AdaptedModel::Parts parts;
  parts.parameters = loaded.weights.parameters;
  parts.state = loaded.weights.state;
  const auto classes = parse_classes(file.meta("classes"), path);
  parts.classes = classes.size();
  parts.steps = parse_steps(file.meta("steps"), path);
  const std::string& statistics = file.meta("statistics");
  if (!statistics.empty()) parts.statistics = parse_statistics(path, statistics);
  if (const Tensor* support = file.find("support.x")) parts.support.x = support->as<float>();
  AdaptedModel adapted(*loaded.model, std::move(parts));
  return {std::move(loaded), std::move(adapted), classes};
}

}  // namespace maml
