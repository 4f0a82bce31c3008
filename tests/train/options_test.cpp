#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "maml/base/error.h"
#include "maml/train/experiment.h"
#include "maml/train/options.h"
#include "tests/io/scratch_folder.h"
#include "tests/train/small_run.h"

using namespace maml;
using test::error_of;
using test::small_run;

namespace {

std::string parse_error(const std::string& text) {
  return error_of([&] { parse_options(text, "my.toml"); });
}

std::string set_error(const std::string& assignment) {
  Options options;
  return error_of([&] { set_option(options, assignment); });
}

template <class Change> std::string resolve_error(Change change) {
  Options options = small_run();
  change(options);
  return error_of([&] { resolved(options); });
}

}  // namespace

TEST_CASE("options: what is wrong with a file is said with line, key and mend") {
  CHECK(parse_error("[inner]\nstep = 3\n") == "[my.toml] unknown key inner.step; did you mean inner.steps?");
  CHECK(parse_error("[inner]\n\nsteps = \"three\"\n") ==
        "[my.toml] line 3: inner.steps wants a whole number, but it is the text \"three\"");
  CHECK(parse_error("inner.steps = 1.5\n") == "[my.toml] line 1: inner.steps wants a whole number, but it is 1.5");
  CHECK(parse_error("[data]\nshots = -1\n") ==
        "[my.toml] line 2: data.shots wants a whole number from 0, but it is -1");
  CHECK(parse_error("[data]\noracle = 1\n") == "[my.toml] line 2: data.oracle wants true or false, but it is 1");
  CHECK(parse_error("[model]\nlayers = [\"relu\", 3]\n") ==
        "[my.toml] line 2: model.layers wants a list of texts, but it is a list");
  CHECK(parse_error("[outer]\nrate = [1]\n") == "[my.toml] line 2: outer.rate wants a number, but it is a list");
  CHECK(parse_error("about.title = 3\n") == "[my.toml] line 1: about.title wants text in quotes, but it is 3");
  CHECK(parse_error("inner = 3\n") == "[my.toml] line 1: inner is a table of keys, but it is 3 (write [inner])");
  CHECK(parse_error("[inner]\nsteps = 5\nsteps = 6\n").find("[my.toml] is no TOML: line 3: ") == 0);
  CHECK(parse_error("[inner\n").find("[my.toml] is no TOML: line 1: ") == 0);
  CHECK(parse_error("[zzzzzzzzzz]\nqqqqqq = 1\n") == "[my.toml] unknown key zzzzzzzzzz.qqqqqq");
  CHECK(parse_error("[outer]\nrat = 1\n[inner]\nstep = 1\n").find("outer.rat;") != std::string::npos);
  CHECK(error_of([] { load_options("/nowhere/my.toml"); }).find("[/nowhere/my.toml] cannot be read: ") == 0);
}

TEST_CASE("options: a config may begin with another, and says what differs") {
  const maml_test::ScratchFolder folder;
  const auto put = [&](const std::string& name, const std::string& text) {
    maml_test::put_bytes(folder.file(name), text);
    return folder.file(name);
  };
  put("a.toml", "[inner]\nsteps = 3\nalpha = 0.1\n[data]\nshots = 7\n");
  put("b.toml", "base = \"a\"\n[inner]\nsteps = 4\n");
  const Options options = load_options(put("c.toml", "base = \"b.toml\"\n[data]\ntasks = 9\n"));
  CHECK(options.inner.steps == 4);
  CHECK(options.inner.alpha.everywhere == 0.1);
  CHECK(options.data.shots == 7);
  CHECK(options.data.tasks == 9);
  CHECK(to_toml(options).find("base") == std::string::npos);
  CHECK(load_options(put("d.toml", "base = \"sinusoid-5shot\"\n")).data.shots == 5);
  const auto error = [&](const std::string& text) { return error_of([&] { load_options(put("wrong.toml", text)); }); };
  CHECK(error("base = \"wrong\"\n").find("line 1: base goes round in a circle: ") != std::string::npos);
  CHECK(error("base = \"sinusoid-5shoot\"\n").find("did you mean sinusoid-5shot?") != std::string::npos);
  CHECK(error("base = 5\n").find("line 1: base wants the name of a preset") != std::string::npos);
  CHECK(error("base = \"nowhere.toml\"\n").find("nowhere.toml") != std::string::npos);
  CHECK(error("[inner]\nbase = \"a\"\n").find("unknown key inner.base") != std::string::npos);
}

TEST_CASE("options: assignments on the command line") {
  Options options;
  set_option(options, "inner.steps=3");
  set_option(options, " outer.algorithm = reptile ");
  set_option(options, "inner.learned=\"layer-step\"");
  set_option(options, "inner.adapt=linear2.*");
  set_option(options, "inner.step_weights=[0, 1]");
  set_option(options, "inner.alpha={\"*\" = 0.01, \"linear1.*\" = 0}");
  set_option(options, "about.title=");
  CHECK(options.inner.steps == 3);
  CHECK(options.outer.algorithm == "reptile");
  CHECK(options.inner.learned == "layer-step");
  CHECK(options.inner.adapt == std::vector<std::string>{"linear2.*"});
  CHECK(options.inner.step_weights == std::vector<double>{0, 1});
  CHECK(options.inner.alpha.by_name == std::vector<std::pair<std::string, double>>{{"*", 0.01}, {"linear1.*", 0}});
  CHECK(set_error("inner.step=3") == "[inner.step=3] unknown key inner.step; did you mean inner.steps?");
  CHECK(set_error("inner.steps=three") == "[inner.steps=three] inner.steps wants a whole number, but it is 'three'");
  CHECK(set_error("inner.steps=1.5") == "[inner.steps=1.5] inner.steps wants a whole number, but it is 1.5");
  CHECK(set_error("inner.steps") == "[inner.steps] is no assignment (write key=value)");
}

TEST_CASE("options: what is impossible is said with the key") {
  CHECK(resolve_error([](Options&) {}).empty());
  CHECK(resolve_error([](Options& o) { o.inner.steps = 0; }) == "[inner.steps] is 0, but must be at least 1");
  CHECK(resolve_error([](Options& o) { o.outer.optimiser = "adma"; }) ==
        "[outer.optimiser] unknown value 'adma'; did you mean adam? (known: adam, sgd)");
  CHECK(resolve_error([](Options& o) { o.outer.rate = 0; }) == "[outer.rate] is 0.0, but must be above 0");
  CHECK(resolve_error([](Options& o) { o.outer.beta1 = 1; }) == "[outer.beta1] is 1.0, but must be from 0 to below 1");
  CHECK(resolve_error([](Options& o) {
          o.inner.step_weights = {1, 2};
        }) == "[inner.step_weights] has 2 weights, but inner.steps = 2 wants 3 (after 0, 1, .. steps)");
  CHECK(resolve_error([](Options& o) { o.data.domain = "point_navigation"; }) ==
        "[model.input] is missing (write the extents of one of the inputs of point_navigation: [n], or "
        "[height, width, channels])");
  // Whether the tasks fit the model is asked when there are tasks.
  Options other = small_run();
  other.model.input = {2};
  CHECK(error_of([&] { Experiment{other}; }) ==
        "[model.input] is [2], but the tasks' inputs are [1] (in a config, leave it out)");
  other = small_run();
  other.model.layers = {"linear 3"};
  CHECK(error_of([&] { Experiment{other}; }) ==
        "[model.layers] the loss compares 3 values a row, but the tasks give 1 (change the size of the last layer)");
  CHECK(resolve_error([](Options& o) {
          o.inner.adapt = {"*", "!linear*"};
        }) == "[inner.adapt] leaves no parameter to adapt ([\"*\", \"!linear*\"])");
  CHECK(resolve_error([](Options& o) { o.outer.algorithm = "maml2"; }).find("did you mean maml?") != std::string::npos);
  CHECK(resolve_error([](Options& o) {
          o.outer.algorithm = "reptile";
          o.inner.learned = "layer";
        }).find("[inner.learned] is 'layer', but reptile") == 0);
  CHECK(resolve_error([](Options& o) { o.data.domain = "sinusiod"; }).find("did you mean sinusoid?") !=
        std::string::npos);
}

TEST_CASE("options: the algorithm and the domain fill in what is left open") {
  Options options = small_run();
  options.outer.algorithm = "anil";
  CHECK(resolved(options).inner.adapt == std::vector<std::string>{"linear3.*"});
  options.outer.algorithm = "boil";
  CHECK(resolved(options).inner.adapt == std::vector<std::string>{"*", "!linear3.*"});
  options.outer.algorithm = "meta_sgd";
  CHECK(resolved(options).inner.learned == "element");
  options.outer.algorithm = "oracle";
  const Options oracle = resolved(options);
  CHECK(oracle.data.oracle);
  CHECK(oracle.model.input == std::vector<std::size_t>{3});
  CHECK(oracle.data.query_shots == 5);
  CHECK(to_toml(resolved(oracle)) == to_toml(oracle));
}

TEST_CASE("options: config.toml reads back to the same options, and has every key") {
  Options options = small_run();
  options.about.title = "quotes \" back\\slash, tab\t, line\nend, é";
  options.about.published = {{1, 0.67}, {10, 0.35}};
  options.inner.alpha.everywhere = 0;
  options.inner.alpha.by_name = {{"linear2.*", 0.1}, {"*", 1e-3}, {"linear1.weight", 1}};
  options.inner.step_weights = {0, 0.1, 1.0 / 3};
  options.train.seed = 0x7fffffffffffffff;
  options.outer.epsilon = 1e-300;
  const std::string text = to_toml(options);
  const Options back = parse_options(text, "config.toml");
  CHECK(to_toml(back) == text);
  CHECK(back.about.title == options.about.title);
  CHECK(back.inner.alpha == options.inner.alpha);  // the order counts
  CHECK(back.inner.step_weights == options.inner.step_weights);
  CHECK(back.about.published == options.about.published);
  CHECK(back.train.seed == options.train.seed);

  std::set<std::string> keys;
  for (const auto& info : describe_options()) {
    keys.insert(info.key);
    CHECK(!info.help.empty());
    CHECK(info.help.size() < 110);
    Options other;
    set_option(other, info.key + "=" + info.value);
    CHECK(to_toml(other) == to_toml({}));
  }
  CHECK(keys.size() == describe_options().size());
}

TEST_CASE("options: the digest changes with what a resumed run must keep, and with nothing else") {
  const Options options = resolved(small_run());
  const auto changed = [&](const std::string& assignment) {
    Options other = options;
    set_option(other, assignment);
    return digest(resolved(other)) != digest(options);
  };
  CHECK(changed("train.seed=1"));
  CHECK(changed("outer.rate=0.002"));
  CHECK(changed("inner.alpha=0.002"));
  CHECK(changed("data.tasks=6"));
  CHECK_FALSE(changed("train.iterations=21"));
  CHECK_FALSE(changed("train.threads=2"));
  CHECK_FALSE(changed("train.group=2"));
  CHECK_FALSE(changed("eval.tasks=2"));
  CHECK_FALSE(changed("about.title=other"));
}

TEST_CASE("presets: all are found, load, resolve, and differ from their twins in nothing else") {
  const std::vector<std::string> folders = {std::string(MAML_SOURCE_DIR) + "/presets"};
  const auto presets = list_presets(folders);
  CHECK(presets.size() >= 41);
  for (const auto& info : presets) {
    INFO(info.name);
    CHECK(!info.title.empty());
    const Options options = resolved(preset(info.name, folders));  // no data are asked for
    if (options.data.domain == "images" || options.data.domain == "table") {
      const Model model(options.model);
      CHECK((options.data.domain == "table" || model.output().size() == options.data.ways));
      CHECK_FALSE(options.data.file.empty());
    } else {
      CHECK_NOTHROW(Experiment{options});
    }
  }
  Options twin = preset("sinusoid-10shot-oracle", folders);
  const Options maml = preset("sinusoid-10shot", folders);
  twin.about = maml.about;
  twin.outer.algorithm = maml.outer.algorithm;
  CHECK(to_toml(twin) == to_toml(maml));
  CHECK(error_of([&] {
          preset("sinusoid-10shots", folders);
        }).find("[sinusoid-10shots] unknown preset; did you mean sinusoid-10shot? (known: ") == 0);
  CHECK(error_of([&] { preset("x", {"/nowhere"}); }) ==
        "[x] no presets were found in /nowhere (set MAML_PRESETS to their folder)");
}

TEST_CASE("options: text that the TOML library asserts on is refused like any other") {
  CHECK_THROWS_WITH_AS(parse_options("[#\n", "x.toml"), doctest::Contains("[x.toml] is no TOML: line 1"), Error);
  CHECK_THROWS_WITH_AS(parse_options("[outer]\nepsilon = \u039e-8\n", "x.toml"),
                       doctest::Contains("[x.toml] is no TOML: line 2: a character outside ASCII"), Error);
  CHECK(parse_options("# \u039e\n[about]\ntitle = \"\u039e\"\n", "x.toml").about.title == "\u039e");
}
