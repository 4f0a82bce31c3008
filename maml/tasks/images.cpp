#include "maml/tasks/images.h"

#include <algorithm>
#include <array>
#include <optional>
#include <type_traits>
#include <vector>

#include "maml/base/error.h"
#include "maml/base/nearest.h"
#include "maml/io/image_pack.h"
#include "maml/tasks/chooser.h"
#include "maml/tasks/supervised.h"

namespace maml {

namespace {

constexpr std::uint32_t all_turns = 4;

enum class Rotations { none, task, classes };
const std::vector<std::string> rotation_names = {"none", "task", "classes"};

Rotations rotations_named(const std::string& name) {
  for (std::size_t i = 0; i < rotation_names.size(); ++i)
    if (name == rotation_names[i]) return static_cast<Rotations>(i);
  fail("data.rotations", "unknown rotations '", name, "'", did_you_mean(name, rotation_names),
       " (known: ", join(rotation_names), ")");
}

struct SplitClasses {
  std::vector<std::uint32_t> numbers;  // in the pack
  std::uint32_t smallest = 0;          // which of them has the fewest images
};

/// What the groups of a domain share.
struct ImageSet {
  std::shared_ptr<const ImagePack> pack;
  Rotations rotations = Rotations::none;
  std::array<SplitClasses, all_splits.size()> splits;

  const std::vector<std::uint32_t>& of(Split split) const { return splits[static_cast<std::size_t>(split)].numbers; }
  /// Rotated classes are classes.
  std::size_t choices(Split split) const {
    return of(split).size() * (rotations == Rotations::classes ? all_turns : 1);
  }

  void check(Split split, const EpisodeOptions& options) const {
    const std::string& file = pack->path();
    if (of(split).empty())
      fail(file, "has no classes in its split ", to_string(split), has(), " (import it with some)");
    if (choices(split) < options.ways)
      fail(file, "has ", choices(split), " classes in its split ", to_string(split), ", but tasks want ", options.ways,
           has(), " (lower data.ways)");
    const PackedClass& smallest = pack->classes()[splits[static_cast<std::size_t>(split)].smallest];
    require(smallest.count >= options.shots + options.query_shots, file, "has ", smallest.count, " images in class ",
            smallest.name, " of its split ", to_string(split), ", but tasks want ", options.shots, " support and ",
            options.query_shots,
            " query images of a class (lower data.shots or data.query_shots, or leave the class out)");
  }

private:
  /// What there is.
  std::string has() const {
    std::string text;
    for (const Split split : all_splits)
      text +=
          (text.empty() ? "; it has " : ", ") + std::string(to_string(split)) + " " + std::to_string(choices(split));
    return text;
  }
};

template <class T> std::array<T, 256> pixel_inputs() {
  std::array<T, 256> values;
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = pixel_input<T>(static_cast<std::uint8_t>(i));
  return values;
}

/// Values / 255, turned counter-clockwise by so many quarter turns.
template <class T> void convert(const std::uint8_t* from, const PackIndex& index, std::uint32_t turns, T* to) {
  if (turns == 0) {
    for (std::size_t i = 0; i < index.image_bytes(); ++i) to[i] = pixel_input<T>(from[i]);
    return;
  }
  static const auto table = pixel_inputs<T>();  // pixels out of order are looked up in less time than divided
  // Pixel (y, x) comes from pixel begin + y * down + x * right.
  const auto n = static_cast<std::ptrdiff_t>(index.height), channels = static_cast<std::ptrdiff_t>(index.channels);
  const std::ptrdiff_t begin = turns == 1 ? n - 1 : turns == 2 ? n * n - 1 : n * (n - 1);
  const std::ptrdiff_t down = turns == 1 ? -1 : turns == 2 ? -n : 1;
  const std::ptrdiff_t right = turns == 1 ? n : turns == 2 ? -1 : -n;
  const auto turn = [&](auto channels_of) {
    for (std::ptrdiff_t y = 0; y < n; ++y) {
      const std::uint8_t* pixel = from + (begin + y * down) * channels_of;
      for (std::ptrdiff_t x = 0; x < n; ++x, pixel += right * channels_of)
        for (std::ptrdiff_t c = 0; c < channels_of; ++c) *to++ = table[pixel[c]];
    }
  };
  if (channels == 1)
    turn(std::integral_constant<std::ptrdiff_t, 1>{});
  else
    turn(channels);
}

template <class T> class ImageGroup final : public SupervisedGroup<T> {
public:
  ImageGroup(std::shared_ptr<const ImageSet> set, std::size_t tasks, const EpisodeOptions& options)
      : SupervisedGroup<T>(tasks, options, set->pack->index().image_bytes(), 1), set_(std::move(set)),
        per_class_(options.shots + options.query_shots), chooser_(largest(*set_), std::max(options.ways, per_class_)),
        choices_(options.ways), ways_(options.ways), images_(options.ways * per_class_) {}

  void prefetch(const Draw& draw) override {
    for (std::size_t i = 0; i < this->tasks(); ++i) {
      Rng rng = this->stream(draw, i);
      choose(rng, draw.purpose);
      for (std::size_t w = 0; w < ways_.size(); ++w)
        for (std::size_t j = 0; j < per_class_; ++j) set_->pack->prefetch(image(w, j));
    }
  }

  std::vector<std::string> class_names(const Draw& draw) override {
    Rng rng = this->stream(draw, 0);
    choose(rng, draw.purpose);
    std::vector<std::string> names;
    for (const Way& way : ways_) {
      const std::string turned = way.turns == 0 ? "" : ", turned " + std::to_string(90 * way.turns) + "\xC2\xB0";
      names.push_back(set_->pack->classes()[way.number].name + turned);
    }
    return names;
  }

  std::size_t bytes() const override {
    return SupervisedGroup<T>::bytes() + sizeof(std::uint32_t) * (largest(*set_) + choices_.size() + images_.size());
  }

protected:
  void fill(Rng& rng, Purpose purpose, T* x, T* y) override {
    choose(rng, purpose);
    const PackIndex& index = set_->pack->index();
    for (std::size_t w = 0; w < ways_.size(); ++w) {
      set_->pack->check(ways_[w].number);
      for (std::size_t j = 0; j < per_class_; ++j) {
        const std::size_t row = j * ways_.size() + w;
        convert(set_->pack->pixels(image(w, j)), index, ways_[w].turns, x + row * index.image_bytes());
        y[row] = static_cast<T>(w);
      }
    }
  }

private:
  struct Way {
    std::uint32_t number, turns;  // of the class in the pack
  };

  static std::size_t largest(const ImageSet& set) {
    std::size_t most = 0;
    for (const Split split : all_splits) most = std::max(most, set.choices(split));
    for (const auto& one : set.pack->classes()) most = std::max<std::size_t>(most, one.count);
    return most;
  }

  std::uint64_t image(std::size_t w, std::size_t j) const {
    return set_->pack->classes()[ways_[w].number].first + images_[w * per_class_ + j];
  }

  /// Classes, turns and images of one task.
  void choose(Rng& rng, Purpose purpose) {
    const Split split = split_for(purpose);
    set_->check(split, this->options());
    const auto& classes = set_->of(split);
    chooser_.choose(rng, static_cast<std::uint32_t>(set_->choices(split)), choices_);
    for (std::size_t w = 0; w < ways_.size(); ++w) {
      const std::uint32_t choice = choices_[w];
      switch (set_->rotations) {
      case Rotations::none:
        ways_[w] = {classes[choice], 0};
        break;
      case Rotations::task:
        ways_[w] = {classes[choice], rng.below(all_turns)};
        break;
      case Rotations::classes:
        ways_[w] = {classes[choice / all_turns], choice % all_turns};
        break;
      }
      const auto count = static_cast<std::uint32_t>(set_->pack->classes()[ways_[w].number].count);
      chooser_.choose(rng, count, std::span(images_).subspan(w * per_class_, per_class_));
    }
  }

  const std::shared_ptr<const ImageSet> set_;
  const std::size_t per_class_;  // support and query images of a class
  Chooser chooser_;
  std::vector<std::uint32_t> choices_;
  std::vector<Way> ways_;
  std::vector<std::uint32_t> images_;  // numbers within their class, `per_class_` a way
};

class Images final : public Domain {
public:
  explicit Images(const ImageDomainOptions& options) {
    require(!options.file.empty(), "images", "needs an image pack (set data.file; maml data import makes one)");
    auto set = std::make_shared<ImageSet>();
    set->rotations = rotations_named(options.rotations);
    set->pack = ImagePack::open(options.file);
    const PackIndex& index = set->pack->index();
    require(set->rotations == Rotations::none || index.height == index.width, options.file, "has images of ",
            index.height, " x ", index.width, ", which cannot be turned (set data.rotations = \"none\")");
    require(index.classes.size() < 1u << 30, options.file, "has too many classes");
    for (std::uint32_t c = 0; c < index.classes.size(); ++c) {
      const PackedClass& one = index.classes[c];
      require(one.count < std::uint64_t{1} << 32, options.file, "has too many images in class ", one.name);
      auto& split = set->splits[static_cast<std::size_t>(one.split)];
      if (split.numbers.empty() || one.count < index.classes[split.smallest].count) split.smallest = c;
      split.numbers.push_back(c);
    }
    set_ = std::move(set);
  }
  Shape input() const override {
    const PackIndex& index = set_->pack->index();
    return Shape{{index.height, index.width, index.channels}};
  }
  std::size_t targets() const override { return 1; }
  std::size_t classes() const override { return set_->choices(Split::train); }
  std::string preparation() const override { return set_->pack->index().preparation; }
  std::string licence() const override {
    return set_->pack->index().about.find(imagenet_terms) == std::string::npos ? "" : imagenet_terms;
  }
  void check(Purpose purpose, const EpisodeOptions& options) const override {
    const Split split = split_for(purpose);
    set_->check(split, options);
    for (const std::uint32_t number : set_->of(split)) set_->pack->check(number);
  }
  std::unique_ptr<TaskGroup<float>> group_f32(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<ImageGroup<float>>(set_, tasks, options);
  }
  std::unique_ptr<TaskGroup<double>> group_f64(std::size_t tasks, const EpisodeOptions& options) const override {
    return std::make_unique<ImageGroup<double>>(set_, tasks, options);
  }

private:
  std::shared_ptr<const ImageSet> set_;
};

}  // namespace

std::unique_ptr<Domain> make_images(const ImageDomainOptions& options) {
  return std::make_unique<Images>(options);
}

}  // namespace maml
