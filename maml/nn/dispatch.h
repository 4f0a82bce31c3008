#pragma once

// The last lines of a layer's file, after its per-target part and inside `#if HWY_ONCE`: defines
// maml::make_NAME(text, input), which makes the layer for the active instruction set.
#define MAML_DISPATCH_LAYER(make_name)                                                                                 \
  HWY_EXPORT(make_name);                                                                                               \
  LayerPtr make_name(const LayerText& text, const Shape& input) {                                                      \
    return HWY_DYNAMIC_DISPATCH(make_name)(text, input);                                                               \
  }

// The same for a loss: maml::make_NAME(normalisation).
#define MAML_DISPATCH_LOSS(make_name)                                                                                  \
  HWY_EXPORT(make_name);                                                                                               \
  std::unique_ptr<Loss> make_name(Normalisation normalisation) {                                                       \
    return HWY_DYNAMIC_DISPATCH(make_name)(normalisation);                                                             \
  }
