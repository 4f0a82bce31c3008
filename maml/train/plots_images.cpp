#include "maml/train/plots_images.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "maml/base/error.h"
#include "maml/io/gnuplot.h"
#include "maml/io/gnuplot_script.h"
#include "maml/train/plots.h"

namespace maml {

namespace {

constexpr std::size_t most_classes = 20, most_images = 8, column_classes = 10;

std::uint8_t byte_of(double value) {
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
}

/// The rows of a batch.
std::vector<BoardPicture> pictures_of(const Batch<float>& batch, const Shape& image) {
  std::vector<BoardPicture> pictures(batch.rows);
  const float* x = batch.x;
  for (auto& picture : pictures) {
    picture = {.height = image.extents[0], .width = image.extents[1], .channels = image.channels(), .pixels = {}};
    for (std::size_t i = 0; i < image.size(); ++i) picture.pixels.push_back(byte_of(static_cast<double>(*x++)));
  }
  return pictures;
}

bool makes_picture(const Shape& shape) {
  return shape.is_image() && (shape.channels() == 1 || shape.channels() == 3);
}

std::string percent(double share) {
  return std::to_string(std::lround(100 * share)) + " %";
}

/// `Gurmukhi/character41, turned 90°` in lines: its number with the last part of the path, what is before it, the turn.
std::string class_label(const std::string& name, std::size_t number) {
  const std::size_t turn = std::min(name.rfind(", turned "), name.size());
  const std::string path = name.substr(0, turn);
  const std::size_t slash = path.rfind('/');
  std::string label = std::to_string(number + 1) + ": " + path.substr(slash == path.npos ? 0 : slash + 1);
  if (slash != path.npos) label += "\n" + path.substr(0, slash);
  if (turn < name.size()) label += "\n" + name.substr(turn + 2);
  return label;
}

std::string plural(std::size_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

std::string title_of(const Options& options) {
  return options.about.title.empty() ? algorithm_label(options) : options.about.title;
}

/// Two digits that count.
std::string rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2g", value);
  return text;
}

/// `0, 1, 2 and 17`.
std::string numbers_text(const std::vector<JudgedTask>& tasks) {
  std::string text;
  for (std::size_t i = 0; i < tasks.size(); ++i)
    text += (i == 0 ? "" : i + 1 < tasks.size() ? ", " : " and ") + std::to_string(tasks[i].number);
  return text;
}

/// How the tasks were chosen, what their frames mean.
std::string gallery_note(const std::vector<JudgedTask>& tasks, const Protocol& protocol) {
  const auto right = std::accumulate(tasks.begin(), tasks.end(), std::size_t{0},
                                     [](std::size_t sum, const auto& task) { return sum + task.right(); });
  const std::size_t queries = tasks.size() * tasks.front().query.size();
  std::string text = "After " + plural(static_cast<std::size_t>(protocol.steps), "inner step") +
                     " on the support images (grey frames): " + std::to_string(right) + " of " +
                     std::to_string(queries) + " query images right (green), others taken for another class " +
                     "(vermilion).\nTest " + (tasks.size() == 1 ? "task " : "tasks ") + numbers_text(tasks) +
                     " of seed " + std::to_string(protocol.seed);
  if (tasks.back().number >= tasks.size())
    text += std::string(", the last being the first with a ") + (right < queries ? "wrong" : "right") + " one";
  text += ", protocol " + protocol.name +
          "; batch statistics: " + (protocol.statistics ? to_string(*protocol.statistics) : std::string("none")) + ".";
  const std::size_t ways = tasks.front().ways;
  const auto shown = [&](std::size_t most, std::size_t all, const std::string& of) {
    if (all > most) text += " Shown: " + std::to_string(most) + " of " + std::to_string(all) + " " + of + ".";
  };
  shown(most_classes, ways, "classes");
  shown(most_images, tasks.front().support.size() / ways, "support images of a class");
  shown(most_images, tasks.front().query.size() / ways, "query images of a class");
  return text;
}

/// in_columns: at the right of all rows before, in columns of `column_classes`.
void append_rows(PictureBoard& board, const JudgedTask& task, bool in_columns) {
  const std::size_t shots = task.support.size() / task.ways, queries = task.query.size() / task.ways;
  const std::string name = "test task " + std::to_string(task.number);
  for (std::size_t w = 0; w < std::min(task.ways, most_classes); ++w) {
    PictureRow row{.label = class_label(w < task.classes.size() ? task.classes[w] : "class", w), .pictures = {}};
    row.begins_column = in_columns && w % column_classes == 0;
    if (w == 0)
      row.heading = name + ": " + std::to_string(task.right()) + " of " + std::to_string(task.query.size()) + " right";
    else if (row.begins_column)
      row.heading = name + ", from class " + std::to_string(w + 1);
    for (std::size_t s = 0; s < std::min(shots, most_images); ++s)
      row.pictures.push_back(task.support[s * task.ways + w]);
    for (std::size_t q = 0; q < std::min(queries, most_images); ++q) {
      const std::size_t at = q * task.ways + w;
      BoardPicture picture = task.query[at];
      picture.frame = task.is_right(at) ? palette::green : palette::vermilion;
      const std::string what = task.is_right(at)                ? ""
                               : task.predicted[at] < task.ways ? "as " + std::to_string(task.predicted[at] + 1) + ": "
                                                                : "as none: ";
      picture.caption = what + percent(task.confidence[at]);
      row.pictures.push_back(std::move(picture));
    }
    board.rows.push_back(std::move(row));
  }
}

/// What all but half a percent of the values stay within, whatever their signs.
double nearly_largest(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) * 995 / 1000];
}

/// The weights of one filter, channel after channel, as a picture: one channel from blue (negative) over white to
/// vermilion, three as colours around grey.
BoardPicture filter_picture(const double* weights, std::size_t channels, std::size_t height, std::size_t width,
                            double strongest) {
  BoardPicture picture{.height = height, .width = width, .channels = 3, .pixels = {}};
  for (std::size_t i = 0; i < height * width; ++i) {
    const auto scaled = [&](std::size_t channel) {
      return strongest > 0 ? weights[channel * height * width + i] / strongest : 0.0;
    };
    for (std::size_t c = 0; c < 3; ++c) {
      if (channels == 3) {
        picture.pixels.push_back(byte_of(0.5 + 0.5 * scaled(c)));
      } else {
        const double value = std::clamp(scaled(0), -1.0, 1.0);
        const std::uint32_t end = palette_rgb(value < 0 ? palette::blue : palette::vermilion) >> (16 - 8 * c) & 255;
        picture.pixels.push_back(byte_of(1 - std::abs(value) * (1 - end / 255.0)));
      }
    }
  }
  return picture;
}

}  // namespace

std::size_t JudgedTask::right() const {
  std::size_t count = 0;
  for (std::size_t row = 0; row < query.size(); ++row) count += is_right(row);
  return count;
}

TaskJudge::TaskJudge(const Experiment& experiment, const Weights& weights, const Protocol& protocol)
    : tasks_(experiment, weights, protocol), hand_(tasks_.hand(experiment.options.train.memory_mib << 20, true)),
      plain_(tasks_.plain_task()), predictions_(*experiment.model, tasks_.mode(), weights.state.data()),
      image_(experiment.domain->input()), outputs_(experiment.model->output().size()) {}

JudgedTask TaskJudge::operator()(std::size_t number) {
  tasks_.adapt(hand_, number);
  JudgedTask judged;
  judged.number = number;
  judged.ways = protocol().ways;
  const auto probabilities =
      class_probabilities(predictions_.outputs(*hand_.adaptation, *hand_.task, protocol().steps), outputs_);
  for (auto row = probabilities.begin(); row != probabilities.end(); row += static_cast<std::ptrdiff_t>(outputs_)) {
    const auto largest = std::max_element(row, row + static_cast<std::ptrdiff_t>(outputs_));
    const bool says_nothing = std::isnan(*row);  // then all of the row is
    judged.predicted.push_back(says_nothing ? outputs_ : static_cast<std::size_t>(largest - row));
    judged.confidence.push_back(says_nothing ? 0 : *largest);
  }
  plain_->draw(tasks_.draw(number));
  judged.support = pictures_of(plain_->support(0, {}), image_);
  judged.query = pictures_of(plain_->query({}), image_);
  judged.classes = plain_->class_names(tasks_.draw(number));
  return judged;
}

std::vector<JudgedTask> tasks_to_show(TaskJudge& judge, std::size_t count) {
  const std::size_t all = judge.protocol().tasks;
  std::vector<JudgedTask> shown;
  std::size_t right = 0, queries = 0;
  for (std::size_t number = 0; number < std::min(count, all); ++number) {
    shown.push_back(judge(number));
    right += shown.back().right();
    queries += shown.back().query.size();
  }
  if (right > 0 && right < queries) return shown;
  const bool wants_right = right == 0;
  for (std::size_t number = shown.size(); number < all; ++number) {
    JudgedTask task = judge(number);
    if (wants_right ? task.right() == 0 : task.right() == task.query.size()) continue;
    shown.back() = std::move(task);
    break;
  }
  return shown;
}

std::optional<PictureBoard> gallery_board(const LoadedModel& loaded) {
  if (!makes_picture(loaded.model->input()) || loaded.model->loss().name() != "cross_entropy") return {};
  const Experiment experiment(loaded.options);
  if (!makes_picture(experiment.domain->input()) || experiment.domain->classes() == 0) return {};
  Protocol own = protocol("own", experiment.options);
  own.steps = experiment.options.inner.steps;
  TaskJudge judge(experiment, loaded.weights, completed(own, experiment));
  // Tasks of few images stand side by side.
  const Protocol& protocol = judge.protocol();
  const bool is_narrow = std::min(protocol.shots, most_images) + std::min(protocol.query_shots, most_images) <= 4;
  const bool is_tall = protocol.ways > column_classes;
  const auto tasks = tasks_to_show(judge, (is_narrow ? 4 : 2) / (is_tall ? 2 : 1));
  PictureBoard board{.title = title_of(loaded.options) + ": predictions on new tasks", .rows = {}};
  board.note = gallery_note(tasks, protocol);
  for (const auto& task : tasks) append_rows(board, task, is_narrow);
  return board;
}

std::optional<PictureBoard> filters_board(const LoadedModel& loaded) {
  constexpr std::size_t most_filters = 64, per_row = 8;
  const Model& model = *loaded.model;
  if (!makes_picture(model.input())) return {};
  std::size_t first = 0;
  while (first < model.layer_count() && model.layer(first).info().products_per_row == 0) ++first;
  if (first == model.layer_count()) return {};
  const std::string& name = model.layer_name(first);
  const auto tensors = model.to_border(loaded.weights.parameters.data());
  const auto weight =
      std::find_if(tensors.begin(), tensors.end(), [&](const auto& one) { return one.name == name + ".weight"; });
  if (weight == tensors.end()) return {};
  // At the border inputs are in the order channel, height, width: of a kernel, or of the whole image.
  const auto& shape = weight->shape;
  const std::size_t channels = model.input().channels();
  const bool is_convolution = shape.size() == 4;
  const std::size_t height = is_convolution ? shape[2] : model.input().extents[0];
  const std::size_t width = is_convolution ? shape[3] : model.input().extents[1];
  const std::size_t size = channels * height * width;
  if (weight->values.size() != shape[0] * size) return {};

  const std::size_t count = std::min(shape[0], most_filters);
  const double strongest =
      nearly_largest({weight->values.begin(), weight->values.begin() + static_cast<std::ptrdiff_t>(count * size)});
  PictureBoard board{.title = title_of(loaded.options) + ": first layer", .rows = {}};
  board.side = is_convolution ? 40 : 60;
  for (std::size_t i = 0; i < count; ++i) {
    if (i % per_row == 0) board.rows.push_back({.pictures = {}});
    board.rows.back().pictures.push_back(filter_picture(&weight->values[i * size], channels, height, width, strongest));
  }
  const std::string which = count < shape[0] ? "The first " + std::to_string(count) + " of " : "All ";
  board.note = which + std::to_string(shape[0]) + (is_convolution ? " filters of " : " units of ") + name + ", " +
               std::to_string(height) + " x " + std::to_string(width) + ", before adaptation.\n" +
               (channels == 3 ? "Red, green and blue around grey" : "Blue below zero, white at zero, vermilion above") +
               "; full colour from " + rounded(strongest) + " on.";
  return board;
}

}  // namespace maml
