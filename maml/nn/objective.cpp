#include <algorithm>
#include <complex>

#include "maml/base/error.h"
#include "maml/nn/foreign.h"
#include "maml/nn/network.h"

namespace maml {

namespace {

template <class T> Strided<Value<T>> values(const T* p, std::ptrdiff_t stride) {
  return {{const_cast<T*>(p)}, stride};
}

template <class T>
NetworkPass<Value<T>> value_pass(const Network& network, Mode mode, const T* state, Point<T> point,
                                 const Batch<T>& batch, T* tape, Tape keeping = Tape::kept) {
  return {network,
          {batch.tasks,
           batch.rows,
           batch.support_rows,
           point.step,
           mode,
           values(batch.x, batch.x_stride),
           values(point.theta, point.stride),
           {tape},
           state,
           nullptr,
           keeping}};
}

template <class P>
LossCall<P> loss_call(const Network& network, const NetworkPass<P>& pass, const Batch<typename P::Scalar>& batch) {
  LossCall<P> loss;
  loss.tasks = batch.tasks;
  loss.rows = batch.rows;
  loss.support_rows = batch.support_rows;
  loss.shots = batch.shots;
  loss.size = network.outputs();
  loss.output = pass.output();
  loss.y = batch.y;
  loss.y_stride = batch.y_stride;
  loss.weight = batch.weight;
  loss.weight_stride = batch.weight_stride;
  return loss;
}

/// What gradients need of a network and its loss; Base is Objective or FirstOrderObjective.
template <class T, class Base> class NetworkLoss : public Base {
public:
  NetworkLoss(const Model& model, Mode mode, const T* state, std::size_t first_layer)
      : network_(model, first_layer, model.layer_count()), mode_(mode), state_(state) {
    (void)model.couples_query(mode);  // refuses a mode that the model lacks
  }

  std::size_t parameters() const override { return network_.parameters(); }
  std::size_t state_size() const override { return network_.model().state_size(); }
  std::size_t tape_size(std::size_t rows) const override { return network_.tape_size(rows, Tape::kept); }
  std::size_t spent_tape_size(std::size_t rows) const override { return network_.tape_size(rows, Tape::spent); }

  void evaluate(Point<T> point, const Batch<T>& batch, T* tape, T* losses, T* metrics) const override {
    const auto pass = value_pass(network_, mode_, state_, point, batch, tape, Tape::spent);
    pass.forward(nullptr, 0);
    auto loss = loss_call(network_, pass, batch);
    loss.losses = losses;
    if (losses) network_.model().loss().evaluate(loss);
    measure(loss, metrics);
  }

  void gradient(Point<T> point, const Batch<T>& batch, T* tape, const GradientOut<T>& out) const override {
    const auto pass =
        value_pass(network_, mode_, state_, point, batch, tape, out.spends_tape ? Tape::spent : Tape::kept);
    pass.forward(out.state_delta, out.state_stride);
    auto loss = loss_call(network_, pass, batch);
    loss.dy = pass.d_output();
    loss.losses = out.losses;
    network_.model().loss().evaluate(loss);
    measure(loss, out.metrics);
    pass.backward(values(out.dx, out.dx_stride), values(out.g, out.g_stride));
  }

protected:
  void measure(LossCall<Value<T>> loss, T* metrics) const {
    if (!metrics) return;
    if constexpr (std::is_floating_point_v<T>) {
      loss.losses = metrics;
      network_.model().loss().measure(loss);
    } else {
      std::fill_n(metrics, loss.tasks, T(0));
    }
  }

  const Network network_;
  const Mode mode_;
  const T* const state_;
};

template <class T> class NetworkObjective : public NetworkLoss<T, Objective<T>> {
public:
  using NetworkLoss<T, Objective<T>>::NetworkLoss;

  void hvp(Point<T> point, const Batch<T>& batch, const T* tape, const Direction<T>& direction, T* scratch, T* hv,
           std::ptrdiff_t hv_stride, T* dx_dot, std::ptrdiff_t dx_dot_stride) const override {
    using P = Tangent<T>;
    const Network& network = this->network_;
    const NetworkPass<P> pass(network, {batch.tasks,
                                        batch.rows,
                                        batch.support_rows,
                                        point.step,
                                        this->mode_,
                                        {{batch.x, nullptr}, batch.x_stride, 0},
                                        {{point.theta, const_cast<T*>(direction.v)}, point.stride, direction.stride},
                                        {tape, scratch},
                                        this->state_,
                                        direction.active});
    pass.forward(nullptr, 0);
    auto loss = loss_call(network, pass, batch);
    loss.dy = pass.d_output();
    network.model().loss().evaluate(loss);
    pass.backward(Strided<P>{{nullptr, dx_dot}, 0, dx_dot_stride}, Strided<P>{{nullptr, hv}, 0, hv_stride});
  }
};

template <class T> class NetworkFeatures : public FeatureMap<T> {
public:
  NetworkFeatures(const Model& model, std::size_t layers, Mode mode, const T* state)
      : network_(model, 0, layers), mode_(mode), state_(state) {
    (void)model.couples_query(mode);  // refuses a mode that the model lacks
  }

  std::size_t parameters() const override { return network_.parameters(); }
  std::size_t features() const override { return network_.outputs(); }
  std::size_t tape_size(std::size_t rows) const override { return network_.tape_size(rows, Tape::spent); }

  void forward(Point<T> point, const Batch<T>& batch, T* tape, T* out, std::ptrdiff_t out_stride) const override {
    const auto pass = value_pass(network_, mode_, state_, point, batch, tape, Tape::spent);
    pass.forward(nullptr, 0);
    const auto outputs = pass.output();
    for (std::size_t task = 0; task < batch.tasks; ++task)
      std::copy_n(outputs.task(task).value, batch.rows * features(),
                  out + static_cast<std::ptrdiff_t>(task) * out_stride);
  }

  void backward(Point<T> point, const Batch<T>& batch, T* tape, const T* dout, std::ptrdiff_t dout_stride, T* g,
                std::ptrdiff_t g_stride) const override {
    const auto pass = value_pass(network_, mode_, state_, point, batch, tape, Tape::spent);
    const auto dy = pass.d_output();
    for (std::size_t task = 0; task < batch.tasks; ++task)
      std::copy_n(dout + static_cast<std::ptrdiff_t>(task) * dout_stride, batch.rows * features(), dy.task(task).value);
    pass.backward({}, values(g, g_stride));
  }

private:
  const Network network_;
  const Mode mode_;
  const T* const state_;
};

}  // namespace

template <class T>
std::unique_ptr<Objective<T>> make_objective(const Model& model, Mode mode, const T* state, std::size_t first_layer) {
  if (model.foreign()) {
    auto made = model.foreign()->functions<T>().objective();
    auto* twice = dynamic_cast<Objective<T>*>(made.get());
    require(twice != nullptr, model.foreign()->name, "has no Hessian-vector product (give it hvp)");
    (void)made.release();
    return std::unique_ptr<Objective<T>>(twice);
  }
  return std::make_unique<NetworkObjective<T>>(model, mode, state, first_layer);
}

template <class T>
std::unique_ptr<FirstOrderObjective<T>> make_trained_objective(const Model& model, Mode mode, const T* state) {
  if (model.foreign()) return model.foreign()->functions<T>().objective();
  return make_objective<T>(model, mode, state);
}

template <class T>
std::unique_ptr<FirstOrderObjective<T>> make_first_order_objective(const Model& model, Mode mode, const T* state) {
  return std::make_unique<NetworkLoss<T, FirstOrderObjective<T>>>(model, mode, state, 0);
}

template <class T>
std::unique_ptr<FeatureMap<T>> make_feature_map(const Model& model, std::size_t layers, Mode mode, const T* state) {
  if (model.foreign()) {
    const auto& outputs = model.foreign()->functions<T>().outputs;
    require(outputs != nullptr, model.foreign()->name, "gives no predictions (give it predict)");
    return outputs();
  }
  return std::make_unique<NetworkFeatures<T>>(model, layers, mode, state);
}

template <class T>
Predictor<T>::Predictor(const Model& model, Mode mode, const T* state)
    : map_(make_feature_map<T>(model, model.layer_count(), mode, state)) {}

template <class T> std::size_t Predictor<T>::tape_size(std::size_t rows) const {
  return map_->tape_size(rows);
}

template <class T>
void Predictor<T>::operator()(Point<T> point, const Batch<T>& batch, T* tape, T* outputs,
                              std::ptrdiff_t outputs_stride) const {
  map_->forward(point, batch, tape, outputs, outputs_stride);
}

template std::unique_ptr<Objective<float>> make_objective(const Model&, Mode, const float*, std::size_t);
template std::unique_ptr<Objective<double>> make_objective(const Model&, Mode, const double*, std::size_t);
template std::unique_ptr<FirstOrderObjective<float>> make_trained_objective(const Model&, Mode, const float*);
template std::unique_ptr<FirstOrderObjective<double>> make_trained_objective(const Model&, Mode, const double*);
template std::unique_ptr<FirstOrderObjective<std::complex<double>>>
make_first_order_objective(const Model&, Mode, const std::complex<double>*);
template std::unique_ptr<FeatureMap<float>> make_feature_map(const Model&, std::size_t, Mode, const float*);
template std::unique_ptr<FeatureMap<double>> make_feature_map(const Model&, std::size_t, Mode, const double*);
template class Predictor<float>;
template class Predictor<double>;

}  // namespace maml
