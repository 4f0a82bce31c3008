#include "maml/train/results_page.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>

#include "maml/base/error.h"
#include "maml/io/atomic_file.h"
#include "maml/train/evaluation.h"
#include "maml/train/run_folder.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

std::vector<std::string> sorted_entries(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string number(double value, int decimals) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

/// What scripts/zoo notes of a run.
struct Record {
  std::int64_t iteration = 0;  ///< of the kept weights
  double seconds = 0;
  int threads = 0;
  std::string isa;
};

Record read_record(const std::string& path) {
  try {
    const auto object = nlohmann::json::parse(read_text_file(path));
    return {object.at("iteration").get<std::int64_t>(), object.at("seconds").get<double>(),
            object.at("threads").get<int>(), object.at("isa").get<std::string>()};
  } catch (const nlohmann::json::exception& error) {
    fail(path, "is no record of a run: ", error.what());
  }
}

struct ShownStep {
  int step = 0;
  std::optional<Statistics> chosen_by = {};  ///< batch statistics of the validation that it is the best of
};

/// The step that is best in validation (the first of equals; what is not a number is worst), where that was looked at;
/// else the one that published results are of, or the last.
ShownStep step_shown(const Options& options, const std::vector<EvaluationSummary>& all) {
  for (const auto& summary : all) {
    if (summary.protocol.name != "validation") continue;
    const auto worse = [&](const EvaluatedStep& a, const EvaluatedStep& b) {
      if (std::isnan(a.mean) || std::isnan(b.mean)) return std::isnan(a.mean) && !std::isnan(b.mean);
      return lower_is_better(summary.metric) ? a.mean > b.mean : a.mean < b.mean;
    };
    return {std::max_element(summary.steps.begin(), summary.steps.end(), worse)->step, summary.protocol.statistics};
  }
  return {options.about.published.empty() ? options.eval.steps : options.about.published.back().step};
}

std::string accuracy_cell(const std::vector<EvaluationSummary>& all, const std::string& protocol, int step) {
  for (const auto& summary : all) {
    if (summary.protocol.name != protocol) continue;
    const auto found =
        std::find_if(summary.steps.begin(), summary.steps.end(), [&](const auto& s) { return s.step == step; });
    if (found == summary.steps.end()) continue;
    const double factor = shown_factor(summary.metric);
    std::string text = number(factor * found->mean, 2) + " ± " + number(factor * found->ci95, 2) + " (" +
                       std::to_string(summary.protocol.query_shots) +
                       (summary.protocol.query_shots == 1 ? " query" : " queries");
    if (summary.protocol.statistics) text += ", " + to_string(*summary.protocol.statistics);
    return text + ")";
  }
  return "";
}

std::string zoo_row(const std::string& path) {
  const RunFolder folder = RunFolder::open(path);
  const Options options = resolved(folder.options());
  const auto evaluations = parse_evaluations(read_text_file(folder.evaluation()), folder.evaluation());
  require(!evaluations.empty(), folder.evaluation(), "is empty");
  const Record record = read_record(path + "/record.json");
  const ShownStep shown = step_shown(options, evaluations);
  std::ostringstream row;
  row << "| " << fs::path(path).filename().string() << " | " << evaluations.front().width << " | " << shown.step;
  if (shown.chosen_by) row << " (" << to_string(*shown.chosen_by) << ")";
  row << " | ";
  if (!options.about.published.empty()) row << number(options.about.published.back().value, 2);
  for (const char* protocol : {"paper", "strict", "reached"})
    row << " | " << accuracy_cell(evaluations, protocol, shown.step);
  row << " | " << record.iteration << " | " << number(record.seconds / 3600, 1) << " x " << record.threads << " | "
      << record.isa << " |\n";
  return row.str();
}

}  // namespace

std::vector<std::string> write_results_section(const std::string& out, const std::string& name,
                                               const std::string& markdown) {
  const std::string folder = out + "/results";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, "cannot be made: ", errno_text(error.value()));
  std::vector<std::string> files = {folder + "/" + name + ".md", out + "/results.md"};
  write_atomically(files[0], markdown);
  std::string page = "# Results\n\n<!-- Put together from results/*.md by `maml reproduce`; do not edit. -->\n";
  for (const auto& path : sorted_entries(folder))
    if (path.ends_with(".md")) page += "\n" + read_text_file(path);
  write_atomically(files[1], page);
  return files;
}

std::string zoo_section(const std::string& zoo) {
  std::string rows;
  for (const auto& path : sorted_entries(zoo)) {
    std::error_code unreadable;
    if (fs::exists(path + "/record.json", unreadable)) rows += zoo_row(path);
  }
  require(!rows.empty(), zoo, "holds no finished model (make zoo trains them)");
  return "## Trained models\n\n"
         "Those in `zoo/`: accuracy in percent on test tasks, with its 95 % interval, after so many inner steps: "
         "those\n"
         "that were best in validation, whose batch statistics stand in brackets. In brackets beside an accuracy: "
         "query\n"
         "images a class and whose statistics batch norm takes. Protocols (`maml eval --help`): paper, 600 tasks;\n"
         "strict, 5,000; reached, the paper's on 10,000 tasks that nothing was chosen by. Width: filters, or units.\n"
         "Iterations: after which the weights were taken, those of the best validation in training. Hours x threads "
         "on\n"
         "the machine that trained it.\n\n"
         "| model | width | steps | published | paper | strict | reached | iterations | hours | instructions |\n"
         "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n" +
         rows;
}

}  // namespace maml
