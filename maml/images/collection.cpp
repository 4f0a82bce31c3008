#include "maml/images/collection.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <unordered_map>

#include "maml/base/error.h"
#include "maml/images/decode.h"
#include "maml/io/image_pack.h"

namespace maml {

namespace fs = std::filesystem;

namespace {

/// The extents that a picture is to have in the pack.
Shape shape_of(const Image& image, const Recipe& recipe) {
  const std::size_t channels = recipe.colours == Colours::as_they_are ? image.channels
                               : recipe.colours == Colours::grey      ? 1
                                                                      : 3;
  if (!recipe.resizes) return Shape{{image.height, image.width, channels}};
  return Shape{{recipe.height, recipe.width, channels}};
}

/// Opens the pack when the first picture says what it is to hold, and lets in none that differs.
class Writer {
public:
  Writer(std::string path, PackIndex plan)
      : path_(std::move(path)), plan_(std::move(plan)), must_be_(plan_.height > 0 ? "they should be" : "") {}

  void put(std::size_t c, std::size_t i, const Image& image, const std::string& name) {
    if (plan_.height == 0) {
      plan_.height = image.height;
      plan_.width = image.width;
    }
    if (!pack_) {
      first_ = name;
      if (must_be_.empty()) must_be_ = first_ + " is";
      plan_.channels = image.channels;
      pack_.emplace(path_, plan_);
    }
    require(image.height == plan_.height && image.width == plan_.width, name, "is ", image.height, " x ", image.width,
            " pixels, but ", must_be_, " ", plan_.height, " x ", plan_.width,
            " (maml data import images --size HxW makes all one size)");
    require(image.channels == plan_.channels, name, "is ", colours(image.channels), ", but ", first_, " is ",
            colours(plan_.channels), " (choose --grey or --colour)");
    pack_->put(c, i, image.pixels);
  }
  PackIndex finish() {
    require(pack_.has_value(), path_, "cannot be made: none of the pictures can be read");
    return pack_->finish();
  }

private:
  static const char* colours(std::size_t channels) { return channels == 1 ? "grey" : "in colour"; }

  const std::string path_;
  PackIndex plan_;
  std::optional<ImagePackWriter> pack_;
  std::string first_, must_be_;  // the first picture's name, and how extents are spoken of
};

}  // namespace

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (const auto& part : fs::path(path)) parts.push_back(part.string());
  return parts;
}

Collection::Collection(const ImportOptions& options) : options_(options) {
  require(!options.out.empty(), "import", "needs the path of the pack to write");
  std::error_code unreadable;
  require(options.overwrite || !fs::exists(options.out, unreadable), options.out,
          "exists already (choose another --out, or add --overwrite)");
  for (const auto& input : options.inputs) {
    sources_.push_back(Source::open(input));
    for (auto& path : sources_.back()->list()) {
      if (is_picture(path))
        images.push_back({std::move(path), sources_.size() - 1});
      else
        ++left_out_;
    }
  }
  require(!images.empty(), sources_text(), "holds no PNG and no JPEG (name an archive or a folder with some)");
  std::sort(images.begin(), images.end());
  const auto twice = std::adjacent_find(images.begin(), images.end(),
                                        [](const FoundImage& a, const FoundImage& b) { return a.path == b.path; });
  if (twice != images.end())
    fail(sources_text(), "more than one input holds ", twice->path, " (name each archive once)");
}

std::vector<std::string> Collection::class_names() const {
  std::vector<std::string> names;
  for (const auto& entry : classes) names.push_back(entry.first);
  return names;
}

std::string Collection::sources_text() const {
  std::string text;
  for (const auto& source : sources_) {
    const auto parts = parts_of(fs::path(source->path()).lexically_normal().string());
    const std::string name = parts.empty()                              ? ""
                             : parts.back().empty() && parts.size() > 1 ? parts[parts.size() - 2]
                                                                        : parts.back();
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

ImportSummary Collection::pack(const Recipe& recipe, const ImportCallbacks& callbacks) {
  PackIndex plan;
  plan.height = recipe.height;
  plan.width = recipe.width;
  plan.about = recipe.about;
  plan.preparation = to_text(recipe.preparation);
  std::vector<std::unordered_map<std::string, std::pair<std::size_t, std::size_t>>> places(sources_.size());
  std::size_t total = 0;
  for (auto& [name, found] : classes) {
    for (std::size_t i = 0; i < found.images.size(); ++i)
      places[found.images[i].source][found.images[i].path] = {plan.classes.size(), i};
    plan.classes.push_back({name, found.group, found.split, 0, found.images.size(), 0});
    total += found.images.size();
  }

  ImportSummary summary;
  summary.left_out = left_out_;
  Writer writer(options_.out, std::move(plan));
  std::size_t done = 0;
  for (std::size_t s = 0; s < sources_.size(); ++s) {
    const auto wanted = [&](const std::string& path) { return !summary.stopped && places[s].count(path) > 0; };
    sources_[s]->read(wanted, [&](const SourceFile& file) {
      const std::string name = sources_[s]->path() + ": " + file.path;
      std::optional<Image> image;
      try {
        require(file.fault.empty(), name, "cannot be read: ", file.fault);
        const Image picture = decode_image(file.bytes, name);
        image = prepared(picture, recipe.preparation, shape_of(picture, recipe));
      } catch (const Error& error) {
        if (options_.on_broken == OnBroken::fail) throw;
        ++summary.broken;
        if (callbacks.notice) callbacks.notice(error.what());
      }
      const auto [c, i] = places[s].at(file.path);
      if (image) writer.put(c, i, *image, name);
      if (callbacks.progress) callbacks.progress(++done, total);
      summary.stopped = callbacks.stop && callbacks.stop();
    });
  }
  if (!summary.stopped) summary.index = writer.finish();
  return summary;
}

}  // namespace maml
