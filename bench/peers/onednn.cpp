#include <dlfcn.h>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "bench/peers/peer.h"
#include "maml/base/error.h"

namespace maml::bench {
namespace {

using dnnl::memory;
using Arguments = std::unordered_map<int, memory>;

/// Caps the instruction set and the threads of oneDNN's OpenMP, whichever it was built with.
const dnnl::engine& engine(Isa isa) {
  static const dnnl::engine one = [isa] {
    const auto cap = isa == Isa::avx512 ? dnnl::cpu_isa::avx512_core : dnnl::cpu_isa::avx2;
    require(dnnl::set_max_cpu_isa(cap) == dnnl::status::success, "onednn", "does not take the cap ", isa_name(isa));
    const auto threads = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"));
    require(threads != nullptr, "onednn", "is not built with OpenMP: no way to hold it to one thread");
    threads(1);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return one;
}

memory::dim dim(std::size_t n) {
  return static_cast<memory::dim>(n);
}

memory::dim behind(const ConvAxis& a) {
  const std::size_t reach = (a.out - 1) * a.stride + a.kernel, covered = a.in + a.before;
  return reach > covered ? dim(reach - covered) : 0;
}

class OneDnn {
public:
  OneDnn(Isa isa, const Convolution& c, Pass pass)
      : c_(c), pass_(pass), engine_(engine(isa)),
        stream_(engine_), x_dims_{dim(c.images), dim(c.in), dim(c.rows.in), dim(c.columns.in)},
        w_dims_{dim(c.out), dim(c.in), dim(c.rows.kernel), dim(c.columns.kernel)}, y_dims_{dim(c.images), dim(c.out),
                                                                                           dim(c.rows.out),
                                                                                           dim(c.columns.out)} {}

  std::vector<Form> forms() const {
    std::vector<Form> forms;
    const auto algorithm = dnnl::algorithm::convolution_direct;
    const auto x = any(x_dims_), w = any(w_dims_), y = any(y_dims_);
    const memory::dims strides{dim(c_.rows.stride), dim(c_.columns.stride)};
    const memory::dims before{dim(c_.rows.before), dim(c_.columns.before)};
    const memory::dims after{behind(c_.rows), behind(c_.columns)};
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, algorithm, x, w, y, strides, before, after}, engine_);
    if (pass_ == Pass::forward) {
      each(forward, [&](auto& d) {
        const auto result = fresh(d.dst_desc());
        add(forms, dnnl::convolution_forward(d), d.impl_info_str(), result, y_dims_, memory::format_tag::nhwc,
            {{DNNL_ARG_SRC, image(c_.x, x_dims_, d.src_desc())},
             {DNNL_ARG_WEIGHTS, weights(d.weights_desc())},
             {DNNL_ARG_DST, result}});
      });
    } else if (pass_ == Pass::weights) {
      each(dnnl::convolution_backward_weights::primitive_desc({algorithm, x, w, y, strides, before, after}, engine_,
                                                              forward),
           [&](auto& d) {
             const auto result = fresh(d.diff_weights_desc());
             add(forms, dnnl::convolution_backward_weights(d), d.impl_info_str(), result, w_dims_,
                 memory::format_tag::hwio,
                 {{DNNL_ARG_SRC, image(c_.x, x_dims_, d.src_desc())},
                  {DNNL_ARG_DIFF_DST, image(c_.dy, y_dims_, d.diff_dst_desc())},
                  {DNNL_ARG_DIFF_WEIGHTS, result}});
           });
    } else {
      each(dnnl::convolution_backward_data::primitive_desc({algorithm, x, w, y, strides, before, after}, engine_,
                                                           forward),
           [&](auto& d) {
             const auto result = fresh(d.diff_src_desc());
             add(forms, dnnl::convolution_backward_data(d), d.impl_info_str(), result, x_dims_,
                 memory::format_tag::nhwc,
                 {{DNNL_ARG_DIFF_DST, image(c_.dy, y_dims_, d.diff_dst_desc())},
                  {DNNL_ARG_WEIGHTS, weights(d.weights_desc())},
                  {DNNL_ARG_DIFF_SRC, result}});
           });
    }
    return forms;
  }

private:
  static memory::desc any(const memory::dims& dims) { return {dims, memory::data_type::f32, memory::format_tag::any}; }
  static memory::desc plain(const memory::dims& dims, memory::format_tag tag) {
    return {dims, memory::data_type::f32, tag};
  }
  memory fresh(const memory::desc& desc) const { return memory(desc, engine_); }

  memory in_layout(const float* values, const memory::desc& from, const memory::desc& to) const {
    memory source(from, engine_, const_cast<float*>(values)), target = fresh(to);
    dnnl::stream stream = stream_;
    dnnl::reorder(source, target).execute(stream, source, target);
    stream.wait();
    return target;
  }
  memory image(const float* values, const memory::dims& dims, const memory::desc& to) const {
    return in_layout(values, plain(dims, memory::format_tag::nhwc), to);
  }
  memory weights(const memory::desc& to) const { return in_layout(c_.w, plain(w_dims_, memory::format_tag::hwio), to); }

  /// f(descriptor) for each implementation that oneDNN offers, in its order of preference; not its plain loops.
  template <class Descriptor, class F> static void each(Descriptor d, F f) {
    do
      if (std::string(d.impl_info_str()).find("ref") == std::string::npos) f(d);
    while (d.next_impl());
  }

  void add(std::vector<Form>& forms, const dnnl::primitive& primitive, const std::string& name, const memory& result,
           const memory::dims& dims, memory::format_tag tag, const Arguments& arguments) const {
    const auto desc = plain(dims, tag);
    const auto stream = std::make_shared<dnnl::stream>(stream_);
    const auto run = [primitive, arguments, stream] {
      primitive.execute(*stream, arguments);
      stream->wait();
    };
    const auto read = [result, desc, stream, engine = engine_] {
      std::vector<float> values(desc.get_size() / sizeof(float));
      memory source = result, target(desc, engine, values.data());
      dnnl::reorder(source, target).execute(*stream, source, target);
      stream->wait();
      return values;
    };
    forms.push_back({name, run, read});
  }

  const Convolution c_;
  const Pass pass_;
  const dnnl::engine engine_;
  const dnnl::stream stream_;
  const memory::dims x_dims_, w_dims_, y_dims_;
};

}  // namespace

std::vector<Form> onednn_forms(Isa isa, const Convolution& c, Pass pass) {
  return OneDnn(isa, c, pass).forms();
}

}  // namespace maml::bench
