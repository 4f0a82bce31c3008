#include "maml/train/results_page.h"

#include <doctest/doctest.h>

#include <cmath>

#include "maml/base/error.h"
#include "maml/train/evaluation.h"
#include "tests/io/scratch_folder.h"
#include "tests/train/small_run.h"

using namespace maml;
using maml_test::bytes_of;
using maml_test::put_bytes;
using test::error_of;

TEST_CASE("results page: a section is rewritten alone, the page holds all") {
  const maml_test::ScratchFolder scratch;
  const std::string out = scratch.file("docs");
  write_results_section(out, "b", "## B\n");
  write_results_section(out, "a", "## A\n");
  CHECK(bytes_of(out + "/results.md").ends_with("\n\n## A\n\n## B\n"));
  const auto files = write_results_section(out, "b", "## New\n");
  CHECK(files == std::vector<std::string>{out + "/results/b.md", out + "/results.md"});
  CHECK(bytes_of(out + "/results.md").ends_with("\n\n## A\n\n## New\n"));
}

TEST_CASE("results page: the table of kept models") {
  const maml_test::ScratchFolder scratch;
  const std::string zoo = scratch.file("zoo"), model = zoo + "/omniglot-5way-1shot";
  CHECK(error_of([&] { zoo_section(zoo); }) == "[" + zoo + "] holds no finished model (make zoo trains them)");
  std::filesystem::create_directories(model);
  std::filesystem::create_directories(zoo + "/inflight/other");
  put_bytes(model + "/config.toml", to_toml(preset("omniglot-5way-1shot")));
  put_bytes(model + "/record.json", "{\"iteration\": 57000, \"seconds\": 7200, \"threads\": 2, \"isa\": \"avx512\"}");
  EvaluationSummary paper{{.name = "paper", .ways = 5, .shots = 1, .query_shots = 1}, "64", "accuracy", {}};
  paper.protocol.statistics = Statistics::transductive;
  paper.steps = {{0, 0.2, 0.01}, {3, 0.9876, 0.0012}};
  put_bytes(model + "/eval.json", to_json(std::vector{paper}));
  CHECK(zoo_section(zoo).find("| omniglot-5way-1shot | 64 | 3 | 98.70 | 98.76 ± 0.12 (1 query, transductive) |  |  | "
                              "57000 | 2.0 x 2 | avx512 |\n") != std::string::npos);
  EvaluationSummary validation = paper;
  validation.protocol.name = "validation";
  validation.protocol.statistics = Statistics::support;
  validation.steps = {{0, 0.2, 0.01}, {1, 0.95, 0.01}, {2, 0.97, 0.01}, {3, 0.97, 0.01}};
  paper.steps.insert(paper.steps.begin() + 1, {2, 0.965, 0.002});
  put_bytes(model + "/eval.json", to_json(std::vector{validation, paper}));
  CHECK(zoo_section(zoo).find("| omniglot-5way-1shot | 64 | 2 (support) | 98.70 | 96.50 ± 0.20 (") !=
        std::string::npos);
  const double none = std::nan("");
  validation.steps = {{0, none, none}, {1, 0.95, 0.01}, {2, 0.97, 0.01}, {3, none, none}};
  put_bytes(model + "/eval.json", to_json(std::vector{validation, paper}));
  CHECK(zoo_section(zoo).find("| omniglot-5way-1shot | 64 | 2 (support) |") != std::string::npos);
  validation.metric = "mse";
  put_bytes(model + "/eval.json", to_json(std::vector{validation, paper}));
  CHECK(zoo_section(zoo).find("| omniglot-5way-1shot | 64 | 1 (support) |") != std::string::npos);
  put_bytes(model + "/record.json", "{}");
  CHECK(error_of([&] { zoo_section(zoo); }).find("/record.json] is no record of a run: ") != std::string::npos);
}
