#include "maml/io/tensorboard_hparams.h"

#include <protozero/pbf_writer.hpp>

namespace maml {

namespace {

using protozero::pbf_writer;

// Fields of the messages, by their numbers in TensorBoard's plugins/hparams/api.proto and plugin_data.proto, and in
// protobuf's struct.proto.
namespace plugin {
enum : std::uint32_t { experiment = 2, session_start = 3, session_end = 4 };
}
namespace experiment {
enum : std::uint32_t { created = 3, hparams = 4, metrics = 5 };
}
namespace hparam_info {
enum : std::uint32_t { name = 1, help = 3, type = 4 };
constexpr int text = 1, flag = 2, number = 3;
}  // namespace hparam_info
namespace metric_info {
enum : std::uint32_t { name = 1, label = 3, data = 5 };
constexpr int training = 1, validation = 2;
}  // namespace metric_info
namespace metric_name {
enum : std::uint32_t { tag = 2 };
}
namespace session_start {
enum : std::uint32_t { hparams = 1, started = 5 };
}
namespace session_end {
enum : std::uint32_t { status = 1, ended = 2 };
constexpr int success = 1;
}  // namespace session_end
namespace entry {
enum : std::uint32_t { key = 1, value = 2 };
}
namespace any_value {
enum : std::uint32_t { number = 2, text = 3, flag = 4 };
}

struct TypeOf {
  int operator()(bool) const { return hparam_info::flag; }
  int operator()(double) const { return hparam_info::number; }
  int operator()(const std::string&) const { return hparam_info::text; }
};

struct ValueInto {
  pbf_writer writer;
  void operator()(bool value) { writer.add_bool(any_value::flag, value); }
  void operator()(double value) { writer.add_double(any_value::number, value); }
  void operator()(const std::string& value) { writer.add_string(any_value::text, value); }
};

void add_content(EventSummary& summary, const std::string& tag, std::uint32_t field, const std::string& message) {
  std::string content;
  pbf_writer(content).add_message(field, message);
  summary.add_plugin_data("_hparams_/" + tag, "hparams", content);
}

}  // namespace

void add_hparams_experiment(EventSummary& summary, const std::vector<Hparam>& hparams,
                            const std::vector<HparamMetric>& metrics, double seconds) {
  std::string message;
  pbf_writer writer(message);
  writer.add_double(experiment::created, seconds);
  for (const auto& hparam : hparams) {
    std::string info;
    pbf_writer of_info(info);
    of_info.add_string(hparam_info::name, hparam.name);
    of_info.add_string(hparam_info::help, hparam.help);
    of_info.add_enum(hparam_info::type, std::visit(TypeOf{}, hparam.value));
    writer.add_message(experiment::hparams, info);
  }
  for (const auto& metric : metrics) {
    std::string info, name;
    pbf_writer(name).add_string(metric_name::tag, metric.tag);
    pbf_writer of_info(info);
    of_info.add_message(metric_info::name, name);
    of_info.add_string(metric_info::label, metric.label);
    of_info.add_enum(metric_info::data, metric.is_training ? metric_info::training : metric_info::validation);
    writer.add_message(experiment::metrics, info);
  }
  add_content(summary, "experiment", plugin::experiment, message);
}

void add_hparams_start(EventSummary& summary, const std::vector<Hparam>& hparams, double seconds) {
  std::string message;
  pbf_writer writer(message);
  for (const auto& hparam : hparams) {
    std::string pair, value;
    std::visit(ValueInto{pbf_writer(value)}, hparam.value);
    pbf_writer of_pair(pair);
    of_pair.add_string(entry::key, hparam.name);
    of_pair.add_message(entry::value, value);
    writer.add_message(session_start::hparams, pair);
  }
  writer.add_double(session_start::started, seconds);
  add_content(summary, "session_start_info", plugin::session_start, message);
}

void add_hparams_end(EventSummary& summary, double seconds) {
  std::string message;
  pbf_writer writer(message);
  writer.add_enum(session_end::status, session_end::success);
  writer.add_double(session_end::ended, seconds);
  add_content(summary, "session_end_info", plugin::session_end, message);
}

}  // namespace maml
