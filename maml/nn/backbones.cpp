#include "maml/nn/backbones.h"

#include <algorithm>
#include <sstream>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/nn/layer_text.h"
#include "maml/nn/mode.h"

namespace maml {

namespace {

using Layers = std::vector<std::string>;

Layers conv4(const std::string& filters, bool pools, const std::string& norm) {
  Layers layers;
  for (int block = 0; block < 4; ++block) {
    layers.push_back("conv2d " + filters + " kernel=3 stride=" + (pools ? "1" : "2") + " padding=same init=glorot");
    layers.push_back(norm);
    layers.emplace_back("relu");
    if (pools) layers.emplace_back("max_pool 2");
  }
  layers.emplace_back(pools ? "flatten" : "global_mean");
  return layers;
}

Layers mlp_omniglot(const std::string& norm) {
  Layers layers = {"flatten"};
  for (const char* units : {"256", "128", "64", "64"}) {
    layers.push_back(std::string("linear ") + units + " init=truncated_normal(0.01)");
    layers.push_back(norm);
    layers.emplace_back("relu");
  }
  return layers;
}

Layers resnet12(const std::string& norm) {
  Layers layers;
  for (const std::string filters : {"64", "160", "320", "640"}) {
    const std::string input = "input" + filters, body = "body" + filters;
    const auto convolve = [&](const std::string& kernel) {
      layers.push_back("conv2d " + filters + " kernel=" + kernel + " padding=same bias=false init=he");
      layers.push_back(norm);
    };
    layers.push_back("keep " + input);
    for (int i = 0; i < 3; ++i) {
      convolve("3");
      layers.push_back(i < 2 ? "leaky_relu slope=0.1" : "keep " + body);
    }
    layers.push_back("from " + input);
    convolve("1");
    layers.insert(layers.end(), {"add " + body, "leaky_relu slope=0.1", "max_pool 2"});
  }
  layers.emplace_back("global_mean");
  return layers;
}

Layers backbone(const LayerText& text) {
  const std::string name = text.argument(0, "name");
  const auto names = backbone_names();
  require(std::find(names.begin(), names.end(), name) != names.end(), "backbone", "unknown '", name, "'",
          did_you_mean(name, names), " (known: ", join(names), ")");
  const std::string norm = "batch_norm mode=" + text.word("mode", "transductive", statistics_names()) +
                           " gamma=" + (text.flag("gamma", name == "resnet12") ? "true" : "false");
  Layers layers;
  if (name == "mlp-omniglot")
    layers = mlp_omniglot(norm);
  else if (name == "resnet12")
    layers = resnet12(norm);
  else
    layers = conv4(name.substr(name.find('-') + 1), text.word("down", "pool", {"pool", "stride"}) == "pool", norm);
  text.done();
  return layers;
}

}  // namespace

std::vector<std::string> backbone_names() {
  return {"conv4-32", "conv4-48", "conv4-64", "mlp-omniglot", "resnet12"};
}

std::vector<std::string> expanded_layers(const std::vector<std::string>& layers) {
  Layers expanded;
  for (const auto& text : layers) {
    std::istringstream words(text);
    std::string kind;
    words >> kind;
    if (kind != "backbone") {
      expanded.push_back(text);
      continue;
    }
    const Layers part = backbone(LayerText(text));
    expanded.insert(expanded.end(), part.begin(), part.end());
  }
  return expanded;
}

}  // namespace maml
