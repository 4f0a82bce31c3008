#include "maml/train/meta_gradient_file.h"

#include <algorithm>
#include <cmath>

#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/train/inner_loop.h"
#include "maml/train/rate_border.h"

namespace maml {

namespace {

/// One task's rows, support before query, as the model reads them.
template <class T> class FileTask : public Task<T> {
public:
  FileTask(std::size_t support_rows, std::size_t query_rows, std::size_t inputs, std::size_t targets, bool is_coupled,
           std::size_t shots)
      : support_rows_(support_rows), query_rows_(query_rows), inputs_(inputs), targets_(targets),
        is_coupled_(is_coupled), shots_(shots) {}
  std::vector<T> x, y, weight;

  Batch<T> support(int, Point<T>) override { return batch(0, support_rows_, 0); }
  Batch<T> query(Point<T>) override {
    if (is_coupled_) return batch(0, support_rows_ + query_rows_, support_rows_);
    return batch(support_rows_, query_rows_, 0);
  }

private:
  Batch<T> batch(std::size_t begin, std::size_t rows, std::size_t unjudged) const {
    Batch<T> batch;
    batch.rows = rows;
    batch.support_rows = unjudged;
    batch.x = x.data() + begin * inputs_;
    batch.y = y.data() + begin * targets_;
    if (!weight.empty()) batch.weight = weight.data() + begin;
    batch.shots = shots_;
    return batch;
  }
  const std::size_t support_rows_, query_rows_, inputs_, targets_;
  const bool is_coupled_;
  const std::size_t shots_;
};

/// The tensors of a file of tasks, checked against the model.
class TaskTensors {
public:
  TaskTensors(const TensorFile& file, const Model& model)
      : file_(file), input_(model.input().extents), classes_(model.loss().name() == "cross_entropy"),
        targets_(model.loss().targets(model.output().size())), outputs_(model.output().size()) {
    tasks = file.at("support.x").shape.empty() ? 0 : file.at("support.x").shape[0];
    support_rows = check("support");
    query_rows = check("query");
    has_weights = file.find("support.weight") != nullptr || file.find("query.weight") != nullptr;
    require(!has_weights || model.loss().name() != "mse", file.path.empty() ? "tasks" : file.path,
            "has weights of rows, which the loss mse does not read (leave them out)");
  }

  std::size_t tasks = 0, support_rows = 0, query_rows = 0;
  bool has_weights = false;

  /// Elements of one task of `support.PART` and then of `query.PART`.
  template <class T> std::vector<T> task(std::size_t i, const std::string& part) const {
    std::vector<T> values;
    for (const char* set : {"support.", "query."}) {
      const Tensor& tensor = file_.at(set + part);
      const std::size_t size = tensor.size() / tasks;
      const auto copy = [&](const auto& all) {
        for (std::size_t e = 0; e < size; ++e) values.push_back(static_cast<T>(all[i * size + e]));
      };
      if (tensor.dtype == DType::f32)
        copy(tensor.view<float>());
      else if (tensor.dtype == DType::f64)
        copy(tensor.view<double>());
      else
        copy(tensor.as<std::int64_t>());
    }
    return values;
  }

private:
  static bool is_real(const Tensor& tensor) { return tensor.dtype == DType::f32 || tensor.dtype == DType::f64; }

  void require_shape(const Tensor& tensor, const std::vector<std::size_t>& shape) const {
    require(tensor.shape == shape, tensor.name, "has shape ", shape_text(tensor.shape), ", but the model wants ",
            shape_text(shape), " (tasks, rows, then ",
            tensor.name.find(".x") != std::string::npos ? "one input)" : "one target)");
  }

  /// Rows of a set.
  std::size_t check(const std::string& set) const {
    const Tensor &x = file_.at(set + ".x"), &y = file_.at(set + ".y");
    require(is_real(x), x.name, "is of type ", to_string(x.dtype), ", but inputs are f32 or f64");
    require(x.shape.size() == 2 + input_.size() && x.shape[0] > 0 && x.shape[1] > 0, x.name, "has shape ",
            shape_text(x.shape), ", but the model wants tasks x rows x ", shape_text(input_));
    const std::size_t rows = x.shape[1];
    std::vector<std::size_t> shape = {tasks, rows};
    shape.insert(shape.end(), input_.begin(), input_.end());
    require_shape(x, shape);
    if (classes_) {
      require(!is_real(y), y.name, "is of type ", to_string(y.dtype),
              ", but cross_entropy wants labels (save them as i64)");
      require_shape(y, {tasks, rows});
      for (const auto label : y.as<std::int64_t>())
        require(label >= 0 && label < static_cast<std::int64_t>(outputs_), y.name, "holds the label ", label,
                ", but the model tells ", outputs_, " classes apart (labels count from 0)");
    } else {
      require(is_real(y), y.name, "is of type ", to_string(y.dtype), ", but this loss wants targets of f32 or f64");
      require_shape(y, {tasks, rows, targets_});
    }
    if (const Tensor* weight = file_.find(set + ".weight")) {
      require(is_real(*weight), weight->name, "is of type ", to_string(weight->dtype), ", but weights are f32 or f64");
      require_shape(*weight, {tasks, rows});
    }
    return rows;
  }

  const TensorFile& file_;
  const std::vector<std::size_t> input_;
  const bool classes_;
  const std::size_t targets_, outputs_;
};

InnerOptions inner_options(const Options& options, const Model& model) {
  require(options.inner.batch == 0, "inner.batch", "is ", options.inner.batch,
          ", but given tasks are adapted on as a whole (set it to 0)");
  return resolved_inner(options.inner, options.outer.algorithm, model);
}

template <class T> class Run {
public:
  Run(const Options& options, const TensorFile& parameters, const TensorFile& tasks)
      : model_(options.model), row_(algorithm(options.outer.algorithm)), tensors_(tasks, model_),
        inner_(inner_options(options, model_)), state_(model_.initial_state<T>()),
        loop_(model_, inner_, Mode{}, state_.data()), layout_(loop_.layout()), shots_(options.data.shots) {
    const bool divides_by_shots = model_.loss().normalisation() == Normalisation::sum_over_shots;
    require(!divides_by_shots || tensors_.support_rows == options.data.ways * shots_, "data.shots",
            "times data.ways is ", options.data.ways * shots_, ", but support.x has ", tensors_.support_rows,
            " rows (the normalisation sum/shots needs both)");
    std::vector<BorderTensor> border;
    for (const auto& slice : model_.slices()) {
      const Tensor& tensor = parameters.at(slice.name);
      border.push_back({tensor.name, tensor.shape, tensor.as<double>()});
    }
    theta_ = model_.from_border<T>(border);
    rates_ = loop_.initial_rates();
    if (loop_.learns_rates()) take_rates(parameters);
  }

  TensorFile operator()() {
    FileTask<T> task(tensors_.support_rows, tensors_.query_rows, model_.input().size(),
                     model_.loss().targets(model_.output().size()), model_.couples_query({}), shots_);
    AdaptationOptions adaptation_options;
    adaptation_options.steps = row_.traits.adapts ? inner_.steps : 0;
    adaptation_options.support_rows = tensors_.support_rows;
    adaptation_options.query_rows = tensors_.query_rows + (model_.couples_query({}) ? tensors_.support_rows : 0);
    const auto adaptation = loop_.adaptation(adaptation_options, true);
    adaptation->set_rates(rates_.data());
    const std::size_t rates = loop_.learns_rates() ? layout_.size() : 0;
    MetaGradient<T> out(1, model_.parameters(), rates);
    const std::vector<T> weights(inner_.step_weights.begin(), inner_.step_weights.end());

    std::vector<T> losses;
    std::vector<double> gradient(model_.parameters()), d_rates(rates);
    const auto share = 1 / static_cast<double>(tensors_.tasks);
    const auto add = [&](std::vector<double>& to, const std::vector<T>& from) {
      for (std::size_t e = 0; e < to.size(); ++e) to[e] += share * static_cast<double>(from[e]);
    };
    for (std::size_t i = 0; i < tensors_.tasks; ++i) {
      task.x = tensors_.template task<T>(i, "x");
      task.y = tensors_.template task<T>(i, "y");
      if (tensors_.has_weights) task.weight = tensors_.template task<T>(i, "weight");
      row_(*adaptation, task, AlgorithmInput<T>{theta_.data(), weights}, out);
      losses.push_back(out.losses[0]);
      add(gradient, out.gradient);
      add(d_rates, out.d_rates);
    }

    TensorFile file;
    file.tensors.push_back(Tensor::of("loss", {losses.size()}, losses.data()));
    put_parameters(file, "gradient.", gradient);
    if (rates > 0) put_rates(file, "gradient.", d_rates);
    file.metadata = {{"algorithm", std::string(row_.name)}, {"inner.steps", std::to_string(inner_.steps)}};
    return file;
  }

private:
  void put(TensorFile& file, const std::string& name, const std::vector<std::size_t>& shape,
           const std::vector<double>& values) const {
    const std::vector<T> converted(values.begin(), values.end());
    file.tensors.push_back(Tensor::of(name, shape, converted.data()));
  }

  void put_parameters(TensorFile& file, const std::string& prefix, const std::vector<double>& flat) const {
    for (const auto& tensor : model_.to_border<double>(flat.data()))
      put(file, prefix + tensor.name, tensor.shape, tensor.values);
  }

  void put_rates(TensorFile& file, const std::string& prefix, const std::vector<double>& rates) const {
    if (layout_.sharing() == RateSharing::element) {
      for (const auto& tensor : element_rates_to_border(model_, layout_, rates.data()))
        put(file, prefix + "alpha." + tensor.name, tensor.shape, tensor.values);
      return;
    }
    for (const auto& [name, slice] : shared_rates()) {
      std::vector<double> values;
      values.reserve(static_cast<std::size_t>(layout_.steps()));
      for (int set = 0; set < layout_.steps(); ++set) values.push_back(rates[layout_.range(set, slice).first]);
      put(file, prefix + name, {values.size()}, values);
    }
  }

  /// Rates of the file in the place of those of the options.
  void take_rates(const TensorFile& file) {
    if (layout_.sharing() == RateSharing::element) {
      std::vector<BorderTensor> border;
      const std::vector<double> own(rates_.begin(), rates_.end());
      for (auto& tensor : element_rates_to_border(model_, layout_, own.data())) {
        if (const Tensor* given = file.find("alpha." + tensor.name)) {
          require(given->shape == tensor.shape, given->name, "has shape ", shape_text(given->shape),
                  ", but the rates of ", tensor.name, " have ", shape_text(tensor.shape));
          tensor.values = given->as<double>();
        }
        border.push_back(std::move(tensor));
      }
      rates_ = element_rates_from_border<T>(model_, layout_, border);
      return;
    }
    for (const auto& [name, slice] : shared_rates()) {
      const Tensor* given = file.find(name);
      if (given == nullptr) continue;
      const auto values = given->as<double>();
      const auto wanted = static_cast<std::size_t>(layout_.steps());
      require(values.size() == wanted, name, "has ", values.size(), " values, but the inner loop has ", wanted,
              wanted == 1 ? " rate here" : " rates here, one a step");
      for (int set = 0; set < layout_.steps(); ++set)
        rates_[layout_.range(set, slice).first] = static_cast<T>(values[static_cast<std::size_t>(set)]);
    }
  }

  /// Names of the rates that parameters share, each with a slice that uses it.
  std::vector<std::pair<std::string, std::size_t>> shared_rates() const {
    if (layout_.sharing() == RateSharing::number) return {{"alpha", 0}};
    std::vector<std::pair<std::string, std::size_t>> names;
    for (std::size_t i = 0; i < layout_.slices().size(); ++i)
      names.emplace_back("alpha." + layout_.slices()[i].name, i);
    return names;
  }

  const Model model_;
  const Algorithm& row_;
  const TaskTensors tensors_;
  const InnerOptions inner_;
  const std::vector<T> state_;
  const InnerLoop<T> loop_;
  const RateLayout& layout_;
  const std::size_t shots_;
  std::vector<T> theta_, rates_;
};

}  // namespace

TensorFile meta_gradient(const Options& options, const TensorFile& parameters, const TensorFile& tasks,
                         Precision precision) {
  if (precision == Precision::single) return Run<float>(options, parameters, tasks)();
  return Run<double>(options, parameters, tasks)();
}

}  // namespace maml
