#include "maml/train/tensorboard.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sys/stat.h>
#include <type_traits>
#include <utility>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/io/csv_log.h"
#include "maml/io/tensorboard_events.h"
#include "maml/io/tensorboard_hparams.h"
#include "maml/train/option_text.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

bool exists(const std::string& path) {
  std::error_code unreadable;
  return fs::exists(path, unreadable);
}

/// When a file was last written, in seconds since 1970.
double written_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail(path, "cannot be read: ", errno_text(errno));
  return static_cast<double>(status.st_mtim.tv_sec) + 1e-9 * static_cast<double>(status.st_mtim.tv_nsec);
}

/// When the run came to where it stands.
double written_at(const RunFolder& folder) {
  for (const auto& file : {folder.checkpoint(), folder.parameters()})
    if (exists(file)) return written_at(file);
  return written_at(folder.config());
}

std::variant<bool, double, std::string> hparam_value(bool value) {
  return value;
}
std::variant<bool, double, std::string> hparam_value(const std::string& value) {
  return value;
}
std::variant<bool, double, std::string> hparam_value(const RateTable& rates) {
  if (rates.by_name.empty()) return rates.everywhere;
  return toml_text(rates);
}
template <class Field> std::variant<bool, double, std::string> hparam_value(const Field& field) {
  if constexpr (std::is_arithmetic_v<Field>)
    return static_cast<double>(field);
  else
    return toml_text(field);
}

/// The options that fix results, and how long was trained.
std::vector<Hparam> hparams_of(const Options& options) {
  std::vector<Hparam> hparams;
  visit(options, [&](const std::string& key, const auto& field, const char* help) {
    if (fixes_results(key, options) || key == "train.iterations") hparams.push_back({key, help, hparam_value(field)});
  });
  return hparams;
}

/// `learning` of `runs/a/plots/learning`.
std::string picture_name(const std::string& file) {
  return fs::path(file).filename().string();
}

std::string picture_records(EventTime time, const std::vector<std::string>& files) {
  EventSummary summary;
  for (const auto& file : files)
    summary.add_png("plots/" + picture_name(file), read_text_file(file + ".png"), file + ".png");
  return summary_record(time, summary);
}

}  // namespace

RunEvents::RunEvents(const Options& options, std::string metric) : options_(options), metric_(std::move(metric)) {}

std::string RunEvents::tag_of(const std::string& column) const {
  if (column == "meta_loss") return "train/loss";
  if (column == "pre") return "train/" + metric_ + "_before";
  if (column == "post") return "train/" + metric_ + "_after";
  if (column == "rate") return "train/outer_rate";
  if (column == "validation") return "val/" + metric_;
  if (column == "validation_ci95") return "val/" + metric_ + "_ci95";
  if (column == "seconds" || column == "iterations_per_second") return "time/" + column;
  return "train/" + column;
}

std::string RunEvents::opening(double seconds, std::optional<std::int64_t> restart) const {
  std::string records = version_record(seconds);
  if (restart) records += start_record({seconds, *restart});
  const auto hparams = hparams_of(options_);
  EventSummary summary;
  add_hparams_experiment(summary, hparams,
                         {{"test/" + metric_, "test " + metric_},
                          {"val/" + metric_, "validation " + metric_},
                          {"train/loss", "training loss", true}},
                         seconds);
  add_hparams_start(summary, hparams, seconds);
  return records + summary_record({seconds, 0}, summary);
}

std::string RunEvents::row(double seconds, const std::vector<std::string>& columns,
                           std::span<const double> values) const {
  EventSummary summary;
  for (std::size_t i = 1; i < columns.size(); ++i) summary.add_scalar(tag_of(columns[i]), values[i]);
  return summary_record({seconds, static_cast<std::int64_t>(values[0])}, summary);
}

std::string RunEvents::rows(const RunFolder& folder, std::int64_t first) const {
  if (!exists(folder.metrics()) || !exists(folder.timing())) return "";
  const CsvTable metrics = read_csv(folder.metrics()), timing = read_csv(folder.timing());
  // A killed run may have a row of the one and not of the other; what it counts on is in both.
  const auto &iterations = timing.column("iteration"), &durations = timing.column("seconds");
  std::vector<double> times(timing.rows());
  double time = written_at(folder);
  for (std::size_t i = times.size(); i-- > 0; time -= durations[i]) times[i] = time;
  std::string records;
  const auto add = [&](const CsvTable& table, std::size_t at, double seconds) {
    std::vector<double> values;
    for (const auto& column : table.columns) values.push_back(column[at]);
    records += row(seconds, table.names, values);
  };
  for (std::size_t i = 0, j = 0; i < metrics.rows(); ++i) {
    const double iteration = metrics.columns.front()[i];
    while (j < times.size() && iterations[j] < iteration) ++j;
    if (j == times.size()) break;
    if (iteration < static_cast<double>(first)) continue;
    add(metrics, i, times[j]);
    if (iterations[j] == iteration) add(timing, j, times[j]);
  }
  return records;
}

std::string RunEvents::closing(double seconds, std::int64_t iteration,
                               const std::vector<EvaluationSummary>& evaluations) const {
  EventSummary scalars, end;
  for (const auto& evaluation : evaluations) {
    if (evaluation.steps.empty()) continue;
    const auto trained = static_cast<std::size_t>(std::max(options_.inner.steps, 0));
    const EvaluatedStep& step = evaluation.steps[std::min(trained, evaluation.steps.size() - 1)];
    const std::string& protocol = evaluation.protocol.name;
    const std::string tag = "test/" + metric_ + (protocol == "own" ? "" : "_" + protocol);
    scalars.add_scalar(tag, step.mean);
    scalars.add_scalar(tag + "_ci95", step.ci95);
  }
  add_hparams_end(end, seconds);
  return summary_record({seconds, iteration}, scalars) + summary_record({seconds, 0}, end);
}

TensorboardLog::TensorboardLog(const RunFolder& folder, const Options& options, const std::string& metric,
                               std::int64_t iteration)
    : events_(options, metric), file_([&] {
        const double now = event_seconds();
        const bool goes_on = !event_files(folder.path()).empty();
        std::string records = events_.opening(now, goes_on ? std::optional(iteration) : std::nullopt);
        records += events_.rows(folder, goes_on ? iteration : 0);
        AppendFile file = AppendFile::create(next_event_file(folder.path(), now));
        file.append(records);
        return file;
      }()) {}

void TensorboardLog::append(const std::vector<std::string>& columns, std::span<const double> values) {
  file_.append(events_.row(event_seconds(), columns, values));
}

void TensorboardLog::finish(std::int64_t iteration, const EvaluationSummary& evaluation) {
  file_.append(events_.closing(event_seconds(), iteration, {evaluation}));
  file_.sync();
}

std::string log_pictures(const std::vector<std::string>& files, std::int64_t iteration) {
  require(!files.empty(), "TensorBoard", "there are no pictures to log");
  const std::string folder = fs::path(files.front()).parent_path().string();
  const double now = event_seconds();
  std::string records = version_record(now);
  if (!event_files(folder).empty()) records += start_record({now, iteration});
  records += picture_records({now, iteration}, files);
  AppendFile file = AppendFile::create(next_event_file(folder, now));
  file.append(records);
  return file.path();
}

std::string event_file_of(const RunFolder& folder) {
  const Options options = resolved(folder.options());
  const RunEvents events(options, Model(options.model).loss().metric());
  const double seconds = written_at(folder);
  std::vector<EvaluationSummary> evaluations;
  if (exists(folder.evaluation()))
    evaluations = parse_evaluations(read_text_file(folder.evaluation()), folder.evaluation());
  // Of a packed run's logs nothing is left but what its evaluations say.
  std::int64_t iteration = 0;
  for (const auto& evaluation : evaluations) iteration = std::max(iteration, evaluation.iteration.value_or(0));
  if (exists(folder.metrics()))
    if (const CsvTable metrics = read_csv(folder.metrics()); metrics.rows() > 0)
      iteration = static_cast<std::int64_t>(metrics.columns.front().back());

  std::vector<std::string> pictures;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder.plots(), unreadable))
    if (entry.path().extension() == ".png") pictures.push_back(fs::path(entry.path()).replace_extension().string());
  std::sort(pictures.begin(), pictures.end());

  std::string records = events.opening(seconds) + events.rows(folder, 0);
  records += picture_records({seconds, iteration}, pictures);
  if (!evaluations.empty()) records += events.closing(seconds, iteration, evaluations);
  return records;
}

}  // namespace maml
