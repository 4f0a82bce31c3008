#include "maml/train/results_page.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
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
  double seconds = 0;
  int threads = 0;
  std::string isa;
};

Record read_record(const std::string& path) {
  try {
    const auto object = nlohmann::json::parse(read_text_file(path));
    return {object.at("seconds").get<double>(), object.at("threads").get<int>(), object.at("isa").get<std::string>()};
  } catch (const nlohmann::json::exception& error) {
    fail(path, "is no record of a run: ", error.what());
  }
}

/// The step that is best in validation (the first of equals), where that was looked at; else the one that published
/// results are of, or the last.
int step_shown(const Options& options, const std::vector<EvaluationSummary>& all) {
  for (const auto& summary : all) {
    if (summary.protocol.name != "validation") continue;
    const auto worse = [&](const EvaluatedStep& a, const EvaluatedStep& b) {
      return lower_is_better(summary.metric) ? a.mean > b.mean : a.mean < b.mean;
    };
    return std::max_element(summary.steps.begin(), summary.steps.end(), worse)->step;
  }
  return options.about.published.empty() ? options.eval.steps : options.about.published.back().step;
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
  const int step = step_shown(options, evaluations);
  std::ostringstream row;
  row << "| " << fs::path(path).filename().string() << " | " << evaluations.front().width << " | " << step << " | ";
  if (!options.about.published.empty()) row << number(options.about.published.back().value, 2);
  for (const char* protocol : {"paper", "strict", "reached"})
    row << " | " << accuracy_cell(evaluations, protocol, step);
  row << " | " << options.train.iterations << " | " << number(record.seconds / 3600, 1) << " x " << record.threads
      << " | " << record.isa << " |\n";
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
         "Those in `zoo/`: accuracy in percent on test tasks, with its 95 % interval, after so many inner steps "
         "(those\n"
         "that were best in validation); in brackets query images a class and whose statistics batch norm takes.\n"
         "Protocols (`maml eval --help`): paper, 600 tasks; strict, 5,000; reached, the paper's on 10,000 tasks that\n"
         "nothing was chosen by. Width: filters, or units. Hours x threads on the machine that trained it.\n\n"
         "| model | width | steps | published | paper | strict | reached | iterations | hours | instructions |\n"
         "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n" +
         rows;
}

}  // namespace maml
