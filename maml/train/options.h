#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "maml/diff/adaptation.h"
#include "maml/nn/model.h"
#include "maml/tasks/columns.h"

namespace maml {

class Domain;

/// Inner rates by parameter name: a number, or a table of patterns (`*` and `?` as in file names) of which the last
/// that matches counts.
struct RateTable {
  RateTable(double rate = 0.001) : everywhere(rate) {}
  double everywhere;                                         ///< where the table is empty
  std::vector<std::pair<std::string, double>> by_name = {};  ///< in the order of the file
  bool operator==(const RateTable&) const = default;
};

/// A value somebody published: after this many inner steps.
struct Published {
  int step = 0;
  double value = 0;
  bool operator==(const Published&) const = default;
};

/// How a model adapts (TOML table [inner]).
struct InnerOptions {
  int steps = 1;
  RateTable alpha;
  std::vector<double> alpha_steps = {};  ///< factors of alpha at steps 0, 1, ..; empty: 1
  std::string learned = "";              ///< empty: what the algorithm implies
  std::vector<std::string> adapt = {};   ///< empty: what the algorithm implies
  std::string rule = "sgd";
  double momentum = 0.9;
  std::size_t batch = 0;
  std::vector<double> step_weights = {};
  std::int64_t step_weights_until = 0;
};

/// The outer optimiser ([outer]).
struct OuterOptions {
  std::string algorithm = "maml";
  std::string optimiser = "adam";
  double rate = 0.001;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double momentum = 0;
  std::string schedule = "constant";
  double final_rate = 0;
  std::int64_t step_every = 10000;
  double step_factor = 0.5;
  double clip = 0, clip_norm = 0;
  std::size_t accumulate = 1;
  double alpha_rate = 0;
  std::int64_t second_order_from = 0;
};

/// The tasks ([data]).
struct DataOptions {
  std::string domain = "sinusoid";
  std::size_t ways = 1;
  std::size_t shots = 10;
  std::size_t query_shots = 0;  ///< 0: as many as shots
  std::size_t tasks = 25;
  std::size_t test_ways = 0, test_shots = 0, test_query_shots = 0;  ///< 0: as in training
  std::string file = "";
  std::string preparation = "";
  std::string licence = "";
  std::string rotations = "none";
  std::string rows = "any";
  Columns columns;
  bool oracle = false;
  std::size_t horizon = 100;
  double discount = 0.99;
};

/// The run itself ([train]).
struct TrainOptions {
  std::int64_t iterations = 10000;
  std::uint64_t seed = 0;
  int threads = 0;  ///< 0: all
  std::int64_t validate_every = 1000;
  std::size_t validation_tasks = 500;
  std::int64_t checkpoint_every = 1000;
  std::int64_t log_every = 100;
  bool tensorboard = false;
  std::size_t memory_mib = default_budget >> 20;
  std::size_t group = 0;
  std::string init = "";
  std::vector<std::string> init_take = {"*"};
};

/// The evaluation that ends a run ([eval]).
struct EvalOptions {
  std::size_t tasks = 600;
  int steps = 10;
  std::uint64_t seed = 0;
};

/// What a person should know of it ([about]).
struct AboutOptions {
  std::string title, source;
  std::vector<Published> published;
  std::string published_as = "published";
};

/// Everything a run depends on. The one source of TOML keys, flags, help and Python keywords: see `visit`.
struct Options {
  ModelOptions model;
  InnerOptions inner;
  OuterOptions outer;
  DataOptions data;
  TrainOptions train;
  EvalOptions eval;
  AboutOptions about;
};

/// Calls `visitor(key, field, help)` for every option in the order of config.toml: the dotted key, a reference to the
/// field, and one line of help. Field types: std::string, bool, int, std::int64_t, std::uint64_t, std::size_t, double,
/// RateTable, and vectors of std::string, std::size_t, double, Published. O is Options or const Options.
template <class O, class V> void visit(O& o, V&& visitor) {
  auto& v = visitor;
  v("about.title", o.about.title, "what this is, in a few words");
  v("about.source", o.about.source, "the publication or code it follows");
  v("about.published", o.about.published, "published results to show beside ours: [[step, value], ..]");
  v("about.published_as", o.about.published_as, "what their column is called");
  v("model.input", o.model.input, "extents of one input: [n], or [height, width, channels]; [] = the domain's");
  v("model.layers", o.model.layers,
    "the layers, each as text: \"linear 40 init=he\", \"relu\", \"backbone conv4-64\", ..");
  v("model.loss", o.model.loss, "mse | cross_entropy | policy_gradient");
  v("model.normalisation", o.model.normalisation, "mean | sum/shots: what a loss is divided by");
  v("inner.steps", o.inner.steps, "inner steps in training");
  v("inner.alpha", o.inner.alpha, "inner rate, or a table of parameter patterns, later ones win: {\"*\" = 0.01}");
  v("inner.alpha_steps", o.inner.alpha_steps,
    "factors of alpha at inner steps 0, 1, ..: [1, 0.5]; further steps use the last; [] = 1");
  v("inner.learned", o.inner.learned,
    "learned inner rates: no, or number | layer | element, with -step for each step its own; empty = by algorithm");
  v("inner.adapt", o.inner.adapt, "patterns of adapted parameters, ! takes away; [] = by algorithm");
  v("inner.rule", o.inner.rule, "inner optimiser: sgd | momentum");
  v("inner.momentum", o.inner.momentum, "of the rule momentum");
  v("inner.batch", o.inner.batch, "rows of an inner mini-batch (Reptile); 0 = the whole support set");
  v("inner.step_weights", o.inner.step_weights, "weight of the query loss after 0, 1, .. steps; [] = the last only");
  v("inner.step_weights_until", o.inner.step_weights_until,
    "iteration by which these weights have gone over, linearly, to the last only; 0 = they stay");
  v("outer.algorithm", o.outer.algorithm, "a row of the table of algorithms: maml, fomaml, anil, reptile, ..");
  v("outer.optimiser", o.outer.optimiser, "adam | sgd");
  v("outer.rate", o.outer.rate, "outer learning rate");
  v("outer.beta1", o.outer.beta1, "of adam");
  v("outer.beta2", o.outer.beta2, "of adam");
  v("outer.epsilon", o.outer.epsilon, "of adam, added to sqrt(v) after the bias corrections are in the rate");
  v("outer.momentum", o.outer.momentum, "of sgd");
  v("outer.schedule", o.outer.schedule, "of the rates: constant | linear | cosine | step");
  v("outer.final_rate", o.outer.final_rate, "where linear and cosine end");
  v("outer.step_every", o.outer.step_every, "iterations between two cuts of the schedule step");
  v("outer.step_factor", o.outer.step_factor, "what each cut multiplies the rate by");
  v("outer.clip", o.outer.clip, "largest magnitude of a gradient's element; 0 = no clipping");
  v("outer.clip_norm", o.outer.clip_norm, "largest norm of a gradient; 0 = no clipping");
  v("outer.accumulate", o.outer.accumulate, "meta-batches a step");
  v("outer.alpha_rate", o.outer.alpha_rate, "outer learning rate of learned inner rates; 0 = outer.rate");
  v("outer.second_order_from", o.outer.second_order_from,
    "iterations before this one leave the Hessians out; 0 = none does");
  v("data.domain", o.data.domain, "where tasks come from: sinusoid | images | table | point_navigation");
  v("data.ways", o.data.ways, "classes of a task; 1 for regression");
  v("data.shots", o.data.shots, "support examples of a class; points, or rollouts");
  v("data.query_shots", o.data.query_shots, "query examples of a class; 0 = as many as shots");
  v("data.tasks", o.data.tasks, "tasks of a meta-batch");
  v("data.test_ways", o.data.test_ways, "classes of a task in validation and testing; 0 = as in training");
  v("data.test_shots", o.data.test_shots, "support examples of a class there; 0 = as in training");
  v("data.test_query_shots", o.data.test_query_shots, "query examples of a class there; 0 = as in training");
  v("data.file", o.data.file, "images, table: a file of maml data import; here, in the folder MAML_DATA, or in data/");
  v("data.preparation", o.data.preparation,
    "images: how pictures become inputs, for maml adapt: \"nearest inverted\", \"lanczos\"; empty = as data.file says");
  v("data.licence", o.data.licence,
    "images: terms of the pictures, kept with what is learned from them; empty = as data.file says");
  v("data.rotations", o.data.rotations,
    "images: none | task = quarter turns drawn for each class of a task | classes = each turn a class of its own");
  v("data.rows", o.data.rows,
    "table: any = a task's rows drawn at random | window = rows that follow each other, queries behind the support");
  v("data.task_column", o.data.columns.task, "table: the column that names the task; empty = as data.file says");
  v("data.inputs", o.data.columns.inputs, "table: columns the model reads; [] = as data.file says");
  v("data.targets", o.data.columns.targets, "table: columns it predicts; [] = as data.file says");
  v("data.means", o.data.columns.means,
    "table: what is subtracted from inputs, then targets; [] = their means over the training tasks");
  v("data.deviations", o.data.columns.deviations,
    "table: what they are divided by then; [] = their standard deviations there");
  v("data.oracle", o.data.oracle, "sinusoid: append the task's own parameters to the input");
  v("data.horizon", o.data.horizon, "point_navigation: time steps of a rollout");
  v("data.discount", o.data.discount, "point_navigation: of rewards, a time step");
  v("train.iterations", o.train.iterations, "outer steps");
  v("train.seed", o.train.seed, "of initial parameters and tasks");
  v("train.threads", o.train.threads, "0 = all processors; results do not depend on it");
  v("train.validate_every", o.train.validate_every, "iterations between validations; 0 = never");
  v("train.validation_tasks", o.train.validation_tasks, "tasks of a validation, the same each time");
  v("train.checkpoint_every", o.train.checkpoint_every, "iterations between checkpoints; 0 = only at the end");
  v("train.log_every", o.train.log_every, "iterations a row of metrics.csv is the mean of");
  v("train.tensorboard", o.train.tensorboard, "also log to event files in the run's folder, which TensorBoard shows");
  v("train.memory_mib", o.train.memory_mib, "budget of the engine in MiB; results do not depend on it");
  v("train.group", o.train.group,
    "tasks one worker adapts at once, 0: as suits their size; results do not depend on it");
  v("train.init", o.train.init, "a checkpoint, or any safetensors file, to take initial parameters from");
  v("train.init_take", o.train.init_take, "patterns of the parameters to take from it, ! takes away");
  v("eval.tasks", o.eval.tasks, "test tasks");
  v("eval.steps", o.eval.steps, "inner steps in testing");
  v("eval.seed", o.eval.seed, "of the test and validation tasks");
}

/// Reads a TOML file. It may begin with `base = "NAME"`, a file NAME.toml beside it or else a preset, or a path from
/// the file's folder, and then states only what differs. Throws Error naming file, line, key and mend; what is
/// impossible or does not fit together is found by `resolved`.
Options load_options(const std::string& path);
/// The same from text; `name` stands for the file in messages.
Options parse_options(const std::string& text, const std::string& name);

/// Applies one `key=value`; the value is written as in TOML, texts also without quotes.
void set_option(Options&, const std::string& assignment);

/// The options as TOML: every key in the order of `visit`, with its help as a comment; reads back to the same options,
/// and equal options give equal bytes.
std::string to_toml(const Options&);

/// Checks every value and fills in what the algorithm and the domain imply (`inner.adapt`, `inner.learned`,
/// `model.input`, `data.query_shots`, `data.oracle`), and what a backbone in `model.layers` stands for. Throws Error
/// naming key and mend. Opens no file: whether the data are there and fit the model is for `Experiment` to say.
/// Resolving twice changes nothing.
Options resolved(const Options&);
/// The same for a model made by other means than `model.layers`, which stay as they are.
Options resolved(const Options&, const Model&);

/// The inner loop that these options mean for an algorithm and a model: checked, `learned` and `adapt` filled in.
InnerOptions resolved_inner(const InnerOptions&, const std::string& algorithm, const Model&);

/// Throws Error where the model's inputs or the loss's targets are not those of the domain's tasks.
void require_fit(const Model&, const Domain&);

/// Whether a resumed run must keep this key as it is: the tables model, inner, outer and data (but not where the data
/// are, nor what they say of themselves), the seeds, and what the best validation and the schedule depend on.
bool fixes_results(const std::string& key, const Options&);

/// A digest (16 hexadecimal digits) of the keys that `fixes_results` names, those at their defaults left out.
std::string digest(const Options& resolved_options);

/// An option as texts, for help and for other languages.
struct OptionInfo {
  std::string key, type, value, help;  ///< type: `whole number`, `list of texts`, ..; value: as in TOML
};
std::vector<OptionInfo> describe_options(const Options& = {});

/// Folders that may hold presets: the environment variable MAML_PRESETS, else where the program is installed
/// (../share/maml/presets beside its own folder) and where the library was built.
std::vector<std::string> preset_folders();

struct PresetInfo {
  std::string name, path, title;
};
/// The presets there are, by name; the first folder that has one wins.
std::vector<PresetInfo> list_presets(const std::vector<std::string>& folders = preset_folders());
/// The file of the preset of that name; throws Error that names the nearest.
std::string preset_file(const std::string& name, const std::vector<std::string>& folders = preset_folders());
/// The preset of that name, likewise.
Options preset(const std::string& name, const std::vector<std::string>& folders = preset_folders());

}  // namespace maml
