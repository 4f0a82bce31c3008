#include "maml/io/tensorboard_events.h"
#include "maml/io/tensorboard_hparams.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/error_of.h"
#include "tests/support/events.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace maml;
using maml::test::error_of;
using maml::test::read_events;
using maml_test::put_bytes;
using maml_test::ScratchFolder;

namespace {

/// `4142 ff`: bytes from hexadecimal digits.
std::string bytes(const std::string& digits) {
  std::string text, pair;
  for (const char digit : digits) {
    if (digit == ' ') continue;
    pair += digit;
    if (pair.size() < 2) continue;
    text += static_cast<char>(std::stoi(pair, nullptr, 16));
    pair.clear();
  }
  return text;
}

std::string content_of(const EventSummary& summary, const std::string& tag) {
  return read_events(summary_record({1.5, 0}, summary)).at(0).plugin_data.at(tag);
}

/// The first bytes of a PNG file.
std::string png_header(char color_kind) {
  return bytes("89504e470d0a1a0a 0000000d 49484452 00000280 000001e0 08") + color_kind + std::string(10, '\0');
}

}  // namespace

TEST_CASE("CRC-32C gives RFC 3720's values") {
  CHECK(crc32c("") == 0);
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  std::string rising;
  for (char c = 0; c < 32; ++c) rising += c;
  CHECK(crc32c(rising) == 0x46dd794eu);
}

// The bytes that the Python package tensorboard 2.21 writes of the same messages.

TEST_CASE("event records: framing, version, start and scalar have TensorBoard's bytes") {
  CHECK(framed_record("maml") == bytes("0400000000000000 42455204 6d616d6c dc01a846"));
  CHECK(framed_record("") == bytes("0000000000000000 29039807 d8ea82a2"));
  CHECK(version_record(1.5) ==
        bytes("1800000000000000a37f4b22 09000000000000f83f 1a0d627261696e2e4576656e743a32 2a28646c"));
  CHECK(start_record({1.5, 7}) == bytes("0f000000000000006d532b09 09000000000000f83f 1007 3a020801 774771c7"));
  EventSummary summary;
  summary.add_scalar("train/loss", 0.5);
  CHECK(summary_record({1.5, 300}, summary) == bytes("2100000000000000017becf6 09000000000000f83f 10ac02 2a13 0a11"
                                                     "0a0a747261696e2f6c6f7373 150000003f b56a6431"));
}

TEST_CASE("event records: hyper-parameters have TensorBoard's bytes") {
  const std::vector<Hparam> hparams = {{"a", "h", 0.25}};
  EventSummary experiment, start, end;
  add_hparams_experiment(experiment, hparams, {{"t", "l", true}}, 2.5);
  CHECK(content_of(experiment, "_hparams_/experiment") ==
        bytes("121f 190000000000000440 22080a01611a01682003 2a0a0a03120174 1a016c2801"));
  add_hparams_start(start, hparams, 2.5);
  CHECK(content_of(start, "_hparams_/session_start_info") ==
        bytes("1a19 0a0e0a0161120911000000000000d03f 290000000000000440"));
  add_hparams_end(end, 2.5);
  CHECK(content_of(end, "_hparams_/session_end_info") == bytes("220b 0801 110000000000000440"));
}

TEST_CASE("event summary: what is not a number is left out, infinity stays") {
  EventSummary summary;
  summary.add_scalar("a", std::nan(""));
  CHECK(summary.is_empty());
  CHECK(summary_record({}, summary).empty());
  summary.add_scalar("b", -std::numeric_limits<double>::infinity());
  const auto event = read_events(summary_record({2, -1}, summary)).at(0);
  CHECK(event.scalars == std::map<std::string, float>{{"b", -std::numeric_limits<float>::infinity()}});
  CHECK(event.step == -1);
}

TEST_CASE("event summary: a picture's size and channels come from the PNG; what is none is refused") {
  EventSummary summary;
  summary.add_png("grey", png_header(0), "grey.png");
  summary.add_png("rgb", png_header(2), "rgb.png");
  summary.add_png("rgba", png_header(6), "rgba.png");
  const auto event = read_events(summary_record({1, 2}, summary)).at(0);
  CHECK(event.pictures.at("grey") == std::vector<int>{480, 640, 1});
  CHECK(event.pictures.at("rgb") == std::vector<int>{480, 640, 3});
  CHECK(event.pictures.at("rgba") == std::vector<int>{480, 640, 4});
  CHECK(error_of([&] { summary.add_png("x", "GIF89a and more than a header's bytes", "x.png"); }) ==
        "[x.png] is no PNG file (draw it again)");
  CHECK(error_of([&] { summary.add_png("x", png_header(0).substr(0, 20), "x.png"); }) != "");
}

TEST_CASE("event records: a torn or altered one ends what is read") {
  EventSummary summary;
  summary.add_scalar("a", 1);
  const std::string first = version_record(1), second = summary_record({2, 3}, summary), both = first + second;
  std::string rest;
  for (std::size_t size = first.size(); size < both.size(); ++size) {
    CHECK(read_events(both.substr(0, size), &rest).size() == 1);
    CHECK(rest.size() == size - first.size());
  }
  for (std::size_t at = first.size(); at < both.size(); ++at) {
    std::string altered = both;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    CHECK(read_events(altered).size() == 1);
  }
  CHECK(read_events(both, &rest).at(1).scalars.at("a") == 1);
  CHECK(rest.empty());
}

TEST_CASE("event files: a new one comes after those there, whatever the clock says") {
  const ScratchFolder folder;
  CHECK(event_files(folder.path()).empty());
  CHECK(event_files(folder.file("none")).empty());
  const std::string first = next_event_file(folder.path(), 1764367200.7);
  CHECK(first == folder.file("events.out.tfevents.1764367200.maml"));
  put_bytes(first, "");
  put_bytes(folder.file("events.out.tfevents.9999999999.elsewhere"), "");
  CHECK(next_event_file(folder.path(), 1764367300) == folder.file("events.out.tfevents.1764367300.maml"));
  CHECK(next_event_file(folder.path(), 1764367200.9) == folder.file("events.out.tfevents.1764367201.maml"));
  const std::string second = next_event_file(folder.path(), 5);
  CHECK(second == folder.file("events.out.tfevents.1764367201.maml"));
  put_bytes(second, "");
  CHECK(event_files(folder.path()) == std::vector<std::string>{first, second});
}
