#include "maml/images/preparation.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "maml/base/error.h"
#include "maml/images/class_folders.h"
#include "maml/images/decode.h"
#include "maml/images/import.h"
#include "maml/io/image_pack.h"
#include "tests/images/pictures.h"
#include "tests/io/scratch_folder.h"

using namespace maml;
using namespace maml_test;

namespace {

/// Whether every picture of a folder, prepared as its pack says, has the bytes that it has there.
void check_prepared_again(const ImagePack& pack, const std::string& folder, const std::vector<std::string>& of_class) {
  const PackIndex& index = pack.index();
  const auto preparation = parse_preparation(index.preparation, pack.path());
  REQUIRE(index.classes.size() == of_class.size());
  for (std::size_t c = 0; c < of_class.size(); ++c) {
    const auto paths = find_pictures(folder + "/" + of_class[c]);
    REQUIRE(paths.size() == index.classes[c].count);
    for (std::size_t i = 0; i < paths.size(); ++i) {
      CAPTURE(paths[i]);
      const Image image =
          prepared(read_picture(paths[i]), preparation, Shape{{index.height, index.width, index.channels}});
      REQUIRE(image.pixels.size() == index.image_bytes());
      CHECK(std::memcmp(image.pixels.data(), pack.pixels(index.classes[c].first + i), image.pixels.size()) == 0);
    }
  }
}

}  // namespace

TEST_CASE("preparation: its text and back, and what else is refused") {
  for (const auto& name : filter_names())
    for (const bool inverted : {false, true}) {
      const Preparation preparation{filter_named(name), inverted};
      CHECK(to_text(preparation) == name + (inverted ? " inverted" : ""));
      CHECK(parse_preparation(to_text(preparation), "x") == preparation);
    }
  CHECK_THROWS_WITH_AS(parse_preparation("", "run"), doctest::Contains("[run] '' does not begin with a filter"), Error);
  CHECK_THROWS_WITH_AS(parse_preparation("nearst", "run"), doctest::Contains("did you mean nearest?"), Error);
  CHECK_THROWS_WITH_AS(parse_preparation("nearest invertd", "run"), doctest::Contains("did you mean inverted?"), Error);
  CHECK_THROWS_WITH_AS(parse_preparation("nearest inverted twice", "run"), doctest::Contains("says more"), Error);
}

TEST_CASE("preparation: grey or colour, size, ink") {
  Image picture(2, 2, 3);
  picture.pixels = {255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 0, 255};
  const Image grey = prepared(picture, {Filter::nearest, true}, Shape{{2, 2, 1}});
  CHECK(grey.pixels == std::vector<std::uint8_t>{0, 255, 255 - 76, 255 - 29});
  const Image larger = prepared(grey, {Filter::nearest, false}, Shape{{4, 2, 3}});
  CHECK((larger.height == 4 && larger.width == 2 && larger.channels == 3));
  CHECK(larger.pixels[0] == 0);
  CHECK(larger.pixels[3] == 255);
  CHECK_THROWS_WITH_AS(prepared(picture, {}, Shape{{2, 2, 2}}), doctest::Contains("height x width x 1, or x 3"), Error);
  CHECK_THROWS_AS(prepared(picture, {}, Shape{{4}}), Error);
}

TEST_CASE("preparation: a data set's pictures prepared again are the bytes of its pack") {
  const ScratchFolder folder;
  Files characters, photos;
  for (std::uint64_t c = 0; c < 3; ++c)
    for (std::uint64_t i = 0; i < 2; ++i) {
      const std::string name = std::to_string(c) + "/" + std::to_string(i);
      characters.emplace_back("images_background/a/" + name + ".png",
                              png(drawn_character(c, i), {1, false, false, false}));
      photos.emplace_back(name + ".jpg", jpeg(photo_like(c, i, 84, 84)));
    }
  ImportOptions options;
  options.out = folder.file("out.maml");
  options.overwrite = true;
  const std::vector<std::string> classes = {"0", "1", "2"};

  write_folder(folder.file("characters"), characters);
  options.inputs = {folder.file("characters")};
  options.split = "1/1/1";
  for (const Filter filter : {Filter::nearest, Filter::bilinear, Filter::lanczos}) {
    options.filter = filter;
    CHECK(import_omniglot(options).index.preparation == std::string(to_string(filter)) + " inverted");
    check_prepared_again(*ImagePack::open(options.out), folder.file("characters") + "/images_background/a", classes);
  }

  write_folder(folder.file("photos"), photos);
  options.inputs = {folder.file("photos")};
  options.filter = {};
  for (const auto colours : {Colours::as_they_are, Colours::grey})
    for (const std::size_t side : {0, 20}) {
      options.colours = colours;
      options.height = options.width = side;
      CHECK(import_images(options).index.preparation == "lanczos");
      check_prepared_again(*ImagePack::open(options.out), folder.file("photos"), classes);
    }

  ImportOptions three;
  three.out = options.out;
  three.overwrite = true;
  for (const auto& name : classes) {
    write_folder(folder.file("part" + name), {{name + "/0.jpg", jpeg(photo_like(7, name[0], 84, 84))}});
    write_folder(folder.file("all"), {{name + "/0.jpg", jpeg(photo_like(7, name[0], 84, 84))}});
    three.inputs.push_back(folder.file("part" + name));
  }
  CHECK(import_mini_imagenet(three).index.preparation == "lanczos");
  check_prepared_again(*ImagePack::open(three.out), folder.file("all"), classes);
}

TEST_CASE("class folders: names and pictures in order, and what is no such folder") {
  const ScratchFolder folder;
  const std::string picture = png(Image(4, 4, 1));
  write_folder(folder.file("own"), {{"b/2.png", picture},
                                    {"b/deep/1.JPG", picture},
                                    {"a/x.jpeg", picture},
                                    {"a/.hidden.png", picture},
                                    {"a/notes.txt", "x"},
                                    {".trash/x.png", picture},
                                    {"readme.txt", "x"}});
  const auto found = find_classes(folder.file("own"));
  CHECK(found.classes == std::vector<std::string>{"a", "b"});
  REQUIRE(found.pictures.size() == 3);
  CHECK(found.pictures[0].path == folder.file("own") + "/a/x.jpeg");
  CHECK(found.pictures[2].path == folder.file("own") + "/b/deep/1.JPG");
  CHECK((found.pictures[0].label == 0 && found.pictures[1].label == 1 && found.pictures[2].label == 1));
  CHECK(find_pictures(folder.file("own") + "/b").size() == 2);
  CHECK(find_pictures(folder.file("own") + "/b/2.png") == std::vector<std::string>{folder.file("own") + "/b/2.png"});
  CHECK(read_picture(folder.file("own") + "/b/2.png").width == 4);

  const auto refused = [&](const std::string& text) {
    CHECK_THROWS_WITH_AS(find_classes(folder.file("own")), doctest::Contains(text.c_str()), Error);
  };
  write_folder(folder.file("own"), {{"c/notes.txt", "x"}});
  refused("has no PNG and no JPEG in its class c");
  write_folder(folder.file("own"), {{"top.png", picture}});
  refused("holds top.png beside its classes");
  write_folder(folder.file("one"), {{"a/1.png", picture}});
  CHECK_THROWS_WITH_AS(find_classes(folder.file("one")), doctest::Contains("holds one class only, a"), Error);
  CHECK_THROWS_WITH_AS(find_classes(folder.file("one") + "/a/1.png"), doctest::Contains("is no folder"), Error);
  CHECK_THROWS_WITH_AS(find_pictures(folder.file("none")), doctest::Contains("does not exist"), Error);
  write_folder(folder.file("empty"), {{"a/1.txt", "x"}});
  CHECK_THROWS_WITH_AS(find_pictures(folder.file("empty")), doctest::Contains("holds no PNG and no JPEG"), Error);
}
