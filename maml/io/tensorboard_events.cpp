#include "maml/io/tensorboard_events.h"

#include "maml/base/error.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include <protozero/pbf_writer.hpp>

namespace maml {

namespace {

using protozero::pbf_writer;

// Fields of the messages, by their numbers in TensorFlow's event.proto and summary.proto.
namespace event {
enum : std::uint32_t { wall_time = 1, step = 2, file_version = 3, summary = 5, session_log = 7 };
}
namespace session_log {
enum : std::uint32_t { status = 1 };
constexpr int start = 1;
}  // namespace session_log
namespace summary {
enum : std::uint32_t { value = 1 };
}
namespace value {
enum : std::uint32_t { tag = 1, simple_value = 2, image = 4, metadata = 9 };
}
namespace image {
enum : std::uint32_t { height = 1, width = 2, colorspace = 3, encoded = 4 };
}
namespace metadata {
enum : std::uint32_t { plugin_data = 1 };
}
namespace plugin_data {
enum : std::uint32_t { name = 1, content = 2 };
}

const std::string file_prefix = "events.out.tfevents.", file_suffix = ".maml";

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
    table[i] = crc;
  }
  return table;
}();

/// The checksum as records hold it: turned and moved, so that the checksum of data that hold checksums stays good.
std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

template <class Number> std::string little_endian(Number number) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof number; ++i) bytes += static_cast<char>(number >> (8 * i) & 255);
  return bytes;
}

/// Four bytes of a PNG file, the most significant first.
std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char byte : bytes.substr(0, 4)) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

/// Channels that a PNG's kind of colour is shown in (1: grey, 2: grey and alpha, 3: RGB, 4: RGB and alpha).
int channels(char kind) {
  switch (kind) {
  case 0:
    return 1;
  case 4:
    return 2;
  case 6:
    return 4;
  default:
    return 3;
  }
}

/// The record of an event with one field beside its time.
template <class Add> std::string event_record(EventTime time, Add add_field) {
  std::string message;
  pbf_writer writer(message);
  writer.add_double(event::wall_time, time.seconds);
  if (time.step != 0) writer.add_int64(event::step, time.step);
  add_field(writer);
  return framed_record(message);
}

/// A `Value` within a `Summary`.
template <class Add> std::string tagged_value(const std::string& tag, Add add_field) {
  std::string message, field;
  pbf_writer writer(message);
  writer.add_string(value::tag, tag);
  add_field(writer);
  pbf_writer(field).add_message(summary::value, message);
  return field;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char byte : bytes) crc = crc >> 8 ^ crc_table[(crc ^ static_cast<unsigned char>(byte)) & 255];
  return ~crc;
}

std::string framed_record(std::string_view payload) {
  const std::string length = little_endian(std::uint64_t{payload.size()});
  std::string record = length + little_endian(masked_crc(length));
  record.append(payload);
  return record + little_endian(masked_crc(payload));
}

double event_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void EventSummary::add_scalar(const std::string& tag, double number) {
  if (std::isnan(number)) return;
  add(tagged_value(tag, [&](auto& writer) { writer.add_float(value::simple_value, static_cast<float>(number)); }));
}

void EventSummary::add_png(const std::string& tag, std::string_view png, const std::string& name) {
  // Signature, then the chunk IHDR: length, name, width, height, depth, kind of colour.
  require(png.size() > 26 && png.substr(0, 8) == "\x89PNG\r\n\x1a\n" && png.substr(12, 4) == "IHDR", name,
          "is no PNG file (draw it again)");
  std::string message;
  pbf_writer picture(message);
  picture.add_int32(image::height, static_cast<std::int32_t>(big_endian(png.substr(20))));
  picture.add_int32(image::width, static_cast<std::int32_t>(big_endian(png.substr(16))));
  picture.add_int32(image::colorspace, channels(png[25]));
  picture.add_bytes(image::encoded, png.data(), png.size());
  add(tagged_value(tag, [&](auto& writer) { writer.add_message(value::image, message); }));
}

void EventSummary::add_plugin_data(const std::string& tag, const std::string& plugin, const std::string& content) {
  std::string data, message;
  pbf_writer writer(data);
  writer.add_string(plugin_data::name, plugin);
  writer.add_bytes(plugin_data::content, content);
  pbf_writer(message).add_message(metadata::plugin_data, data);
  add(tagged_value(tag, [&](auto& of_value) { of_value.add_message(value::metadata, message); }));
}

std::string version_record(double seconds) {
  return event_record({seconds, 0}, [](auto& writer) { writer.add_string(event::file_version, "brain.Event:2"); });
}

std::string start_record(EventTime time) {
  std::string log;
  pbf_writer(log).add_enum(session_log::status, session_log::start);
  return event_record(time, [&](auto& writer) { writer.add_message(event::session_log, log); });
}

std::string summary_record(EventTime time, const EventSummary& shown) {
  if (shown.is_empty()) return "";
  return event_record(time, [&](auto& writer) { writer.add_message(event::summary, shown.message()); });
}

std::vector<std::string> event_files(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code unreadable;
  for (const auto& entry : std::filesystem::directory_iterator(folder, unreadable)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(file_prefix) && name.ends_with(file_suffix)) files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string next_event_file(const std::string& folder, double seconds) {
  auto stamp = static_cast<long long>(seconds);
  if (const auto files = event_files(folder); !files.empty()) {
    // A clock may have been set back, and a second is long.
    const std::string name = std::filesystem::path(files.back()).filename().string();
    long long last = 0;
    std::from_chars(name.data() + file_prefix.size(), name.data() + name.size(), last);
    stamp = std::max(stamp, last + 1);
  }
  char digits[32];
  std::snprintf(digits, sizeof digits, "%010lld", stamp);
  return folder + "/" + file_prefix + digits + file_suffix;
}

}  // namespace maml
