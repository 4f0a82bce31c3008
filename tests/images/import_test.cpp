#include "maml/images/import.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "maml/base/error.h"
#include "maml/images/decode.h"
#include "maml/images/sheet.h"
#include "maml/io/image_pack.h"
#include "tests/images/pictures.h"
#include "tests/io/scratch_folder.h"

using namespace maml;
using namespace maml_test;

namespace {

constexpr std::uint64_t drawings = 3;

/// Alphabets of so many characters, as Omniglot's archives have them.
Files characters(const std::string& top, std::size_t alphabets, std::size_t of_each) {
  Files files;
  for (std::size_t a = 0; a < alphabets; ++a)
    for (std::size_t c = 0; c < of_each; ++c)
      for (std::uint64_t d = 0; d < drawings; ++d)
        files.emplace_back(top + "/" + top.substr(7, 1) + std::to_string(a) + "/character0" + std::to_string(c) + "/0" +
                               std::to_string(d) + ".png",
                           png(drawn_character(top.size() * 1000 + a * 100 + c, d), {1, false, false, false}));
  return files;
}

Files photos(const std::vector<std::string>& classes, std::uint64_t shots, std::size_t height = 20,
             std::size_t width = 20) {
  Files files;
  for (std::size_t c = 0; c < classes.size(); ++c)
    for (std::uint64_t i = 0; i < shots; ++i)
      files.emplace_back(classes[c] + "/" + std::to_string(i) + ".jpg", jpeg(photo_like(c, i, height, width)));
  return files;
}

ImportOptions into(const ScratchFolder& folder, std::vector<std::string> inputs) {
  ImportOptions options;
  options.inputs = std::move(inputs);
  options.out = folder.file("out.maml");
  options.overwrite = true;
  return options;
}

using Import = ImportSummary (*)(const ImportOptions&, const ImportCallbacks&);

/// What the import complains of; it must leave nothing new behind.
std::string refusal(const ScratchFolder& folder, Import import, const ImportOptions& options) {
  const std::size_t before = folder.files();
  std::string text;
  try {
    (void)import(options, {});
  } catch (const Error& error) {
    text = error.what();
  }
  CHECK(folder.files() == before);
  return text;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

std::map<std::string, Split> splits_of(const PackIndex& index) {
  std::map<std::string, Split> splits;
  for (const auto& one : index.classes) splits[one.name] = one.split;
  return splits;
}

}  // namespace

TEST_CASE("import: Omniglot, the same pack however it is packed") {
  const ScratchFolder folder;
  Files background = characters("images_background", 3, 4), evaluation = characters("images_evaluation", 2, 3);
  write_folder(folder.file("both"), background);
  write_folder(folder.file("both"), evaluation);
  std::reverse(background.begin(), background.end());
  std::rotate(evaluation.begin(), evaluation.begin() + 5, evaluation.end());
  write_archive(folder.file("b.zip"), background);
  write_archive(folder.file("e.tar.gz"), evaluation);

  auto options = into(folder, {folder.file("b.zip"), folder.file("e.tar.gz")});
  options.split = "10/3/5";
  std::size_t calls = 0, last = 0;
  ImportCallbacks callbacks;
  callbacks.progress = [&](std::size_t done, std::size_t all) {
    CHECK(all == 54);
    last = done;
    ++calls;
  };
  const auto summary = import_omniglot(options, callbacks);
  CHECK((calls == 54 && last == 54));
  CHECK((summary.broken == 0 && summary.left_out == 0 && !summary.stopped));
  const auto pack = ImagePack::open(options.out);
  pack->verify();
  CHECK((pack->index().height == 28 && pack->index().width == 28 && pack->index().channels == 1));
  REQUIRE(pack->classes().size() == 18);
  CHECK(pack->classes()[0].name == "b0/character00");
  CHECK(pack->classes()[0].group == "b0");
  CHECK(pack->classes()[17].name == "e1/character02");
  std::map<Split, int> counts;
  for (const auto& one : pack->classes()) {
    ++counts[one.split];
    CHECK(one.count == drawings);
  }
  CHECK(counts == std::map<Split, int>{{Split::train, 10}, {Split::validation, 3}, {Split::test, 5}});
  const Image drawn = resize(drawn_character(17 * 1000 + 102, 1), 28, 28, Filter::nearest);
  const std::uint8_t* pixels = pack->pixels(pack->classes()[6].first + 1);
  CHECK(pack->classes()[6].name == "b1/character02");
  for (std::size_t i = 0; i < 784; ++i) CHECK(pixels[i] == 255 - drawn.pixels[i]);

  const std::string bytes = bytes_of(options.out);
  options.inputs = {folder.file("both")};
  (void)import_omniglot(options);
  std::string other = bytes_of(options.out);
  CHECK(other.size() < bytes.size());  // it speaks of other sources
  CHECK(other.substr(4096, 54 * 784) == bytes.substr(4096, 54 * 784));
  CHECK(splits_of(ImagePack::open(options.out)->index()) == splits_of(pack->index()));
  options.split_seed = 1;
  CHECK(splits_of(import_omniglot(options).index) != splits_of(pack->index()));
}

TEST_CASE("import: Omniglot's splits, and grey ones through real Lanczos") {
  const ScratchFolder folder;
  write_archive(folder.file("images_background.zip"), characters("images_background", 2, 3));
  write_archive(folder.file("images_evaluation.zip"), characters("images_evaluation", 1, 2));
  auto options = into(folder, {folder.file("images_background.zip"), folder.file("images_evaluation.zip")});
  options.split = "background/evaluation";
  options.filter = Filter::lanczos;
  const auto summary = import_omniglot(options);
  for (const auto& one : summary.index.classes) CHECK(one.split == (one.name[0] == 'b' ? Split::train : Split::test));
  const auto pack = ImagePack::open(options.out);
  const std::uint8_t* pixels = pack->pixels(0);
  CHECK(std::any_of(pixels, pixels + 784, [](std::uint8_t value) { return value > 0 && value < 255; }));
  options.split = "6/2";
  const auto without = splits_of(import_omniglot(options).index);
  CHECK(std::none_of(without.begin(), without.end(), [](const auto& one) { return one.second == Split::validation; }));
  options.split = "";
  CHECK(contains(refusal(folder, import_omniglot, options),
                 "has 8 classes, but --split deals out 1100 + 100 + 423 = 1623"));
  options.split = "50%/30%/30%";
  CHECK(contains(refusal(folder, import_omniglot, options), "does not add up to 100%"));
  options.inputs.push_back(options.inputs[0]);
  CHECK(contains(refusal(folder, import_omniglot, options), "more than one input holds images_background/b0"));
  write_archive(folder.file("flat.zip"), {{"character01/1.png", png(drawn_character(1, 1))}});
  options.inputs = {folder.file("flat.zip")};
  CHECK(contains(refusal(folder, import_omniglot, options), "ALPHABET/CHARACTER/DRAWING.png"));
}

TEST_CASE("import: mini-ImageNet from three archives") {
  const ScratchFolder folder;
  write_archive(folder.file("train.zip"), photos({"train/n1", "train/n2", "train/n3"}, 2, 84, 84));
  write_archive(folder.file("val.zip"), photos({"val/n4"}, 2, 84, 84));
  Files test = photos({"test/n5", "test/n6"}, 2, 84, 84);
  Image grey(84, 84, 1);
  test.emplace_back("test/n5/9.jpg", jpeg(grey));
  write_archive(folder.file("test.zip"), test);
  auto options = into(folder, {folder.file("train.zip"), folder.file("val.zip"), folder.file("test.zip")});
  const auto summary = import_mini_imagenet(options);
  REQUIRE(summary.index.classes.size() == 6);
  CHECK(summary.index.images() == 13);
  CHECK(summary.index.channels == 3);
  CHECK(contains(summary.index.about, "non-commercial"));
  const auto splits = splits_of(summary.index);
  CHECK((splits.at("n3") == Split::train && splits.at("n4") == Split::validation && splits.at("n6") == Split::test));
  std::swap(options.inputs[0], options.inputs[1]);
  CHECK(contains(refusal(folder, import_mini_imagenet, options),
                 "is to be the pictures for validation, but holds train/n1"));
  options.inputs.pop_back();
  CHECK(contains(refusal(folder, import_mini_imagenet, options), "needs three inputs"));
  write_archive(folder.file("small.zip"), photos({"n7"}, 1, 80, 84));
  options.inputs = {folder.file("train.zip"), folder.file("small.zip"), folder.file("test.zip")};
  CHECK(contains(refusal(folder, import_mini_imagenet, options), "is 80 x 84 pixels, but they should be 84 x 84"));
}

TEST_CASE("import: folders of pictures at any depth, split by shares, by folder and by list") {
  const ScratchFolder folder;
  const std::vector<std::string> names = {"trees/oak", "trees/elm", "trees/elm/old", "herbs/mint", "herbs/sage"};
  Files files = photos(names, 3);
  files.emplace_back("readme.txt", "x");
  for (auto& file : files) file.first.insert(0, "plants/");
  write_archive(folder.file("plants.zip"), files);
  auto options = into(folder, {folder.file("plants.zip")});
  options.split = "60%/20%/20%";
  const auto by_shares = import_images(options);
  CHECK(by_shares.left_out == 1);
  REQUIRE(by_shares.index.classes.size() == 5);
  CHECK((by_shares.index.height == 20 && by_shares.index.width == 20 && by_shares.index.channels == 3));
  CHECK(by_shares.index.classes[2].name == "trees/elm");
  CHECK(by_shares.index.classes[3].name == "trees/elm/old");
  CHECK(by_shares.index.classes[3].group == "trees/elm");
  std::map<Split, int> counts;
  for (const auto& one : by_shares.index.classes) ++counts[one.split];
  CHECK(counts == std::map<Split, int>{{Split::train, 3}, {Split::validation, 1}, {Split::test, 1}});

  options.split = folder.file("list.csv");
  put_bytes(options.split, "class,split\nherbs/mint,train\r\nherbs/sage,test\ntrees/oak,val\ntrees/elm,train\n");
  CHECK(contains(refusal(folder, import_images, options), "does not list class trees/elm/old"));
  put_bytes(options.split, bytes_of(options.split) + "trees/elm/old,train\n");
  CHECK(splits_of(import_images(options).index).at("trees/oak") == Split::validation);
  put_bytes(options.split, "herbs/mnit,train\n");
  CHECK(contains(refusal(folder, import_images, options), "has no class herbs/mnit; did you mean herbs/mint?"));
  put_bytes(options.split, "herbs/mint\n");
  CHECK(contains(refusal(folder, import_images, options), "line 1 is not of the form class,split"));

  write_folder(folder.file("own"), photos({"train/a", "train/b", "val/c", "test/deep/d"}, 2));
  options.inputs = {folder.file("own")};
  options.split = "";
  options.height = 7;
  options.width = 9;
  options.colours = Colours::grey;
  const auto own = import_images(options);
  CHECK((own.index.height == 7 && own.index.width == 9 && own.index.channels == 1));
  CHECK(splits_of(own.index) ==
        std::map<std::string, Split>{
            {"a", Split::train}, {"b", Split::train}, {"c", Split::validation}, {"deep/d", Split::test}});
  write_folder(folder.file("own"), photos({"test/a"}, 1));
  CHECK(contains(refusal(folder, import_images, options), "class a is in test and in train"));
  options.inputs = {folder.file("plants.zip")};
  options.split = "folders";
  CHECK(contains(refusal(folder, import_images, options), "does not have train, val and test at its top"));
  options.split = "100/10/10";
  CHECK(contains(refusal(folder, import_images, options), "has 5 classes, but --split deals out"));
  options.split = "98%/1%/1%";
  CHECK(contains(refusal(folder, import_images, options), "too few classes (5) for a share of 1 % for validation"));
}

TEST_CASE("import: bad folders of pictures are refused, broken pictures refused or skipped") {
  const ScratchFolder folder;
  const auto refused = [&](const Files& files, const std::string& part, OnBroken on_broken = OnBroken::fail) {
    const ScratchFolder own;
    write_folder(own.file("pictures"), files);
    auto options = into(own, {own.file("pictures")});
    options.split = "50%/50%";
    options.on_broken = on_broken;
    const std::string text = refusal(own, import_images, options);
    CAPTURE(text);
    CHECK(contains(text, part));
  };
  const Files good = photos({"a", "b"}, 2);
  const auto with = [&](const std::string& name, const std::string& bytes) {
    Files files = good;
    files.emplace_back(name, bytes);
    return files;
  };
  refused({{"readme.txt", "x"}}, "[pictures] holds no PNG and no JPEG");
  refused(photos({"a"}, 3), "has one class only, a");
  refused(with("top.png", good[0].second), "top.png lies in no folder");
  refused(with("b/z.jpg", jpeg(photo_like(1, 1, 21, 20))), "b/z.jpg] is 21 x 20 pixels, but ");
  refused(with("b/z.jpg", jpeg(Image(20, 20, 1))), "b/z.jpg] is grey, but ");
  for (const auto on_broken : {OnBroken::fail, OnBroken::skip})
    refused({{"a/1.png", png(Image(4, 4, 1))}, {"b/1.png", "junk"}},
            on_broken == OnBroken::fail ? "b/1.png] is neither PNG nor JPEG" : "[b] has no image that can be read",
            on_broken);
  refused({{"a/1.png", ""}, {"b/1.png", "junk"}}, "none of the pictures can be read", OnBroken::skip);

  Files files = with("b/z.jpg", "");
  files.emplace_back("a/0.png", png(photo_like(9, 9, 20, 20), {16, false, false, false}));
  files.emplace_back("a/cut.JPEG", good[0].second.substr(0, good[0].second.size() / 2));
  write_folder(folder.file("pictures"), files);
  auto options = into(folder, {folder.file("pictures")});
  options.split = "1/1";
  std::vector<std::string> notices;
  ImportCallbacks callbacks;
  callbacks.notice = [&](const std::string& text) { notices.push_back(text); };
  CHECK(contains(refusal(folder, import_images, options), "a/0.png] has 16 bits a channel"));
  options.on_broken = OnBroken::skip;
  const auto summary = import_images(options, callbacks);
  CHECK(summary.broken == 3);
  REQUIRE(notices.size() == 3);
  CHECK(contains(notices[1], "a/cut.JPEG] is a broken JPEG"));
  CHECK(summary.index.images() == 4);
  ImagePack::open(options.out)->verify();

  options.overwrite = false;
  CHECK(contains(refusal(folder, import_images, options), "exists already (choose another --out, or add --overwrite)"));
  options.out = folder.file("stopped.maml");
  callbacks.stop = [] { return true; };
  CHECK(import_images(options, callbacks).stopped);
  CHECK(folder.files() == 2);
}

TEST_CASE("sheet: a row of images for each class") {
  const ScratchFolder folder;
  write_folder(folder.file("own"), photos({"train/a", "train/b", "train/c", "test/d"}, 3, 10, 12));
  auto options = into(folder, {folder.file("own")});
  (void)import_images(options);
  const auto pack = ImagePack::open(options.out);
  SheetOptions wanted;
  wanted.classes = 2;
  wanted.split = Split::train;
  const Sheet sheet = draw_sheet(*pack, wanted);
  CHECK(sheet.classes == std::vector<std::size_t>{0, 1});
  CHECK(sheet.columns == 3);
  const Image picture = decode_image(sheet.png, "sheet");
  CHECK((picture.height == 2 + 2 * 12 && picture.width == 2 + 3 * 14 && picture.channels == 3));
  const std::uint8_t* second = picture.pixels.data() + ((2 + 12 + 4) * picture.width + 2 + 2 * 14) * 3;
  CHECK(std::memcmp(second, pack->pixels(5) + 4 * 12 * 3, 36) == 0);
  wanted.split = Split::validation;
  CHECK_THROWS_WITH_AS(draw_sheet(*pack, wanted), doctest::Contains("has no classes in its split validation"), Error);
  wanted.split = {};
  wanted.images = 0;
  CHECK_THROWS_AS(draw_sheet(*pack, wanted), Error);
}
