// The module maml._maml: what the package maml is made of. Shapes are checked, and arrays brought to C order and to one
// type, in the package; here they are handed to the engine.

#include <nanobind/stl/unique_ptr.h>

#include "bindings/arrays.h"
#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/diff/adaptation.h"
#include "maml/io/task_pack.h"
#include "maml/kernels/isa.h"
#include "maml/train/experiment.h"
#include "maml/train/options.h"

namespace maml::python {

namespace {

void bind_options(nb::module_& m) {
  nb::class_<Options>(m, "Options", "Everything a run depends on: the keys of a config.")
      .def(nb::init<>())
      .def_static("parse", &parse_options, nb::arg("text"), nb::arg("name"), "Reads TOML; `name` stands in messages.")
      .def_static("load", &load_options, nb::arg("path"), "Reads a TOML file.")
      .def_static("preset", [](const std::string& name) { return preset(name); }, nb::arg("name"))
      .def("set", [](Options& self, const std::string& assignment) { set_option(self, assignment); },
           nb::arg("assignment"), "Applies one `key=value`, the value as in TOML.")
      .def("copy", [](const Options& self) { return Options(self); })
      .def("take_model", [](Options& self, const Options& from) { self.model = from.model; }, nb::arg("source"))
      .def("take_data", [](Options& self, const Options& from) { self.data = from.data; }, nb::arg("source"))
      .def("take_pack",
           [](Options& self, const std::string& file) {
             const bool is_table = may_be_task_pack(find_data_file(file));
             self.data.domain = is_table ? "table" : "images";
             self.data.file = file;
             self.data.preparation = self.data.licence = "";
             self.data.columns = {};
           },
           nb::arg("file"), "Takes the tasks of a packed data set, which has to be there; opened, it says the rest.")
      .def("keep_learned",
           [](Options& self, const Options& trained) {
             self.data.tasks = trained.data.tasks;
             if (self.data.domain == "table") self.data.columns = trained.data.columns;
           },
           nb::arg("trained"), "Keeps of the data what goes with learned weights: the meta-batch, a table's columns.")
      .def("toml", [](const Options& self) { return to_toml(self); }, "All keys as TOML.")
      .def("resolved", [](const Options& self) { return resolved(self); }, "Checked, with what is implied filled in.")
      .def_prop_ro("inner_steps", [](const Options& self) { return self.inner.steps; })
      .def_prop_ro("eval_steps", [](const Options& self) { return self.eval.steps; })
      .def_prop_ro("eval_tasks", [](const Options& self) { return self.eval.tasks; })
      .def_prop_ro("eval_seed", [](const Options& self) { return self.eval.seed; })
      .def_prop_ro("tasks", [](const Options& self) { return self.data.tasks * self.outer.accumulate; })
      .def_prop_ro("ways", [](const Options& self) { return self.data.ways; })
      .def_prop_ro("shots", [](const Options& self) { return self.data.shots; })
      .def_prop_ro("query_shots", [](const Options& self) {
        return self.data.query_shots ? self.data.query_shots : self.data.shots;
      })
      .def_prop_ro("domain", [](const Options& self) { return self.data.domain; })
      .def_prop_ro("seed", [](const Options& self) { return self.train.seed; })
      .def_prop_ro("iterations", [](const Options& self) { return self.train.iterations; })
      .def_prop_ro("log_every", [](const Options& self) { return self.train.log_every; })
      .def_prop_ro("algorithm", [](const Options& self) { return self.outer.algorithm; })
      .def_prop_ro("layers", [](const Options& self) { return self.model.layers; });
  m.def("describe_options", [] {
    std::vector<std::vector<std::string>> rows;
    for (const auto& info : describe_options()) rows.push_back({info.key, info.type, info.value, info.help});
    return rows;
  }, "Every key: name, type, default as in TOML, one line of help.");
  m.def("presets", [] {
    std::vector<std::string> names;
    for (const auto& info : list_presets()) names.push_back(info.name);
    return names;
  }, "Names of the presets: of a model, its tasks and how it is trained on them. MetaLearner, fit, score and "
     "Model.preset take them.");
  m.def("algorithms", [] {
    std::vector<std::string> names;
    for (const auto& row : algorithms()) names.emplace_back(row.name);
    return names;
  }, "Names of the algorithms, as `algorithm` of MetaLearner, meta_gradient and Adaptation takes them.");
}

void bind_model(nb::module_& m) {
  nb::class_<Model>(m, "Model", "A list of layers and a loss.")
      .def("__init__",
           [](Model* self, const Options& options) { new (self) Model(resolved(options).model); }, nb::arg("options"))
      .def("__init__",
           [](Model* self, std::vector<std::size_t> input, std::vector<std::string> layers, std::string loss,
              std::string normalisation) {
             new (self) Model(ModelOptions{std::move(input), std::move(layers), std::move(loss),
                                           std::move(normalisation)});
           },
           nb::arg("input"), nb::arg("layers"), nb::arg("loss"), nb::arg("normalisation"))
      .def_static("of_calls",
                  [](const std::string& name, const nb::object& calls, const nb::dict& parameters,
                     const std::vector<std::size_t>& input, std::size_t outputs, std::size_t targets,
                     bool is_classifier, const std::string& metric, bool has_hvp, bool has_outputs) {
                    return std::make_unique<Model>(python_model(name, calls, parameters, input, outputs, targets,
                                                                is_classifier, metric, has_hvp, has_outputs));
                  },
                  nb::arg("name"), nb::arg("calls"), nb::arg("parameters"), nb::arg("input"), nb::arg("outputs"),
                  nb::arg("targets"), nb::arg("is_classifier"), nb::arg("metric"), nb::arg("has_hvp"),
                  nb::arg("has_outputs"))
      .def_prop_ro("size", &Model::parameters)
      .def_prop_ro("input", [](const Model& self) { return self.input().extents; })
      .def_prop_ro("outputs", [](const Model& self) { return self.output().size(); })
      .def_prop_ro("targets", [](const Model& self) { return self.loss().targets(self.output().size()); })
      .def_prop_ro("loss", [](const Model& self) { return self.loss().name(); })
      .def_prop_ro("metric", [](const Model& self) { return self.loss().metric(); })
      .def_prop_ro("shapes",
                   [](const Model& self) {
                     std::vector<std::pair<std::string, std::vector<std::size_t>>> shapes;
                     const std::vector<float> zeros(self.parameters());
                     for (auto& tensor : self.to_border(zeros.data()))
                       shapes.emplace_back(std::move(tensor.name), std::move(tensor.shape));
                     nb::dict result;
                     for (const auto& [name, shape] : shapes) result[name.c_str()] = nb::tuple(nb::cast(shape));
                     return result;
                   })
      .def("init_f32", [](const Model& self, std::uint64_t seed) {
        return named(self, self.initial<float>(seed).data());
      }, nb::arg("seed"))
      .def("init_f64", [](const Model& self, std::uint64_t seed) {
        return named(self, self.initial<double>(seed).data());
      }, nb::arg("seed"));
}

}  // namespace

}  // namespace maml::python

NB_MODULE(_maml, m) {
  namespace nb = nanobind;
  // A model of Python functions keeps these, which Python's collector does not see: where they know the model again (in
  // a namespace of their own, say), both stay until the process ends, without a word.
  nb::set_leak_warnings(false);
  nb::exception<maml::Error>(m, "Error", PyExc_ValueError);
  m.attr("version") = MAML_VERSION;
  m.attr("default_memory_mib") = maml::default_budget >> 20;
  m.def("isa", [] { return std::string(maml::isa_name(maml::active_isa())); },
        "The instruction set that kernels run on: avx512, avx2 or baseline.");
  maml::python::bind_columns(m);
  maml::python::bind_options(m);
  maml::python::bind_model(m);
  maml::python::bind_engine(m);
  maml::python::bind_adaptation(m);
  maml::python::bind_learner(m);
}
