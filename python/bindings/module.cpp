// The module maml._maml: what the package maml is made of. Shapes are checked, and arrays brought to C order and to one
// type, in the package; here they are handed to the engine.

#include "bindings/arrays.h"
#include "maml/algorithms/algorithm.h"
#include "maml/base/error.h"
#include "maml/kernels/isa.h"
#include "maml/train/options.h"

#ifndef MAML_VERSION
#define MAML_VERSION "unknown"
#endif

namespace maml::python {

void check_signals() {
  nb::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

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
      .def("toml", [](const Options& self) { return to_toml(self); }, "All keys as TOML.")
      .def("resolved", [](const Options& self) { return resolved(self); }, "Checked, with what is implied filled in.")
      .def_prop_ro("inner_steps", [](const Options& self) { return self.inner.steps; })
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
  });
  m.def("algorithms", [] {
    std::vector<std::string> names;
    for (const auto& row : algorithms()) names.emplace_back(row.name);
    return names;
  });
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
  nb::exception<maml::Error>(m, "Error", PyExc_ValueError);
  m.attr("version") = MAML_VERSION;
  m.def("isa", [] { return std::string(maml::isa_name(maml::active_isa())); },
        "The instruction set that kernels run on: avx512, avx2 or baseline.");
  maml::python::bind_options(m);
  maml::python::bind_model(m);
  maml::python::bind_engine(m);
  maml::python::bind_adaptation(m);
}
